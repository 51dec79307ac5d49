import pytest
import torch

from teachkit.scoring import find_label_issues
from teachkit.scoring.label_repairs import repair
from teachkit.structures import Detections

A, B, C = [10.0, 10, 40, 40], [60.0, 60, 100, 100], [64.0, 12, 100, 44]
CLASSES = ["ball", "star"]


def repaired(boxes, labels, seen):
    """The labels of one image with its most doubtful issue mended, and the kind of that."""
    boxes, labels = torch.tensor(boxes).reshape(-1, 4), torch.tensor(labels, dtype=torch.int64)
    found = Detections(*(torch.tensor(part) for part in zip(*seen, strict=True)))
    issue = find_label_issues([boxes], [labels], CLASSES, [found])[0]
    new_boxes, new_labels = repair(issue, boxes, labels, found)
    return issue.kind, new_boxes.tolist(), new_labels.tolist()


def test_a_wrong_class_is_renamed_and_the_others_stay():
    assert repaired([A, B], [0, 0], [(A, 0.9, 1), (B, 0.9, 0)]) == ("wrong class", [A, B], [1, 0])


def test_a_missing_label_is_added():
    assert repaired([A], [0], [(A, 0.9, 0), (B, 0.8, 1)]) == ("not labelled", [A, B], [0, 1])


def test_a_misplaced_box_is_moved():
    off = [10.0, 22, 40, 52]
    assert repaired([off, B], [0, 1], [(A, 0.9, 0), (B, 0.9, 1)]) == ("misplaced", [A, B], [0, 1])


def test_a_label_of_nothing_is_removed():
    assert repaired([A, C], [0, 1], [(A, 0.9, 0)]) == ("nothing there", [A], [0])


def test_a_duplicate_is_removed():
    near = [10.0, 10, 40, 41]
    assert repaired([A, near], [0, 0], [(A, 0.9, 0)]) == ("duplicate", [A], [0])


def test_an_odd_size_is_left_alone():
    boxes = torch.tensor([A, [1.0, 1, 2, 2]])
    labels = torch.tensor([0, 0])
    found = Detections(torch.tensor([A]), torch.tensor([0.9]), torch.tensor([0]))
    issue = next(one for one in find_label_issues([boxes], [labels], CLASSES, [found]) if one.kind == "odd size")
    assert repair(issue, boxes, labels, found) is None


@pytest.mark.parametrize("box", [None])
def test_a_broken_label_that_has_no_box_cannot_be_mended(box):
    from teachkit.scoring import LabelIssue

    nothing = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    assert repair(LabelIssue(0, "broken", 1.0, box, "x"), torch.zeros(0, 4), torch.zeros(0).long(), nothing) is None
