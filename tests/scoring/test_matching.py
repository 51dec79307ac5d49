"""Who found what: every claim, and objects counted without a word of AP."""

import math

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from teachkit.boxes import anchor_points
from teachkit.scoring import found_by_class, mean_overlap, objects_found
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
