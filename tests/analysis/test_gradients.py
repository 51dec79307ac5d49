import math

import pytest
import torch

from teachkit.analysis.gradients import GradientShare, frozen, gradient_share, loss_gradients, parts_of, signal_by_part
from teachkit.experiments.recorded import detector
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion
from teachkit.structures import Batch, GroundTruth, LossWeights

NAMES = ("box", "cls", "dfl")


@pytest.fixture
def model() -> Detector:
    return Detector(3, device="cpu", widths=(8, 8, 16), neck=16).train()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    boxes = [torch.tensor([[5.0, 6.0, 40.0, 44.0], [30.0, 20.0, 60.0, 50.0]]), torch.tensor([[10.0, 10.0, 34.0, 30.0]])]
    truth = GroundTruth.from_lists(boxes, [torch.tensor([0, 2]), torch.tensor([1])])
    return Batch(torch.rand(2, 3, 64, 64, generator=generator), truth, ["a", "b"])


@pytest.mark.parametrize(
    "weights", [LossWeights(), LossWeights(1, 1, 1), LossWeights(0, 3, 0.2), LossWeights(75, 5, 15)]
)
def test_the_weighted_gradients_sum_to_the_gradient_of_the_total(model, batch, weights):
    parts = loss_gradients(model, Criterion(), batch)
    maps = [one.detach().requires_grad_() for one in model.features(batch.images)]
    losses = Criterion(weights=weights)(model.head(maps), batch.ground_truth)
    whole = torch.cat([slope.flatten() for slope in torch.autograd.grad(losses.total, maps)])
    total = sum(getattr(weights, name) * parts[name] for name in NAMES)
    torch.testing.assert_close(total, whole, rtol=1e-5, atol=1e-5 * float(whole.abs().max()))


def test_norms_and_angles_are_those_of_the_gradients(model, batch):
    share = gradient_share(model, Criterion(), batch)
    parts = loss_gradients(model, Criterion(), batch)
    for name in NAMES:
        assert share.norms[name] == pytest.approx(float(torch.linalg.vector_norm(parts[name])), rel=1e-4)
    for (a, b), cosine in share.cosines.items():
        expected = torch.nn.functional.cosine_similarity(parts[a], parts[b], dim=0, eps=1e-20)
        assert cosine == pytest.approx(float(expected), abs=1e-4)


def test_measuring_changes_nothing(model, batch):
    criterion = Criterion()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    gradient_share(model, criterion, batch)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), random)
    assert model.training


def test_moving_weights_on_a_frozen_batch_moves_the_shares_and_no_raw_gradient(model, batch):
    criterion = Criterion()
    share = gradient_share(model, criterion, batch)
    criterion.weights.box = 75
    again = gradient_share(model, criterion, batch)
    assert again.norms == share.norms
    assert again.shares(criterion.weights)["box"] > share.shares(LossWeights())["box"]
    assert sum(again.shares(criterion.weights).values()) == pytest.approx(1)


def test_pictures_without_objects_teach_the_classes_only(model, batch):
    empty = Batch(
        batch.images,
        GroundTruth.from_lists([torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2),
        batch.names,
    )
    share = gradient_share(model, Criterion(), empty)
    assert share.shares(LossWeights()) == {"box": 0, "cls": 1, "dfl": 0}
    assert math.isnan(share.cosines["box", "cls"])
    assert math.isnan(share.angles()["box", "cls"])


def test_where_nothing_pulls_the_shares_are_undefined():
    share = GradientShare({"box": 1.0, "cls": 2.0, "dfl": 3.0}, {})
    assert all(math.isnan(one) for one in share.shares(LossWeights(0, 0, 0)).values())


# The error signal, part by part


@pytest.fixture(scope="module")
def scenes() -> Batch:
    return next(iter(load_data("shapes", "val", batch_size=4, device="cpu")))


def test_each_branch_hears_its_own_losses_and_what_is_shared_hears_all(scenes):
    model, _ = detector("shapes")
    signal = signal_by_part(model, Criterion(), scenes)
    for part, arrived in signal.items():
        silent = {"class branch": {"box", "dfl"}, "box branch": {"cls"}}.get(part, set())
        assert {name for name, size in arrived.items() if size == 0} == silent


def test_the_signal_is_the_length_of_what_backward_leaves(scenes):
    model, _ = detector("shapes")
    signal = signal_by_part(model, Criterion(), scenes)
    Criterion()(model(scenes.images), scenes.ground_truth).cls.backward()
    for part, parameters in parts_of(model).items():
        length = sum(float(one.grad.square().sum()) for one in parameters if one.grad is not None) ** 0.5
        assert signal[part]["cls"] == pytest.approx(length, rel=1e-4)
    assert sum(map(len, parts_of(model).values())) == len(list(model.parameters()))


def test_with_frozen_targets_a_nudge_agrees_with_backward(scenes):
    model, _ = detector("shapes")
    weight = model.predictor.box_branch[1].bias
    with torch.no_grad():
        targets = TaskAlignedAssigner()(model(scenes.images), scenes.ground_truth)
    criterion = Criterion(assigner=frozen(targets))
    criterion(model(scenes.images), scenes.ground_truth).backward()
    place, totals = int(weight.grad.abs().argmax()), []
    for nudge in (0.003, -0.006):
        with torch.no_grad():
            weight[place] += nudge
            totals.append(criterion(model(scenes.images), scenes.ground_truth).total.item())
    assert (totals[0] - totals[1]) / 0.006 == pytest.approx(weight.grad[place].item(), rel=0.02)
