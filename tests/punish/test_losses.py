"""Each loss against PyTorch and torchvision, and the numbers the lessons say."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close
from torchvision import ops

from teachkit.punish.losses import SummedClsLoss, beyond_bins, box_loss, cls_loss, dfl_loss, dfl_target, focal_loss

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rand(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slope(loss, at):
    """The gradient of the summed loss with respect to its first argument."""
    at = at.clone().requires_grad_()
    loss(at).sum().backward()
    return at.grad


# Box


def test_a_perfect_box_costs_nothing_and_a_distant_misshapen_one_up_to_two_and_a_half():
    truth = torch.tensor([[0.0, 0.0, 80.0, 80.0], [0.0, 0.0, 1.0, 1000.0]])
    predicted = torch.tensor([[0.0, 0.0, 80.0, 80.0], [9e5, 9e5, 9e5 + 1000, 9e5 + 1]])
    perfect, hopeless = box_loss(predicted, truth).tolist()
    assert perfect == pytest.approx(0, abs=1e-6)
    assert 2.3 < hopeless < 2.5


def test_the_box_loss_is_that_of_torchvision():
    left_top, sides = rand(100, 2) * 50, 1 + rand(100, 2, seed=1) * 50
    truth = torch.cat([left_top, left_top + sides], -1)
    predicted = truth + randn(100, 4, seed=2) / 3
    assert_close(box_loss(predicted, truth), ops.complete_box_iou_loss(predicted, truth), rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(3, 4), (1, 4), (4,)], ids=str)
def test_boxes_that_are_no_pairs_are_refused(shape):
    with pytest.raises(ValueError, match=r"pair by pair, not \[2, 4\] with"):
        box_loss(torch.zeros(2, 4), torch.zeros(shape))


@DTYPES
@pytest.mark.parametrize(
    ("predicted", "truth"),
    [
        ((10, 20, 40, 20), (12, 18, 42, 30)),
        ((10, 20, 10, 20), (12, 18, 42, 30)),
        ((12, 18, 42, 30), (10, 20, 40, 20)),
        ((10, 20, 10, 20), (30, 40, 30, 40)),
        ((10, 20, 10, 20), (10, 20, 10, 20)),
    ],
    ids=["no height", "a point", "no true height", "two points", "one point twice"],
)
def test_a_degenerate_box_has_a_finite_loss_and_slope(predicted, truth, dtype):
    predicted, truth = torch.tensor([predicted], dtype=dtype), torch.tensor([truth], dtype=dtype)
    loss = box_loss(predicted, truth)
    assert loss.isfinite().all()
    assert loss.dtype == torch.float32
    assert slope(lambda at: box_loss(at, truth), predicted).isfinite().all()


# Classes


def test_the_class_loss_and_its_slope_are_those_of_torch():
    logits, targets = randn(200, 5) * 8, rand(200, 5, seed=1)
    theirs = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert_close(cls_loss(logits, targets), theirs, rtol=0, atol=1e-8)
    assert_close(slope(lambda at: cls_loss(at, targets), logits), logits.sigmoid() - targets, rtol=0, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("logit", [-1e4, -200.0, 0.0, 200.0, 1e4])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_no_logit_is_too_large(logit, target, dtype):
    logit, target = torch.tensor(logit, dtype=dtype), torch.tensor(target, dtype=dtype)
    wrong_way = logit if target == 0 else -logit
    assert_close(cls_loss(logit, target), F.binary_cross_entropy_with_logits(logit, target))
    assert cls_loss(logit, target) >= max(0, wrong_way)
    for loss in (cls_loss, focal_loss):
        assert loss(logit, target).isfinite()
        assert slope(lambda at, loss=loss: loss(at, target), logit).isfinite()


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.9, 1.0), (0.1, 5.0)])
@pytest.mark.parametrize("soft", [False, True], ids=["hard targets", "soft targets"])
def test_the_focal_loss_and_its_slope_are_those_of_torchvision(alpha, gamma, soft):
    logits, targets = randn(200, 5) * 4, rand(200, 5, seed=1)
    targets = targets if soft else targets.round()

    def theirs(at):
        return ops.sigmoid_focal_loss(at, targets, alpha, gamma)

    def ours(at):
        return focal_loss(at, targets, alpha, gamma)

    assert_close(ours(logits), theirs(logits), rtol=1e-6, atol=1e-8)
    assert_close(slope(ours, logits), slope(theirs, logits), rtol=1e-6, atol=1e-8)


def test_focal_loss_without_focus_is_half_the_cross_entropy():
    logits, targets = randn(20), rand(20, seed=1)
    assert_close(focal_loss(logits, targets, alpha=0.5, gamma=0), cls_loss(logits, targets) / 2)


# Bins


def test_the_dfl_is_the_cross_entropy_against_two_bins():
    logits, distances = randn(100, 4, 16) * 3, rand(100, 4, seed=1) * 14.99
    left = distances.floor().long()
    flat = logits.flatten(0, 1)
    to_left = F.cross_entropy(flat, left.flatten(), reduction="none").view_as(distances)
    to_right = F.cross_entropy(flat, left.flatten() + 1, reduction="none").view_as(distances)
    theirs = to_left * (left + 1 - distances) + to_right * (distances - left)
    assert_close(dfl_loss(logits, distances), theirs, rtol=0, atol=1e-12)


@settings(deadline=None)
@given(distance=st.floats(-5, 25), bins=st.integers(2, 32))
def test_the_two_bins_share_one_and_their_mean_is_the_distance(distance, bins):
    target = dfl_target(torch.tensor(distance, dtype=torch.float64), bins)
    assert target.sum() == pytest.approx(1)
    assert (target > 0).sum() <= 2
    assert target @ torch.arange(bins, dtype=torch.float64) == pytest.approx(min(max(distance, 0), bins - 1.01))


@pytest.mark.parametrize(
    ("distance", "shares", "floor"),
    [
        (4.3, {4: 0.7, 5: 0.3}, 0.611),
        (4.5, {4: 0.5, 5: 0.5}, 0.693),
        (4.0, {4: 1.0}, 0.0),
        (0.0, {0: 1.0}, 0.0),
        (-3.0, {0: 1.0}, 0.0),
        (14.99, {14: 0.01, 15: 0.99}, 0.056),
        (15.0, {14: 0.01, 15: 0.99}, 0.056),
        (17.2, {14: 0.01, 15: 0.99}, 0.056),
        (math.inf, {14: 0.01, 15: 0.99}, 0.056),
        (-math.inf, {0: 1.0}, 0.0),
    ],
)
def test_shares_of_the_bins_and_the_loss_that_even_a_perfect_answer_has(distance, shares, floor):
    target = dfl_target(torch.tensor(distance), 16)
    assert {bin_: round(share, 4) for bin_, share in enumerate(target.tolist()) if share > 0} == shares
    assert dfl_loss(target.log().clamp(min=-1e4), torch.tensor(distance)) == pytest.approx(floor, abs=1e-3)


def test_the_same_edge_costs_more_when_its_bins_are_vague():
    edge = torch.tensor(4.5)
    two_bins = torch.full((16,), -1e4)
    two_bins[4:6] = 0
    ten_bins = torch.full((16,), -1e4)
    ten_bins[:10] = 0
    assert dfl_loss(two_bins, edge) == pytest.approx(0.69, abs=5e-3)
    assert dfl_loss(ten_bins, edge) == pytest.approx(2.30, abs=5e-3)


def test_the_distances_are_clamped_in_a_copy():
    distances = torch.tensor([-1.0, 20.0, math.nan])
    before = distances.clone()
    dfl_loss(torch.zeros(3, 16), distances)
    assert_close(distances, before, rtol=0, atol=0, equal_nan=True)


def test_nan_passes_through_as_nan_and_stays_in_its_row():
    logits, distances = randn(3, 16), torch.tensor([2.0, math.nan, 5.0], dtype=torch.float64)
    loss = dfl_loss(logits, distances)
    assert loss.isnan().tolist() == [False, True, False]
    assert slope(lambda at: dfl_loss(at, distances), logits).isnan().any(-1).tolist() == [False, True, False]


def test_no_bin_logit_is_too_large():
    logits = torch.tensor([1e4, -1e4, 0.0, 1e4])
    assert dfl_loss(logits, torch.tensor(1.5)).isfinite()
    assert slope(lambda at: dfl_loss(at, torch.tensor(1.5)), logits).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_computed_in_float32(dtype):
    logits, distances, targets = (randn(50, 16) * 3).to(dtype), rand(50, seed=1).float() * 15, rand(50, 16).float()
    for loss, against in ((cls_loss, targets), (focal_loss, targets), (dfl_loss, distances)):
        assert_close(loss(logits, against), loss(logits.float(), against), rtol=0, atol=0)


def test_what_lies_beyond_the_bins_is_what_the_clamp_moves():
    distances = torch.tensor([-0.001, 0.0, 7.0, 14.98, 14.995, 15.0, 40.0])
    assert beyond_bins(distances, 16).tolist() == [True, False, False, False, True, True, True]


def test_the_summed_class_loss_is_the_plain_one_bit_for_bit():
    logits, targets = (60 * randn(4, 30, 7)).float(), rand(4, 30, 7, seed=1).float()
    targets = targets * (targets > 0.8)
    assert torch.equal(SummedClsLoss.apply(logits, targets), cls_loss(logits, targets).sum())
    fast, plain = (
        slope(lambda at: SummedClsLoss.apply(at, targets), logits),
        slope(lambda at: cls_loss(at, targets).sum(), logits),
    )
    assert torch.equal(fast, plain)


def test_the_slope_of_the_summed_class_loss_is_that_of_finite_differences():
    logits = randn(3, 5).requires_grad_()
    assert torch.autograd.gradcheck(SummedClsLoss.apply, (logits, rand(3, 5, seed=1)))
