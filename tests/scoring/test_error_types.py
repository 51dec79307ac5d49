"""Each detection has one kind, and each true object is accounted for."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from teachkit.boxes import iou
from teachkit.scoring import ERROR_TYPES, classify_errors, confusion_matrix, objects_found, score
from teachkit.structures import Detections, GroundTruth

TRUTH = (0.0, 0.0, 10.0, 10.0)


def detections(boxes, labels, scores=None):
    scores = torch.linspace(0.9, 0.3, len(boxes)) if scores is None else torch.tensor(scores)
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return Detections(boxes, scores, torch.tensor(labels, dtype=torch.int64))


def truth(*images):
    boxes, labels = zip(*images, strict=True)
    return GroundTruth.from_lists(
        [torch.tensor(one, dtype=torch.float32).reshape(-1, 4) for one in boxes],
        [torch.tensor(one, dtype=torch.int64) for one in labels],
    )


@pytest.mark.parametrize(
    ("box", "label", "kind", "missed"),
    [
        (TRUTH, 0, "right", 0),
        ((0, 0, 10, 5), 0, "right", 0),  # exactly half
        ((0, 0, 10, 4.9), 0, "misplaced", 0),
        ((0, 0, 10, 1), 0, "misplaced", 0),  # exactly a tenth
        ((0, 0, 10, 0.9), 0, "background", 1),
        ((50, 50, 60, 60), 0, "background", 1),
        (TRUTH, 1, "wrong class", 0),
        ((0, 0, 10, 3), 1, "wrong class", 0),
    ],
)
def test_kind_of_a_single_detection(box, label, kind, missed):
    (errors,) = classify_errors([detections([box], [label])], truth(([TRUTH], [0])))
    assert errors.types == [kind]
    assert errors.truth.tolist() == [-1 if kind == "background" else 0]
    assert len(errors.missed) == missed


def test_a_second_detection_of_an_object_is_a_duplicate_whatever_the_order_of_the_list():
    (errors,) = classify_errors([detections([TRUTH, TRUTH], [0, 0], [0.3, 0.9])], truth(([TRUTH], [0])))
    assert errors.types == ["duplicate", "right"]
    assert errors.truth.tolist() == [0, 0]


def test_a_second_detection_that_overlaps_by_exactly_enough_is_a_duplicate():
    (errors,) = classify_errors([detections([TRUTH, (0, 0, 10, 5), (0, 0, 10, 4.9)], [0] * 3)], truth(([TRUTH], [0])))
    assert errors.types == ["right", "duplicate", "misplaced"]


def test_missed_objects_are_numbered_within_their_image():
    far = (50.0, 50.0, 60.0, 60.0)
    found = [detections([], []), detections([TRUTH], [0])]
    first, second = classify_errors(found, truth(([TRUTH], [0]), ([far, TRUTH], [0, 0])))
    assert first.missed.tolist() == [0]
    assert second.missed.tolist() == [0]
    assert second.truth.tolist() == [1]


def test_a_detection_without_any_truth_is_background():
    (errors,) = classify_errors([detections([TRUTH], [0])], truth(([], [])))
    assert errors.types == ["background"]
    assert errors.counts() == {**dict.fromkeys(ERROR_TYPES, 0), "background": 1}


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_right_agrees_with_objects_found_and_every_object_is_spoken_of_or_missed(seed):
    rng = np.random.default_rng(seed)

    def boxes(count):
        corner = rng.uniform(0, 30, (count, 2))
        return np.concatenate([corner, corner + rng.uniform(5, 20, (count, 2))], 1).tolist()

    counts = rng.integers(0, 8, (3, 2))
    found = [detections(boxes(n), rng.integers(0, 2, n).tolist(), rng.random(n).tolist()) for n, _ in counts]
    ground_truth = truth(*[(boxes(m), rng.integers(0, 2, m).tolist()) for _, m in counts])
    errors = classify_errors(found, ground_truth)
    assert sum(one.counts()["right"] for one in errors) == objects_found(found, ground_truth)[0]
    for one, (n, m) in zip(errors, counts, strict=True):
        assert len(one.types) == n
        assert set(one.types) <= set(ERROR_TYPES) - {"missed"}
        assert set(one.truth.tolist()) - {-1} | set(one.missed.tolist()) == set(range(m))


# The confusion matrix


def random_images(count: int, seed: int, classes: int = 3):
    generator = torch.Generator().manual_seed(seed)

    def boxes(number):
        corner = torch.randint(0, 40, (number, 2), generator=generator).float()
        return torch.cat([corner, corner + torch.randint(10, 40, (number, 2), generator=generator)], -1)

    found, true_boxes, true_labels = [], [], []
    for _ in range(count):
        numbers = torch.randint(0, 8, (2,), generator=generator).tolist()
        labels = torch.randint(0, classes, (numbers[0],), generator=generator)
        found.append(Detections(boxes(numbers[0]), torch.rand(numbers[0], generator=generator), labels))
        true_boxes.append(boxes(numbers[1]))
        true_labels.append(torch.randint(0, classes, (numbers[1],), generator=generator))
    return found, GroundTruth.from_lists(true_boxes, true_labels)


def slow(found, truth, classes, enough):
    """The same with loops, one image at a time."""
    matrix = np.zeros((classes + 1, classes + 1), dtype=int)
    for image, seen in enumerate(found):
        boxes, labels = truth.image(image)
        free, left = set(range(len(boxes))), []
        for same_class in (True, False):
            queue = seen.scores.argsort(descending=True).tolist() if same_class else left
            left = []
            for place in queue:
                table = {
                    other: float(iou(seen.boxes[place], boxes[other]))
                    for other in free
                    if not same_class or labels[other] == seen.labels[place]
                }
                best = max(table.values(), default=0)
                if best < enough:
                    left.append(place)
                    continue
                taken = max(other for other, value in table.items() if value == best)
                free.remove(taken)
                matrix[labels[taken], seen.labels[place]] += 1
        for place in left:
            matrix[classes, seen.labels[place]] += 1
        for other in free:
            matrix[labels[other], classes] += 1
    return matrix


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_a_slow_loop_counts(seed):
    found, truth = random_images(20, seed)
    assert (confusion_matrix(found, truth, 3, 0.35) == slow(found, truth, 3, 0.35)).all()


def test_rows_are_true_objects_columns_are_detections_and_the_diagonal_is_what_ap_calls_right():
    found, truth = random_images(40, 9)
    matrix = confusion_matrix(found, truth, 3)
    labels = torch.cat([one.labels for one in found])
    scores = score(found, truth, ["a", "b", "c"])
    for label, name in enumerate("abc"):
        assert matrix[label].sum() == int((truth.labels[truth.mask] == label).sum())
        assert matrix[:, label].sum() == int((labels == label).sum())
        assert matrix[label, label] == scores.rankings[name].hits[0].sum()


def test_nothing_at_all_is_a_matrix_of_zeros():
    assert (confusion_matrix([], GroundTruth.from_lists([], []), 2) == np.zeros((3, 3))).all()
