"""What is taken for what: the confusion matrix of detections at one threshold."""

import numpy as np

from teachkit.scoring.matching import Ints, PerImage, Truths, best_first, gather, match, match_classes


def confusion_matrix(detections: PerImage, ground_truth: Truths, classes: int, iou: float = 0.5) -> Ints:
    """How often true class i was taken for class j. [C + 1, C + 1]; last row: nothing there; last column: missed.

    Each detection claims one true object at most, best score first: of its own class where there is one, as in AP, so
    that the diagonal counts what is right; only then of another. Overlap `iou` or more. Rows 0 … C − 1 sum to the true
    objects of their class, columns to the detections.
    """
    found, truths = gather(detections, ground_truth)
    found = found.take(best_first(found))
    claimed = match_classes(found, truths, np.array([iou]))[0]  # [N]
    spare = np.flatnonzero(claimed < 0)
    free = np.setdiff1d(np.arange(len(truths)), claimed)
    others = match(found.take(spare), truths.take(free), np.array([iou]))[0]
    claimed[spare] = np.where(others >= 0, np.append(free, -1)[others], -1)
    matrix = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    np.add.at(matrix, (np.append(truths.labels, classes)[claimed], found.labels), 1)
    missed = np.setdiff1d(np.arange(len(truths)), claimed)
    np.add.at(matrix, (truths.labels[missed], classes), 1)
    return matrix
