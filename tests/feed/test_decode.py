"""Threshold, NMS, limit: against torchvision's plain NMS, class by class."""

import pytest
import torch
from torchvision.ops import batched_nms, clip_boxes_to_image, nms

from teachkit.boxes import anchor_points
from teachkit.errors import UserError
from teachkit.feed import decode as decoding
from teachkit.feed.decode import decode
from teachkit.feed.nms import MANY, nms_within_classes
from teachkit.structures import Predictions
from tests import forked

SIZE = (96, 64)  # height, width


def predictions(points, distances, scores):
    """Anchor points [A, 2] px, whole distances [B, A, 4] in strides of 8 px, scores [B, A, C]."""
    box_logits = 1000.0 * torch.nn.functional.one_hot(torch.as_tensor(distances), 16).float()
    points = torch.as_tensor(points, dtype=torch.float32)
    return Predictions(torch.logit(torch.as_tensor(scores)), box_logits, points, torch.full((len(points),), 8.0))


def random_predictions(seed, images=2, anchors=80, classes=3):
    chance = torch.Generator().manual_seed(seed)
    return predictions(
        torch.rand(anchors, 2, generator=chance) * torch.tensor([64, 96]),
        torch.randint(0, 5, (images, anchors, 4), generator=chance),
        torch.rand(images, anchors, classes, generator=chance),
    )


def class_by_class(one, image, score_threshold, iou_threshold, limit):
    """(score, label, box) of what should be found, best first."""
    boxes = clip_boxes_to_image(one.boxes[image], SIZE)
    found = []
    for label, scores in enumerate(one.scores[image].T):
        above = (scores > score_threshold).nonzero()[:, 0]
        kept = above[nms(boxes[above], scores[above], iou_threshold)][:limit]
        found += [(scores[anchor].item(), label, boxes[anchor].tolist()) for anchor in kept]
    return sorted(found, reverse=True)


@pytest.mark.parametrize("limit", [4, 100])
@pytest.mark.parametrize("iou_threshold", [0.3, 0.7])
@pytest.mark.parametrize("score_threshold", [0.001, 0.5])
def test_what_is_kept_equals_nms_of_each_class(score_threshold, iou_threshold, limit):
    for seed in range(5):
        one = random_predictions(seed)
        for image, found in enumerate(decode(one, SIZE, score_threshold, iou_threshold, limit)):
            expected = class_by_class(one, image, score_threshold, iou_threshold, limit)
            assert (
                list(zip(found.scores.tolist(), found.labels.tolist(), found.boxes.tolist(), strict=True)) == expected
            )


@pytest.mark.parametrize("count", [0, 1, MANY, MANY + 1, 5 * MANY])
@pytest.mark.parametrize("classes", [1, 80])
def test_few_and_many_boxes_are_kept_as_by_torchvision(count, classes):
    chance = torch.Generator().manual_seed(count)
    corner, side = torch.rand(2, count, 2, generator=chance).unbind(0)
    boxes = 100 * torch.cat([corner, corner + side], -1)
    scores, labels = torch.rand(count, generator=chance), torch.randint(0, classes, (count,), generator=chance)
    assert torch.equal(nms_within_classes(boxes, scores, labels, 0.5), batched_nms(boxes, scores, labels, 0.5))


def test_without_the_kernel_alone_all_of_torchvision_is_loaded():
    program = (
        "import sys, torch; from teachkit.feed import nms; nms.find_spec = lambda name: None\n"
        "assert 'torchvision' not in sys.modules\n"
        "print(nms.kernel()(torch.zeros(1, 4), torch.zeros(1), 0.5).tolist(), 'torchvision' in sys.modules)"
    )
    run = forked.python(program)
    assert run.stdout.split() == ["[0]", "True"], run.stderr


def test_defaults_are_a_score_of_a_quarter_and_an_overlap_of_seven_tenths():
    one = random_predictions(0)
    assert decode(one, SIZE)[0].scores.tolist() == decode(one, SIZE, 0.25, 0.7, 100)[0].scores.tolist()
    assert decode(one, SIZE)[0].scores.tolist() != decode(one, SIZE, 0.26, 0.6)[0].scores.tolist()


def test_a_hundred_of_a_class_are_kept_unless_told_otherwise():
    points = [(10 * column, 10 * row) for row in range(11) for column in range(10)]
    one = predictions(points, torch.zeros(1, 110, 4, dtype=torch.int64), torch.full((1, 110, 1), 0.5))
    assert len(decode(one, (200, 200))[0]) == 100


def test_a_score_on_the_threshold_is_left_out():
    one = predictions([(30, 30), (60, 60)], torch.ones(1, 2, 4, dtype=torch.int64), [[[0.5], [0.75]]])
    assert one.scores[0, 0, 0] == 0.5
    (found,) = decode(one, SIZE, score_threshold=0.5)
    assert found.scores.tolist() == pytest.approx([0.75])


def test_an_anchor_point_counts_for_every_class_above_the_threshold():
    (found,) = decode(predictions([(30, 30)], torch.ones(1, 1, 4, dtype=torch.int64), [[[0.5, 0.1, 0.75]]]), SIZE)
    assert found.labels.tolist() == [2, 0]
    assert found.boxes.tolist() == [[22, 22, 38, 38]] * 2


def test_the_limit_holds_for_each_class_and_keeps_the_best():
    points = [(4 + 8 * column, 4 + 8 * row) for row in range(12) for column in range(8)]  # 96 boxes side by side
    scores = torch.linspace(0.3, 0.9, 96)
    both = torch.stack([scores, scores.flip(0)], -1)[None]  # [1, 96, 2]
    side = torch.tensor([[0, 0, 1, 1]]).expand(1, 96, 4)
    (found,) = decode(predictions(points, side, both), (200, 200), limit=5)
    for label in (0, 1):
        assert found.scores[found.labels == label].tolist() == pytest.approx(scores.flip(0)[:5].tolist())


def test_boxes_are_clipped_to_height_and_width():
    (found,) = decode(predictions([(60, 90)], torch.full((1, 1, 4), 15), [[[0.5]]]), SIZE)
    assert found.boxes.tolist() == [[0, 0, 64, 96]]


def test_nothing_found_keeps_shapes_and_types():
    for found in decode(random_predictions(0), SIZE, score_threshold=1.0):
        assert len(found) == 0
        assert found.boxes.shape == (0, 4)
        assert (found.boxes.dtype, found.scores.dtype, found.labels.dtype) == (
            torch.float32,
            torch.float32,
            torch.int64,
        )


def test_detections_carry_no_gradient():
    one = random_predictions(0)
    one.cls_logits.requires_grad_()
    one.box_logits.requires_grad_()
    for found in decode(one, SIZE):
        assert not found.boxes.requires_grad
        assert not found.scores.requires_grad
    assert one.scores.requires_grad  # the predictions can still be punished


def test_decoding_twice_gives_the_same():
    first, second = (decode(random_predictions(3), SIZE)[0] for _ in range(2))
    assert torch.equal(first.boxes, second.boxes)
    assert torch.equal(first.scores, second.scores)


def test_scores_of_nan_are_refused():
    broken = random_predictions(0)
    broken.cls_logits[0, 5, 1] = torch.nan
    with pytest.raises(UserError, match="NaN"):
        decode(broken, SIZE)


def test_of_very_many_candidates_the_best_are_kept_and_memory_does_not_grow_with_classes(monkeypatch):
    monkeypatch.setattr(decoding, "CANDIDATES", 50)
    torch.manual_seed(0)
    points, strides = anchor_points((64, 64), (8,), torch.device("cpu"))
    logits = torch.randn(1, len(points), 300)
    predictions = Predictions(logits, torch.zeros(1, len(points), 4, 16), points, strides)
    (found,) = decode(predictions, (64, 64), score_threshold=0.001, iou_threshold=1.0)
    assert torch.equal(found.scores, logits.sigmoid().flatten().topk(50).values)


def test_the_rank_within_a_class_counts_those_before():
    assert decoding._rank_in_class(torch.tensor([2, 0, 2, 2, 0, 1])).tolist() == [0, 0, 1, 2, 1, 0]


@pytest.mark.parametrize("value", [25, -0.1, float("nan"), float("inf"), "0.5", True, None])
@pytest.mark.parametrize("name", ["score_threshold", "iou_threshold"])
def test_a_threshold_that_is_no_share_is_refused(name, value):
    with pytest.raises(UserError, match=f"{name} must be a number from 0 to 1, not"):
        decode(random_predictions(0), SIZE, **{name: value})


@pytest.mark.parametrize("limit", [0, -1, 2.5])
def test_a_limit_that_counts_nothing_is_refused(limit):
    with pytest.raises(UserError, match="limit must be a whole number ≥ 1"):
        decode(random_predictions(0), SIZE, limit=limit)


@pytest.mark.parametrize("side", range(4))
def test_boxes_of_nan_are_no_detections(side):
    broken = random_predictions(0)
    broken.box_logits[1, 7, side] = float("nan")
    with pytest.raises(UserError, match="the model's boxes are NaN"):
        decode(broken, SIZE)
