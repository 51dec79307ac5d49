"""Box loss and DFL in few operations: the same numbers and slopes as the plain ones, which others vouch for."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from torchvision import ops

from teachkit.boxes import ciou, distances_to_boxes, expected_bin
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion
from teachkit.punish.losses import box_loss, dfl_loss
from teachkit.punish.sides import BoxAndDflLoss, CiouOfSides, around, exponentials
from tests.punish.conftest import make_predictions, make_truth

SIDE = st.floats(0, 100) | st.sampled_from([0.0, 1e-4, 8.0, 16.0])


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def boxes_around(sides, point=50.0):
    """sides: [4, N] → [N, 4] xyxy px."""
    return torch.stack([point - sides[0], point - sides[1], point + sides[2], point + sides[3]], -1)


def plain(logits, distances, strides, weight):
    """As losses.py has it. The box loss is of boxes, wherever their points are."""
    points = torch.zeros(len(strides), 2, dtype=logits.dtype)
    boxes = (distances_to_boxes(one, points, strides) for one in (expected_bin(logits), distances))
    return (box_loss(*boxes) * weight).sum(), (dfl_loss(logits, distances).mean(-1) * weight).sum()


def case(count=50, bins=16, seed=0, dtype=torch.float64):
    logits, distances = 2 * randn(count, 4, bins, seed=seed), (bins + 3) * rand(count, 4, seed=seed) - 2
    strides = torch.tensor([8.0, 16.0, 32.0]).repeat(count)[:count]
    return [one.to(dtype) for one in (logits, distances, strides, rand(count, seed=seed + 1))]


def with_slope(losses, logits, *rest, shares=(1.0, 1.0)):
    logits = logits.clone().requires_grad_()
    found = losses(logits, *rest)
    sum(share * one for share, one in zip(shares, found, strict=True)).backward()
    return [*(one.detach() for one in found), logits.grad]


# CIoU


def test_the_ciou_is_that_of_torchvision():
    a, b = 40 * rand(4, 200), 40 * rand(4, 200, seed=1)
    theirs = ops.complete_box_iou(boxes_around(a), boxes_around(b)).diagonal()
    assert_close(CiouOfSides(a, b).value, theirs, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=200)
@given(predicted=st.tuples(*[SIDE] * 4), true=st.tuples(*[SIDE] * 4), aside=st.sampled_from([0, 3.5, -20]))
def test_value_and_slope_are_those_of_the_plain_ciou(predicted, true, aside):
    a = torch.tensor(predicted, dtype=torch.float64)[:, None].requires_grad_()
    b = torch.tensor(true, dtype=torch.float64)[:, None] + aside * torch.tensor([1.0, 0, -1, 0])[:, None]
    expected = ciou(boxes_around(a, 0), boxes_around(b, 0))  # exact: nothing is added to a side
    expected.sum().backward()
    found = CiouOfSides(a.detach(), b)
    assert_close(found.value, expected.detach(), rtol=1e-9, atol=1e-9)
    assert_close(found.slope(), a.grad, rtol=1e-7, atol=1e-9)


def test_distances_are_taken_from_points_to_sides():
    points, boxes = torch.tensor([[10.0], [20.0]]), torch.tensor([[4.0], [5.0], [30.0], [60.0]])
    assert around(points, boxes).flatten().tolist() == [6, 15, 20, 40]


# Bins


@pytest.mark.parametrize("scale", [1, 30, 1e4])
@pytest.mark.parametrize("shift", [0, -200, 200, -1e4])
def test_no_logit_is_too_large_or_too_small_for_the_mean_bin(scale, shift):
    logits = (scale * randn(30, 4, 16) + shift).float()
    shifted, exps, total, mean = exponentials(logits)
    assert_close(mean, expected_bin(logits), rtol=0, atol=1e-5)
    assert_close(exps / total[..., None], logits.softmax(-1), rtol=1e-5, atol=1e-7)
    assert_close(shifted.softmax(-1), logits.softmax(-1), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("logit", [-60.0, -20.0, 0.0, 17.0, 20.0, 27.0, 60.0])
def test_the_dfl_of_logits_far_from_zero_loses_no_more_than_two_millionths(logit):
    logits, distances, strides, _ = case(100, dtype=torch.float32)
    logits, one = logits / 4 + logit, torch.ones(1)
    exact = dfl_loss(logits.double(), distances).mean(-1)
    found = [
        BoxAndDflLoss.apply(*point, one)[1]
        for point in zip(*(part.split(1) for part in (logits, distances, strides)), strict=True)
    ]
    assert_close(torch.stack(found).double(), exact, rtol=0, atol=2e-6)


def test_one_row_out_of_range_is_mended_and_a_broken_one_stays_alone():
    logits = randn(3, 4, 16).float()
    logits[0] = -1e4
    logits[1, 2, 5] = math.nan
    mean = exponentials(logits)[-1]
    assert_close(mean[0], torch.full((4,), 7.5))
    assert mean.isnan().sum() == mean[1, 2].isnan() == 1
    assert_close(mean[2], expected_bin(logits[2]), rtol=0, atol=1e-5)


# Both losses


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.0, 1.0), (7.5, 1.5)], ids=["box", "dfl", "both"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=str)
@pytest.mark.parametrize("bins", [2, 16])
def test_losses_and_slopes_are_those_of_the_plain_ones(shares, dtype, tolerance, bins):
    several = case(bins=bins, dtype=dtype)
    found, expected = (with_slope(one, *several, shares=shares) for one in (BoxAndDflLoss.apply, plain))
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def test_the_slope_of_the_dfl_is_that_of_finite_differences():
    logits, *rest = case(4)
    assert torch.autograd.gradcheck(lambda at: BoxAndDflLoss.apply(at, *rest)[1], logits.requires_grad_())


def test_without_a_point_both_are_zero_and_have_a_slope():
    box, dfl, slope = with_slope(BoxAndDflLoss.apply, *case(0))
    assert (box.item(), dfl.item(), list(slope.shape)) == (0, 0, [0, 4, 16])


@pytest.mark.parametrize("distance", [math.nan, math.inf, -math.inf])
def test_a_true_side_that_is_no_number_is_no_index_error(distance):
    logits, distances, strides, weight = case(5)
    distances[1, 2] = distance
    box, dfl = BoxAndDflLoss.apply(logits, distances, strides, weight)
    assert dfl.isnan() == math.isnan(distance)
    assert not box.isfinite()


@pytest.mark.parametrize("part", ["boxes", "anchor_points", "strides", "cls_logits"])
def test_parts_of_another_number_type_are_taken_along(truth, part):
    predictions = make_predictions(truth)
    expected = Criterion()(predictions, truth).total
    if part == "boxes":
        truth = replace(truth, boxes=truth.boxes.double())
    else:
        predictions = replace(predictions, **{part: getattr(predictions, part).detach().double()})
    found = Criterion()(predictions, truth).total
    found.backward()
    assert_close(found.float(), expected, rtol=1e-5, atol=1e-6)


def test_a_box_beyond_all_pictures_has_a_slope():
    truth = make_truth([(0, 0, 1e19, 1e19, 0)])
    predictions = make_predictions(truth, peak=0)
    Criterion()(predictions, truth).backward()
    assert predictions.box_logits.grad.isfinite().all()


def test_a_slope_of_the_slope_is_refused_and_not_wrong(truth):
    predictions, criterion = make_predictions(truth), Criterion()
    with pytest.raises(RuntimeError, match=r"no second slope here: assigner.fixed_shapes = True"):
        torch.autograd.grad(criterion(predictions, truth).total, predictions.box_logits, create_graph=True)
    criterion.assigner.fixed_shapes = True
    (slope,) = torch.autograd.grad(criterion(predictions, truth).total, predictions.box_logits, create_graph=True)
    slope.square().sum().backward()
    assert predictions.box_logits.grad.any()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("topk", [1, 10])
def test_the_criterion_says_the_same_with_fixed_shapes(truth, seed, topk):
    quick, fixed = (TaskAlignedAssigner(topk) for _ in range(2))
    fixed.fixed_shapes = True
    found = []
    for assigner in (quick, fixed):
        predictions = make_predictions(truth, seed=seed)
        losses = Criterion(assigner=assigner)(predictions, truth)
        losses.backward()
        slopes = predictions.cls_logits.grad, predictions.box_logits.grad
        found.append([losses.box, losses.cls, losses.dfl, losses.clipped, *slopes])
    for ours, theirs in zip(*found, strict=True):
        assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_plain_losses_are_not_used_where_the_quick_ones_can_be(monkeypatch):
    """Else the tests above would compare a thing with itself."""
    truth = make_truth([(4, 4, 40, 44, 0)])
    monkeypatch.setattr("teachkit.punish.criterion.box_loss", None)
    Criterion()(make_predictions(truth), truth).backward()
