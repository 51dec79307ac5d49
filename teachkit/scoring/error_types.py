"""Error types of detections and of missed objects, and the confusion matrix of classes, both at one threshold.

The error types follow Bolya et al. 2020, arXiv 2008.08115, but are fewer: each detection has exactly one type, which
depends on the true object that it overlaps most.
"""

from dataclasses import dataclass

import numpy as np

from teachkit.errors import check_number
from teachkit.scoring.matching import (
    Floats,
    Ints,
    Objects,
    PerImage,
    Truths,
    best_first,
    claims_ignored,
    gather,
    gather_all,
    images_in,
    match,
    match_classes,
    overlaps,
    refuse_unknown,
)

ON_IGNORED = -2  # in place of the index of the true object that a detection claims
ERROR_TYPES = ("right", "duplicate", "misplaced", "wrong class", "background", "missed")


@dataclass(frozen=True)
class ImageErrors:
    """The errors of one image. types: of its n detections, in their order; truth: [n] index of the true object that
    each detection is about, or -1; missed: [≤ m] indices of the missed true objects.
    """

    types: list[str]
    truth: Ints
    missed: Ints

    def counts(self) -> dict[str, int]:
        """The number of errors of each of ERROR_TYPES."""
        return {one: self.types.count(one) for one in ERROR_TYPES[:-1]} | {"missed": len(self.missed)}


def classify_errors(
    detections: PerImage, ground_truth: Truths, iou: float = 0.5, near: float = 0.1
) -> list[ImageErrors]:
    """Error types, image by image. True objects are numbered within their image, without padding.

    right: claims an object of its class (overlap ≥ iou, best score first). Else the object with the largest overlap
    decides: background if the overlap is < near, wrong class if the object has another class, misplaced if the overlap
    is < iou, else duplicate; on an ignored object it is right.
    missed: a true object that no right, misplaced or wrong-class detection is about.
    """
    check_number("iou", iou, 1)
    check_number("near", near, 1)
    found, truths = gather_all(detections, ground_truth)
    on_ignored = claims_ignored(found, truths, iou)
    truths = truths.take(~truths.ignored)
    order = best_first(found)
    claimed = np.empty(len(found), dtype=np.int64)
    claimed[order] = match_classes(found.take(order), truths, np.array([iou]))[0]
    claimed[on_ignored] = ON_IGNORED
    return [_one_image(found, truths, claimed, image, iou, near) for image in range(images_in(ground_truth))]


def _one_image(found: Objects, truths: Objects, claimed: Ints, image: int, iou: float, near: float) -> ImageErrors:
    first, last = np.searchsorted(truths.image, [image, image + 1])
    its_truths = truths.take(np.arange(first, last))
    mine = np.flatnonzero(found.image == image)
    table = overlaps(found.boxes[mine][:, None], its_truths.boxes[None])  # [n, m]
    types, truth = [], []
    for label, row, claim in zip(found.labels[mine], table, claimed[mine], strict=True):
        if claim == ON_IGNORED:
            one, about = "right", -1
        elif claim >= 0:
            one, about = "right", claim - first
        else:
            one, about = _error_type(label, row, its_truths.labels, iou, near)
        types.append(one)
        truth.append(about)
    return ImageErrors(types, np.array(truth, dtype=np.int64), np.setdiff1d(np.arange(last - first), truth))


def _error_type(label: int, row: Floats, labels: Ints, iou: float, near: float) -> tuple[str, int]:
    if row.max(initial=0) < near:
        return "background", -1
    closest = int(row.argmax())
    if labels[closest] != label:
        return "wrong class", closest
    return ("misplaced" if row[closest] < iou else "duplicate"), closest


def confusion_matrix(detections: PerImage, ground_truth: Truths, classes: int, iou: float = 0.5) -> Ints:
    """How often true class i is detected as class j, [C + 1, C + 1]. Last row: background; last column: missed.

    Each detection claims at most one true object that it overlaps by `iou` or more, best score first: an object of its
    own class if there is one, as in AP, else of another class. The diagonal counts the right detections. Rows
    0 … C − 1 sum to the true objects of their class, columns to the detections. ValueError on any other label.
    """
    found, truths = gather(detections, ground_truth, iou)
    refuse_unknown(np.concatenate([found.labels, truths.labels]), classes)
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
