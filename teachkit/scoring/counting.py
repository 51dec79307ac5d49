"""Counting objects: the error of a count, and the score threshold with the smallest error."""

from collections.abc import Sequence

import numpy as np

from teachkit.errors import check_number
from teachkit.scoring.matching import Floats, Ints, PerImage, Truths, gather, images_in

THRESHOLDS = np.round(np.arange(0.05, 0.96, 0.05), 2)


def counts(detections: PerImage, ground_truth: Truths, threshold: float, label: int | None = None) -> tuple[Ints, Ints]:
    """Detections above the threshold, and true objects, in each image: [B], [B].

    label: of one class; None: of all classes together.
    """
    check_number("threshold", threshold, 1)
    found, truths = gather(detections, ground_truth)
    images = images_in(ground_truth)
    mine = (found.scores > threshold) & (True if label is None else found.labels == label)
    there = np.ones(len(truths), dtype=bool) if label is None else truths.labels == label
    return np.bincount(found.image[mine], minlength=images), np.bincount(truths.image[there], minlength=images)


def count_error(detections: PerImage, ground_truth: Truths, threshold: float, label: int | None = None) -> float:
    """Mean absolute error of the count, in objects per image; NaN without images.

    Too many in one image do not make up for too few in another.
    """
    found, there = counts(detections, ground_truth, threshold, label)
    return float(np.abs(found - there).mean()) if len(there) else float("nan")


def count_errors(
    detections: PerImage,
    ground_truth: Truths,
    label: int | None = None,
    thresholds: Sequence[float] | Floats = THRESHOLDS,
) -> Floats:
    """`count_error` at each threshold. → [T]"""
    return np.array([count_error(detections, ground_truth, one, label) for one in thresholds])


def best_threshold(
    detections: PerImage,
    ground_truth: Truths,
    label: int | None = None,
    thresholds: Sequence[float] | Floats = THRESHOLDS,
) -> float:
    """The threshold with the smallest count error, the lowest of equals. Choose it on images not reported on."""
    return float(thresholds[int(count_errors(detections, ground_truth, label, thresholds).argmin())])
