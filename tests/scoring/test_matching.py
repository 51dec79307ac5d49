"""Who found what: every claim, and objects counted without a word of AP."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from teachkit.boxes import anchor_points
from teachkit.scoring import (
    classify_errors,
    confusion_matrix,
    count_errors,
    counts,
    f1_score,
    found_by_class,
    mean_overlap,
    objects_found,
    score,
)
from teachkit.scoring.matching import Objects, best_first, match, overlaps
from teachkit.structures import Detections, GroundTruth, Predictions


def objects(boxes, image=None, scores=None):
    boxes = np.array(boxes, dtype=float).reshape(-1, 4)
    count = len(boxes)
    image = np.zeros(count, dtype=int) if image is None else np.array(image)
    return Objects(image, boxes, np.zeros(count, dtype=int), np.ones(count) if scores is None else np.array(scores))


def slow_match(found, truths, threshold):
    """The rule, one detection at a time."""
    claimed = []
    for image, box in zip(found.image, found.boxes, strict=True):
        best, best_iou = -1, threshold
        for place in np.flatnonzero(truths.image == image):
            iou = float(overlaps(box, truths.boxes[place]))
            if place not in claimed and iou >= best_iou:
                best, best_iou = place, iou
        claimed.append(best)
    return claimed


def random_objects(rng, count, images):
    corner = rng.integers(0, 8, (count, 2)) * 4
    boxes = np.concatenate([corner, corner + rng.integers(0, 6, (count, 2)) * 4], 1)
    return objects(boxes, np.sort(rng.integers(0, images, count)))


def test_matching_side_by_side_equals_matching_one_at_a_time():
    thresholds = np.array([0.05, 0.5, 0.75])
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found, truths = (
            random_objects(rng, int(rng.integers(0, 40)), 5),
            random_objects(rng, int(rng.integers(0, 25)), 6),
        )
        expected = [slow_match(found, truths, threshold) for threshold in thresholds]
        np.testing.assert_array_equal(match(found, truths, thresholds), np.array(expected).reshape(3, -1))


def test_overlaps_equal_torchvision():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 50, (2, 30, 2))
    a, b = np.concatenate([corner, corner + rng.uniform(0.1, 40, (2, 30, 2))], -1)
    np.testing.assert_allclose(overlaps(a[:, None], b), box_iou(torch.tensor(a), torch.tensor(b)), rtol=1e-12, atol=0)


@pytest.mark.parametrize("box", [(3, 3, 3, 3), (3, 3, 9, 3), (9, 9, 3, 3)], ids=["point", "line", "inside out"])
def test_an_empty_box_overlaps_nothing_not_even_itself(box):
    box = np.array(box, dtype=float)
    assert overlaps(box, box) == 0
    assert overlaps(box, np.array([0.0, 0, 10, 10])) == 0


def test_best_first_keeps_images_together_and_equal_scores_in_their_order():
    some = objects(np.zeros((6, 4)), image=[0, 0, 0, 1, 1, 1], scores=[0.1, 0.9, 0.9, 0.2, 0.8, 0.5])
    assert best_first(some).tolist() == [1, 2, 0, 4, 5, 3]
    assert best_first(some, limit=2).tolist() == [1, 2, 4, 5]


def test_the_best_score_claims_and_a_claimed_object_is_not_claimed_again():
    truths = objects([(0, 0, 10, 10)])
    found = objects([(0, 0, 10, 7), (0, 0, 10, 10)])  # best score first, though the second lies better
    assert match(found, truths, np.array([0.5, 0.75])).tolist() == [[0, -1], [-1, 0]]


def detections(boxes, labels, scores=None):
    scores = torch.linspace(0.9, 0.3, len(boxes)) if scores is None else torch.tensor(scores)
    return Detections(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4), scores, torch.tensor(labels))


SQUARES = [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0), (40.0, 0.0, 50.0, 10.0)]


def truth(*labels):
    boxes = [torch.tensor(SQUARES)[: len(one)] for one in labels]
    return GroundTruth.from_lists(boxes, [torch.tensor(one, dtype=torch.int64) for one in labels])


@pytest.mark.parametrize(
    ("boxes", "labels", "expected"),
    [
        (SQUARES, [0, 1, 0], 3),
        (SQUARES, [0, 0, 0], 2),  # the second is of the wrong class
        ([SQUARES[0]] * 3, [0, 0, 0], 1),  # an object is found once
        ([(0, 0, 10, 5), (20, 0, 30, 4)], [0, 1], 1),  # half counts, less does not
        ([], [], 0),
    ],
)
def test_objects_found_counts_true_objects_not_detections(boxes, labels, expected):
    assert objects_found([detections(boxes, labels)], truth([0, 1, 0])) == (expected, 3)


def test_objects_found_over_images_and_batches():
    here, nothing = detections(SQUARES[:1], [0]), detections([], [])
    assert objects_found([[here, nothing], [here]], [truth([0], [0, 0]), truth([0])]) == (2, 4)
    assert objects_found([nothing], truth([])) == (0, 0)


def test_objects_found_at_another_overlap():
    found = [detections([(0, 0, 10, 7)], [0])]
    assert objects_found(found, truth([0]), iou=0.7) == (1, 1)
    assert objects_found(found, truth([0]), iou=0.71) == (0, 1)


def test_objects_found_does_not_stop_at_100_detections():
    crowd = detections([(100.0, 0.0, 110.0, 10.0)] * 100 + SQUARES[:1], [0] * 101)
    assert objects_found([crowd], truth([0])) == (1, 1)


def slow_f1(found, ground_truth, score_threshold, iou):
    """Precision and recall, one detection at a time, and their harmonic mean; all numbers fit float64 exactly."""
    right = kept = there = 0
    for image, answers in enumerate(found):
        boxes, labels = ground_truth.image(image)
        there += len(boxes)
        free = set(range(len(boxes)))
        for place in answers.scores.argsort(descending=True, stable=True).tolist():
            if answers.scores[place] <= score_threshold:
                continue
            kept += 1
            mine = [one for one in free if labels[one] == answers.labels[place]]
            ious = {one: float(box_iou(answers.boxes[place][None], boxes[one][None])) for one in mine}
            best = max(sorted(ious, reverse=True), key=ious.__getitem__, default=None)  # of equals the last, as COCO
            if best is not None and ious[best] >= iou:
                free.remove(best)
                right += 1
    if not right:
        return 0.0
    precision, recall = right / kept, right / there
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("seed", range(20))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(seed):
    rng = torch.Generator().manual_seed(seed)

    def some(count):
        corner = torch.randint(0, 4, (count, 2), generator=rng) * 4.0
        return torch.cat([corner, corner + torch.randint(1, 4, (count, 2), generator=rng) * 4.0], 1)

    counts = torch.randint(0, 9, (3, 2), generator=rng).tolist()
    labels = [[torch.randint(0, 2, (n,), generator=rng) for n in pair] for pair in counts]
    found = [
        Detections(some(n), torch.randint(1, 9, (n,), generator=rng) / 8, names)
        for (n, _), (names, _) in zip(counts, labels, strict=True)
    ]
    ground_truth = GroundTruth.from_lists([some(n) for _, n in counts], [names for _, names in labels])
    assert f1_score(found, ground_truth, 0.25, 0.5) == pytest.approx(slow_f1(found, ground_truth, 0.25, 0.5))
    assert f1_score([found], [ground_truth], 0.5, 0.3) == pytest.approx(slow_f1(found, ground_truth, 0.5, 0.3))


def test_f1_cannot_be_bought_with_boxes():
    right = detections(SQUARES, [0, 1, 0])
    flood = detections(SQUARES + [(100.0, 0.0, 110.0, 10.0)] * 97, [0, 1, 0] + [0] * 97)
    objects_there = truth([0, 1, 0])
    assert objects_found([right], objects_there) == objects_found([flood], objects_there) == (3, 3)
    assert f1_score([right], objects_there) == 1
    assert f1_score([flood], objects_there) == pytest.approx(2 * 3 / (100 + 3))
    assert f1_score([flood], objects_there, score_threshold=0.89) == pytest.approx(2 * 2 / (2 + 3))


def test_f1_without_objects_or_without_detections():
    nothing = detections([], [])
    assert math.isnan(f1_score([nothing], truth([])))
    assert f1_score([nothing], truth([0])) == 0.0


def test_found_by_class_sums_to_objects_found():
    truth = GroundTruth.from_lists(
        [torch.tensor([[0.0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 60]])], [torch.tensor([0, 2, 2])]
    )
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 60]])
    found = [Detections(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 2, 1]))]  # the last one's class is wrong
    assert found_by_class(found, truth, 4) == [(1, 1), (0, 0), (1, 2), (0, 0)]
    assert objects_found(found, truth) == (2, 3)


def test_the_box_at_the_point_nearest_the_centre_counts_whatever_its_score():
    points, strides = anchor_points((32, 32), (8,))
    logits = torch.full((1, len(points), 4, 16), -1e4)
    logits[..., 1] = 0.0  # one stride to each side of every point: boxes of 16 × 16 px
    predictions = Predictions(torch.zeros(1, len(points), 1), logits, points, strides)
    truth = GroundTruth.from_lists([torch.tensor([[4.0, 4, 20, 20], [12, 12, 28, 20]])], [torch.tensor([0, 0])])
    assert mean_overlap(predictions, truth) == pytest.approx((1 + 0.5) / 2, abs=1e-5)
    nothing = GroundTruth.from_lists([torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.int64)])
    assert math.isnan(mean_overlap(predictions, nothing))


# Misshapen


TRUTH = GroundTruth.from_lists([torch.tensor([[0.0, 0, 8, 8], [8, 8, 16, 16]])], [torch.tensor([0, 1])])


@pytest.mark.parametrize(
    ("boxes", "scores", "labels"),
    [((2, 4), (1,), (2,)), ((2, 4), (3,), (2,)), ((2, 4), (2,), (1,)), ((2, 4), (2, 1), (2,)), ((8,), (2,), (2,))],
    ids=str,
)
def test_detections_whose_parts_are_not_as_many_are_refused_by_image(boxes, scores, labels):
    fine = Detections(torch.zeros(1, 4), torch.ones(1), torch.zeros(1, dtype=torch.int64))
    odd = Detections(torch.zeros(boxes), torch.ones(scores), torch.zeros(labels, dtype=torch.int64))
    with pytest.raises(ValueError, match="detections of image 1: boxes, scores, labels must be"):
        objects_found([[fine, odd]], [GroundTruth.from_lists([torch.zeros(0, 4)] * 2, [torch.zeros(0)] * 2)])


@pytest.mark.parametrize("part", ["boxes", "labels", "mask"])
def test_a_misshapen_ground_truth_is_not_scored(part):
    with pytest.raises(ValueError, match="ground truth: boxes, labels, mask must be"):
        objects_found([nothing()], replace(TRUTH, **{part: getattr(TRUTH, part)[:, :1]}))


@pytest.mark.parametrize("label", [0.9, -0.5, math.nan, math.inf])
def test_labels_that_are_no_whole_numbers_are_refused(label):
    labels = torch.tensor([label])
    odd = Detections(torch.zeros(1, 4), torch.ones(1), labels)
    with pytest.raises(ValueError, match="labels must be whole numbers, not"):
        objects_found([odd], TRUTH)
    with pytest.raises(ValueError, match="labels must be whole numbers, not"):
        objects_found([nothing()], replace(TRUTH, labels=torch.tensor([[label, 0.0]])))


def nothing():
    return Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


# Misused


SENSELESS = [25, -0.1, math.nan, math.inf, True, np.True_, "0.5"]


@pytest.mark.parametrize("value", SENSELESS)
@pytest.mark.parametrize(
    "measure",
    [
        lambda value: objects_found([nothing()], TRUTH, value),
        lambda value: found_by_class([nothing()], TRUTH, 2, value),
        lambda value: f1_score([nothing()], TRUTH, iou=value),
        lambda value: f1_score([nothing()], TRUTH, score_threshold=value),
        lambda value: counts([nothing()], TRUTH, value),
        lambda value: count_errors([nothing()], TRUTH, thresholds=[0.5, value]),
        lambda value: classify_errors([nothing()], TRUTH, value),
        lambda value: classify_errors([nothing()], TRUTH, near=value),
        lambda value: confusion_matrix([nothing()], TRUTH, 2, value),
    ],
    ids=["found", "by class", "f1 iou", "f1 score", "counts", "count errors", "errors", "near", "matrix"],
)
def test_a_threshold_that_is_no_share_is_refused(measure, value):
    with pytest.raises(ValueError, match="must be a number from 0 to 1, not"):
        measure(value)


@pytest.mark.parametrize("measure", [found_by_class, confusion_matrix])
def test_a_label_that_is_none_of_the_classes_is_not_counted_elsewhere(measure):
    with pytest.raises(ValueError, match="labels 0 … 1, but there are 1 classes"):
        measure([nothing()], TRUTH, 1)


def test_true_boxes_that_are_inside_out_are_refused():
    with pytest.raises(ValueError, match=r"box \[8.0, 8.0, 0.0, 0.0\] of image 0, counted from 0, has x2 < x1"):
        score([nothing()], replace(TRUTH, boxes=TRUTH.boxes[..., [2, 3, 0, 1]]))


def test_a_mask_of_numbers_is_not_scored():
    with pytest.raises(ValueError, match=r"the mask must be torch.bool, not torch.int64"):
        score([nothing()], replace(TRUTH, mask=TRUTH.mask.long()))


def test_what_is_walked_only_once_or_is_no_list_is_refused():
    for detections in (nothing(), (one for one in [nothing()])):
        with pytest.raises(ValueError, match="detections must be a list of Detections"):
            score(detections, TRUTH)
    for detections in (None, 5, [None], [[nothing()], [5]]):
        with pytest.raises(ValueError, match="detections must be a list of Detections"):
            score(detections, [TRUTH, TRUTH])
    with pytest.raises(ValueError, match="detections must be a list of Detections"):
        score([nothing(), nothing()], [TRUTH, TRUTH])
    for truth in (None, [None], iter([TRUTH]), [(1, 2)]):
        with pytest.raises(ValueError, match="ground truth must be one GroundTruth, or a list of them"):
            score([[nothing()]], truth)
    with pytest.raises(ValueError, match="must be tensors, not a list"):
        score([replace(nothing(), scores=[])], TRUTH)
    with pytest.raises(ValueError, match="ground truth must be one GroundTruth, or a list"):
        score([[nothing()]], (one for one in [TRUTH]))


@pytest.mark.parametrize("part", ["boxes", "labels", "mask"])
def test_a_misshapen_ground_truth_has_no_mean_overlap(part):
    predictions = Predictions(torch.zeros(1, 4, 2), torch.zeros(1, 4, 4, 4), torch.zeros(4, 2), torch.ones(4))
    with pytest.raises(ValueError, match="must be"):
        mean_overlap(predictions, replace(TRUTH, **{part: getattr(TRUTH, part)[:, :1]}))
