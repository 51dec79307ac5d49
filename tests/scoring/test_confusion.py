import numpy as np
import pytest
import torch

from teachkit.boxes import iou
from teachkit.scoring import confusion_matrix, score
from teachkit.structures import Detections, GroundTruth


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
