"""The assigner against a slow, plain loop, and its rules one by one."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from teachkit.boxes import anchor_points
from teachkit.errors import UserError
from teachkit.punish.assigner import (
    TaskAlignedAssigner,
    candidates,
    normalise,
    resolve_conflicts,
    second_stride,
    select_topk,
)
from teachkit.structures import GroundTruth, Predictions
from tests.punish.conftest import make_predictions, make_truth

# The slow loop: one image, one object and one anchor point at a time, in plain floats.


def slow_ciou(a, b):
    ax1, ay1, ax2, ay2 = a
    bx1, by1, bx2, by2 = b
    shared = max(0, min(ax2, bx2) - max(ax1, bx1)) * max(0, min(ay2, by2) - max(ay1, by1))
    union = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - shared
    iou = shared / union
    diagonal = (max(ax2, bx2) - min(ax1, bx1)) ** 2 + (max(ay2, by2) - min(ay1, by1)) ** 2
    apart = ((ax1 + ax2) / 2 - (bx1 + bx2) / 2) ** 2 + ((ay1 + ay2) / 2 - (by1 + by2) / 2) ** 2
    angle = math.atan2(ax2 - ax1, ay2 - ay1) - math.atan2(bx2 - bx1, by2 - by1)
    v = 4 / math.pi**2 * angle**2
    return iou - apart / diagonal - (v * v / (1 - iou + v) if v else 0)


def slow_inside(box, point, least_side):
    for low, high, at in ((box[0], box[2], point[0]), (box[1], box[3], point[1])):
        half = max(high - low, least_side) / 2
        if not (low + high) / 2 - half < at < (low + high) / 2 + half:
            return False
    return True


def slow_image(boxes, labels, predicted, scores, points, least_side, topk, alpha, beta, zeros):
    """Owner and target score of each positive point. zeros: whether all or none with a metric of 0 are taken."""
    overlap, metric, takers = {}, {}, {}
    for m, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        for a, point in enumerate(points):
            if slow_inside(box, point, least_side):
                overlap[m, a] = max(0, slow_ciou(box, predicted[a]))
                metric[m, a] = scores[a][label] ** alpha * overlap[m, a] ** beta
        mine = sorted((key for key in metric if key[0] == m), key=lambda key: -metric[key])
        for rank, (_, a) in enumerate(mine):
            if (rank < topk and metric[m, a] > 0) or (zeros and metric[m, a] == 0):
                takers.setdefault(a, []).append(m)
    owner = {}
    for a, who in takers.items():
        holders = [m for m in range(len(boxes)) if (m, a) in overlap]
        owner[a] = who[0] if len(who) == 1 else max(holders, key=lambda m: overlap[m, a])
    targets = {}
    for a, m in owner.items():
        kept = [other for other in owner if owner[other] == m]
        best_metric, best_overlap = (max(table[m, other] for other in kept) for table in (metric, overlap))
        targets[a] = m, metric[m, a] * best_overlap / (best_metric + 1e-9)
    return {a: target for a, target in targets.items() if target[1] > 0}


def slow_assignment(predictions, truth, least_side, **rule):
    found = []
    for image in range(len(truth)):
        boxes, labels = truth.image(image)
        predicted, scores = predictions.boxes[image].tolist(), predictions.scores[image].tolist()
        found.append(
            slow_image(
                boxes.tolist(),
                labels.tolist(),
                predicted,
                scores,
                predictions.anchor_points.tolist(),
                least_side,
                **rule,
            )
        )
    return found


def as_slow(assignment):
    """Owner and target score of each point with a target above 0, image by image."""
    target, _ = assignment.target_scores.max(-1)
    assert not target[~assignment.positive].any()
    return [
        {int(a): (int(assignment.object[image, a]), float(target[image, a])) for a in target[image].nonzero()[:, 0]}
        for image in range(len(target))
    ]


SIDE = st.one_of(st.floats(0.5, 9), st.floats(9, 48))
OBJECT = st.builds(
    lambda x, y, width, height, label: (x, y, x + width, y + height, label),
    st.floats(-5, 50), st.floats(-5, 50), SIDE, SIDE, st.integers(0, 2),
)  # fmt: skip


@settings(deadline=None)
@given(
    images=st.lists(st.lists(OBJECT, max_size=6), min_size=1, max_size=3),
    strides=st.sampled_from([(8, 16), (8,), (16,), (4, 8, 16)]),
    peak=st.sampled_from([0, 3, 8]),
    seed=st.integers(0, 2**32 - 1),
    topk=st.sampled_from([1, 3, 10, 1000]),
    alpha=st.sampled_from([0.5, 1.0]),
    beta=st.sampled_from([6.0, 2.0, 0.5]),
)
def test_the_assignment_is_that_of_a_slow_loop(images, strides, peak, seed, topk, alpha, beta):
    truth = make_truth(*images)
    predictions = make_predictions(truth, 48, strides, peak=peak, seed=seed, dtype=torch.float64)
    rule = {"least_side": (strides * 2)[1], "topk": topk, "alpha": alpha, "beta": beta}
    expected, without_zeros = (slow_assignment(predictions, truth, zeros=zeros, **rule) for zeros in (True, False))
    assume(expected == without_zeros)  # which of equal points is taken is not promised: see select_topk()
    found = as_slow(TaskAlignedAssigner(topk, alpha, beta)(predictions, truth))
    for ours, theirs in zip(found, expected, strict=True):
        assert {a: m for a, (m, _) in ours.items()} == {a: m for a, (m, _) in theirs.items()}
        assert {a: target for a, (_, target) in ours.items()} == pytest.approx(
            {a: target for a, (_, target) in theirs.items()}, rel=1e-4, abs=1e-6
        )


# Rule by rule


def placed(predictions, boxes, scores):
    """The same anchor points, with given boxes [A, 4] px and scores [A, C] at them."""
    predictions.boxes, predictions.scores = torch.tensor([boxes]), torch.tensor([scores])
    return predictions


def empty_predictions(points, stride=8.0, classes=1):
    """Nothing but anchor points: [A, 2] px."""
    anchors = len(points)
    return Predictions(
        torch.zeros(1, anchors, classes),
        torch.zeros(1, anchors, 4, 2),
        torch.tensor(points),
        torch.full((anchors,), stride),
    )


def centred(iou):
    """A square about the centre of (0, 0, 80, 80) whose IoU, and CIoU, with that is as asked."""
    half = 40 * math.sqrt(iou)
    return [40 - half, 40 - half, 40 + half, 40 + half]


def test_well_placed_beats_confident():
    predictions = empty_predictions([[36.0, 40.0], [44.0, 40.0]])
    predictions = placed(predictions, [centred(0.5), centred(0.8)], [[0.9], [0.1]])
    targets = TaskAlignedAssigner()(predictions, make_truth([(0, 0, 80, 80, 0)])).target_scores[0, :, 0]
    assert targets.tolist() == pytest.approx([0.143, 0.80], abs=5e-4)
    assert TaskAlignedAssigner(topk=1)(predictions, make_truth([(0, 0, 80, 80, 0)])).positive.tolist() == [
        [False, True]
    ]


def test_the_best_point_of_an_object_aims_at_its_best_overlap(truth):
    predictions = make_predictions(truth)
    found = TaskAlignedAssigner()(predictions, truth)
    alone = found.object[1][found.positive[1]]
    assert not alone.any()
    overlaps = [max(0, slow_ciou(truth.boxes[1, 0].tolist(), box)) for box in predictions.boxes[1].tolist()]
    kept = torch.tensor(overlaps)[found.positive[1]]
    assert found.target_scores[1].max().item() == pytest.approx(kept.max().item(), rel=1e-4)


def test_target_scores_stand_in_the_column_of_the_objects_class(truth):
    found = TaskAlignedAssigner()(make_predictions(truth), truth)
    labels = truth.labels.gather(1, found.object)
    others = found.target_scores.scatter(2, labels[..., None], 0)
    assert not others.any()
    assert ((found.target_scores >= 0) & (found.target_scores <= 1)).all()


@pytest.mark.parametrize("topk", [1, 2, 5, 80, 500])
def test_no_object_takes_more_points_than_topk_or_than_there_are(truth, topk):
    found = TaskAlignedAssigner(topk)(make_predictions(truth), truth)
    assert (found.positive.sum(1) <= topk * truth.mask.sum(1)).all()
    assert found.positive[:2].any(1).all()


def test_only_points_inside_are_taken_whatever_alpha_and_beta(truth):
    predictions = make_predictions(truth)
    inside = candidates(predictions, truth).any(1)
    for alpha, beta in ((0.5, 6.0), (1, 0), (0, 1), (0, 0)):
        positive = TaskAlignedAssigner(alpha=alpha, beta=beta)(predictions, truth).positive
        assert not (positive & ~inside).any()
        assert positive[:2].any(1).all()


def test_with_beta_0_the_scores_decide_among_the_points_inside_alone():
    truth = make_truth([(10, 30, 50, 62, 2)])
    predictions = make_predictions(truth)
    inside = candidates(predictions, truth)[0, 0]
    scores = predictions.scores[0, :, 2].detach()
    assert scores[~inside].max() > scores[inside].max()
    positive = TaskAlignedAssigner(beta=0)(predictions, truth).positive[0]
    assert positive.sum() == 10
    assert scores[positive].min() > scores[inside & ~positive].max()


@pytest.mark.parametrize(
    ("strides", "least_side"), [((8,), 8), ((16,), 16), ((8, 16), 16), ((8, 16, 32), 16), ((4, 8), 8), ((16, 32), 32)]
)
def test_a_short_side_is_widened_to_the_second_stride_for_the_search(strides, least_side):
    points, stride_of_point = anchor_points((64, 64), strides)
    predictions = Predictions(
        torch.zeros(1, len(points), 1), torch.zeros(1, len(points), 4, 2), points, stride_of_point
    )
    assert second_stride(stride_of_point).tolist() == [least_side]
    centre, half = torch.tensor([30.0, 33.0]), least_side / 2
    tiny = (centre[0] - 0.5, centre[1] - 20, centre[0] + 0.5, centre[1] + 20, 0)  # narrow, but not low
    found = candidates(predictions, make_truth([tiny]))[0, 0]
    x, y = (points - centre).abs().unbind(-1)
    assert found.tolist() == ((x < half) & (y < 20)).tolist()
    assert found.any()


def test_a_point_wanted_twice_goes_to_the_largest_overlap_even_of_one_that_did_not_take_it():
    taken = torch.tensor([[[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])  # 3 objects, 4 points
    overlap = torch.tensor([[[0.3, 0.1, 0.0, 0.0], [0.4, 0.9, 0.2, 0.0], [0.6, 0.8, 0.9, 0.9]]])
    positive, owner = resolve_conflicts(taken, overlap)
    assert positive.tolist() == [[True, True, True, False]]
    assert owner[0, :3].tolist() == [2, 0, 1]  # the first was wanted twice; the others once, and stay


def test_targets_are_normalised_over_the_points_that_an_object_kept():
    metric = torch.tensor([[[0.8, 0.2, 0.1], [0.5, 0.0, 0.4]]])  # [1, 2 objects, 3 points]
    overlap = torch.tensor([[[0.9, 0.5, 0.6], [0.7, 0.0, 0.3]]])
    positive, owner = torch.tensor([[True, True, True]]), torch.tensor([[1, 0, 0]])
    quality = normalise(metric, overlap, positive, owner)  # the first object lost its best point
    assert quality.tolist()[0] == pytest.approx([0.7, 0.6, 0.1 / 0.2 * 0.6])
    assert normalise(metric, overlap, ~positive, owner).tolist() == [[0, 0, 0]]


def test_the_topk_largest_are_marked():
    metric = torch.rand(2, 3, 50, generator=torch.Generator().manual_seed(0))
    everywhere = metric >= 0
    marked = select_topk(metric, 7, everywhere).bool()
    assert (marked.sum(-1) == 7).all()
    assert (metric.where(marked, 2).amin(-1) > metric.where(~marked, -1).amax(-1)).all()
    assert select_topk(metric, 1000, everywhere).all()
    assert torch.equal(select_topk(metric, 7, metric < 0.95).bool(), marked & (metric < 0.95))


# What must not matter


def assert_same(one, other):
    assert_close(one.positive, other.positive)
    assert_close(one.target_scores, other.target_scores, rtol=0, atol=0)
    assert_close(one.object.where(one.positive, 0), other.object.where(other.positive, 0))


@pytest.mark.parametrize("boxes", [0.0, math.nan, math.inf, -1e30, 1e30])
@pytest.mark.parametrize("labels", [0, -1, 999])
def test_padding_may_hold_anything(truth, boxes, labels):
    predictions = make_predictions(truth)
    filled = GroundTruth(
        truth.boxes.where(truth.mask[..., None], boxes), truth.labels.where(truth.mask, labels), truth.mask
    )
    assert_same(TaskAlignedAssigner()(predictions, filled), TaskAlignedAssigner()(predictions, truth))


def test_each_image_is_assigned_by_itself(truth):
    predictions = make_predictions(truth)
    together = TaskAlignedAssigner()(predictions, truth)
    for image in range(len(truth)):
        one = slice(image, image + 1)
        alone = TaskAlignedAssigner()(
            Predictions(
                predictions.cls_logits[one], predictions.box_logits[one], predictions.anchor_points, predictions.strides
            ),
            GroundTruth(truth.boxes[one], truth.labels[one], truth.mask[one]),
        )
        assert alone.positive.tolist() == together.positive[one].tolist()
        assert_close(alone.target_scores, together.target_scores[one], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("images", [[[], []], [[]]], ids=["two images", "one image"])
def test_no_objects_means_no_positives(images):
    truth = make_truth(*images)
    predictions = make_predictions(truth)
    found = TaskAlignedAssigner()(predictions, truth)
    assert found.positive.shape == found.object.shape == predictions.cls_logits.shape[:2]
    assert found.target_scores.shape == predictions.cls_logits.shape
    assert not found.positive.any()
    assert not found.target_scores.any()


def test_nothing_in_an_assignment_carries_a_gradient(truth):
    found = TaskAlignedAssigner()(make_predictions(truth), truth)
    assert not found.target_scores.requires_grad
    assert (found.positive.dtype, found.object.dtype) == (torch.bool, torch.int64)


def test_assigning_leaves_the_predictions_with_their_gradient(truth):
    predictions = make_predictions(truth)
    TaskAlignedAssigner()(predictions, truth)
    assert predictions.boxes.requires_grad
    assert predictions.scores.requires_grad


# Faults


@pytest.mark.parametrize("edges", [(0,), (2,), (1, 3), (0, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("broken", [0, 1])
def test_a_true_box_of_nan_gives_targets_of_nan_and_is_not_lost(edges, broken):
    truth = make_truth([(2, 2, 20, 20, 0), (40, 40, 62, 62, 1)], [(8, 8, 40, 40, 0)])
    truth.boxes[0, broken, list(edges)] = math.nan
    found = TaskAlignedAssigner()(make_predictions(make_truth([(2, 2, 20, 20, 0)] * 2, [])), truth)
    assert found.target_scores[0].isnan().any()
    assert not found.target_scores[1].isnan().any()


@pytest.mark.parametrize("label", [-1, -3, 3, 80])
def test_a_label_that_is_no_class_is_refused(truth, label):
    truth.labels[1, 0] = label
    with pytest.raises(ValueError, match=f"labels must lie in 0 … 2: the model has 3 classes, not .{label}.$"):
        TaskAlignedAssigner()(make_predictions(truth), truth)


@pytest.mark.parametrize(
    "setting",
    [
        {"topk": 0},
        {"topk": -1},
        {"topk": 2.5},
        {"alpha": -0.1},
        {"alpha": "1"},
        {"beta": -1},
        {"beta": math.nan},
        {"beta": math.inf},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f"{next(iter(setting))} must be a (whole )?number"):
        TaskAlignedAssigner(**setting)


@pytest.mark.parametrize("seed", range(5))
def test_to_look_only_inside_the_objects_changes_nothing(truth, seed):
    predictions, plain = make_predictions(truth, seed=seed), TaskAlignedAssigner()
    plain.fixed_shapes = True
    one, other = TaskAlignedAssigner()(predictions, truth), plain(predictions, truth)
    assert torch.equal(one.positive, other.positive)
    assert torch.equal(one.object, other.object)
    torch.testing.assert_close(one.target_scores, other.target_scores, rtol=1e-5, atol=1e-7)  # powers of other vectors


@pytest.mark.parametrize("wide", ["cls_logits", "box_logits"])
@pytest.mark.parametrize("fixed_shapes", [False, True])
def test_scores_and_boxes_may_be_of_two_number_types(truth, wide, fixed_shapes):
    predictions, assigner = make_predictions(truth), TaskAlignedAssigner()
    assigner.fixed_shapes = fixed_shapes
    expected = assigner(predictions, truth)
    mixed = assigner(replace(predictions, **{wide: getattr(predictions, wide).double()}), truth)
    assert torch.equal(mixed.positive, expected.positive)
    assert_close(mixed.target_scores.float(), expected.target_scores)


@pytest.mark.parametrize(
    ("name", "value"), [("beta", math.inf), ("alpha", math.nan), ("topk", 2.5), ("topk", 0), ("beta", np.True_)]
)
def test_a_value_out_of_range_is_refused_later_too_and_the_old_one_stays(name, value):
    assigner = TaskAlignedAssigner()
    before = getattr(assigner, name)
    with pytest.raises(UserError, match=f"{name} must be a"):
        setattr(assigner, name, value)
    assert getattr(assigner, name) == before
