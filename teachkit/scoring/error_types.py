"""What kind of mistake? Every detection, and every true object that none of them is about, has one kind.

After Bolya et al. 2020, arXiv 2008.08115, with fewer kinds: the true object that a detection overlaps most decides.
"""

from dataclasses import dataclass

import numpy as np

from teachkit.scoring.matching import (
    Floats,
    Ints,
    Objects,
    PerImage,
    Truths,
    best_first,
    gather,
    images_in,
    match_classes,
    overlaps,
)

ERROR_TYPES = ("right", "duplicate", "misplaced", "wrong class", "background", "missed")


@dataclass(frozen=True)
class ImageErrors:
    """One image's. kinds: of its n detections, in their order; truth: [n] which true object each is about, or -1;
    missed: [≤ m] true objects.
    """

    kinds: list[str]
    truth: Ints
    missed: Ints

    def counts(self) -> dict[str, int]:
        """How many of each of ERROR_TYPES."""
        return {kind: self.kinds.count(kind) for kind in ERROR_TYPES[:-1]} | {"missed": len(self.missed)}


def classify_errors(
    detections: PerImage, ground_truth: Truths, iou: float = 0.5, near: float = 0.1
) -> list[ImageErrors]:
    """Kinds of error, image by image; true objects are numbered within their image, padding left out.

    right: claims an object of its class (overlap ≥ iou, best score first). Else the object it overlaps most decides.
    background: overlap < near; wrong class: that object has another; misplaced: overlap < iou; duplicate: claimed.
    missed: an object that no detection is about, be it right, misplaced or of the wrong class.
    """
    found, truths = gather(detections, ground_truth)
    order = best_first(found)
    claimed = np.empty(len(found), dtype=np.int64)
    claimed[order] = match_classes(found.take(order), truths, np.array([iou]))[0]
    return [_one_image(found, truths, claimed, image, iou, near) for image in range(images_in(ground_truth))]


def _one_image(found: Objects, truths: Objects, claimed: Ints, image: int, iou: float, near: float) -> ImageErrors:
    first, last = np.searchsorted(truths.image, [image, image + 1])
    its_truths = truths.take(np.arange(first, last))
    mine = np.flatnonzero(found.image == image)
    table = overlaps(found.boxes[mine][:, None], its_truths.boxes[None])  # [n, m]
    kinds, truth = [], []
    for label, row, claim in zip(found.labels[mine], table, claimed[mine], strict=True):
        kind, about = (
            ("right", claim - first) if claim >= 0 else _kind_of_error(label, row, its_truths.labels, iou, near)
        )
        kinds.append(kind)
        truth.append(about)
    return ImageErrors(kinds, np.array(truth, dtype=np.int64), np.setdiff1d(np.arange(last - first), truth))


def _kind_of_error(label: int, row: Floats, labels: Ints, iou: float, near: float) -> tuple[str, int]:
    if row.max(initial=0) < near:
        return "background", -1
    closest = int(row.argmax())
    if labels[closest] != label:
        return "wrong class", closest
    return ("misplaced" if row[closest] < iou else "duplicate"), closest
