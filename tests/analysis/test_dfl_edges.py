import pytest
import torch

from teachkit.analysis.dfl_edges import edges_of, entropy
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.punish.criterion import Criterion
from teachkit.structures import GroundTruth


@pytest.fixture(scope="module")
def batch():
    return next(iter(load_data("shapes", "val", device="cpu", batch_size=4)))


def test_their_mean_is_the_dfl_of_the_criterion(batch):
    predictions = Detector(4, device="cpu").eval()(batch.images)
    edges = edges_of(predictions, batch.ground_truth)
    assert edges.dfl() == pytest.approx(Criterion()(predictions, batch.ground_truth).dfl.item(), rel=1e-5)
    assert 0 < edges.floor() < edges.dfl()
    assert edges.off() > 0
    assert torch.allclose((edges.target * torch.arange(16.0)).sum(-1), edges.distances, atol=1e-4)


def test_without_objects_there_are_no_edges(batch):
    nothing = GroundTruth.from_lists([torch.zeros(0, 4)] * 4, [torch.zeros(0, dtype=torch.int64)] * 4)
    assert len(edges_of(Detector(4, device="cpu")(batch.images), nothing)) == 0


def test_entropy_is_that_of_torch():
    shares = torch.rand(5, 16, generator=torch.Generator().manual_seed(0)).softmax(-1)
    assert torch.allclose(entropy(shares), torch.distributions.Categorical(shares).entropy())
    assert entropy(torch.tensor([1.0, 0, 0])) == 0
