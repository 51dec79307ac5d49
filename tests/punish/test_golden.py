"""The three losses and their gradients are those of Ultralytics' v8DetectionLoss (golden.npz: see make_golden.py)."""

from pathlib import Path

import numpy as np
import pytest
import torch

from teachkit.punish.criterion import Criterion
from teachkit.structures import GroundTruth, Predictions
from tests.punish.golden_cases import CASES, Case, make_inputs

GOLDEN = np.load(Path(__file__).with_name("golden.npz"))
GREATEST = 32767  # the gradients' largest entry, as stored


def losses_of(case: Case, device: str = "cpu"):
    """Losses of the case, and the two tensors of logits that their gradients flow to."""
    inputs = make_inputs(case)
    cls_logits = torch.tensor(inputs.cls_logits, device=device, requires_grad=True)
    box_logits = torch.tensor(inputs.box_logits, device=device, requires_grad=True)
    points, strides = torch.tensor(inputs.anchor_points), torch.tensor(inputs.stride_of_point)
    boxes, labels = map(torch.tensor, inputs.boxes), map(torch.tensor, inputs.labels)
    predictions = Predictions(cls_logits, box_logits, points.to(device), strides.to(device))
    ground_truth = GroundTruth.from_lists(list(boxes), list(labels)).to(device)
    return Criterion()(predictions, ground_truth), cls_logits, box_logits


def assert_as_golden(number: int, device: str = "cpu"):
    losses, cls_logits, box_logits = losses_of(CASES[number], device)
    found = [value for name, value in losses.items() if name != "total"]
    np.testing.assert_allclose(found, GOLDEN[f"{number}_losses"], rtol=1e-5, atol=1e-6)
    for name, logits in (("cls", cls_logits), ("box", box_logits), ("dfl", box_logits)):
        (gradient,) = torch.autograd.grad(getattr(losses, name), logits, retain_graph=True)
        largest = float(GOLDEN[f"{number}_{name}_largest"])
        golden = GOLDEN[f"{number}_{name}_gradient"] / GREATEST * largest
        np.testing.assert_allclose(gradient.cpu(), golden, rtol=0, atol=1.2e-4 * largest)  # 0.2e-4: as they are stored


@pytest.mark.parametrize("number", range(len(CASES)))
def test_losses_and_gradients_are_those_of_the_peer(number):
    assert_as_golden(number)


@pytest.mark.gpu
@pytest.mark.parametrize("number", [number for number, case in enumerate(CASES) if not case.ties])
def test_losses_and_gradients_are_those_of_the_peer_on_a_gpu(number):
    assert_as_golden(number, "cuda")


def test_the_cases_are_varied():
    objects = [count for case in CASES for count in case.objects]
    assert len(CASES) >= 40
    assert {min(objects), max(objects)} == {0, 30}
    assert {case.classes for case in CASES} == set(range(1, 21))
    assert len({case.strides for case in CASES}) >= 6
    assert any(not any(case.objects) for case in CASES)
    assert any(0 in case.objects and any(case.objects) for case in CASES)
    assert any(case.longest < min(case.strides) for case in CASES)
