"""Matching of detections to true objects, as in pycocotools, COCO's own code.

Best score first, each detection claims one true object of its class that is still free: the one with the largest
overlap, if that reaches the threshold. N detections, G true objects, T overlap thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from teachkit.boxes import iou as torch_iou
from teachkit.errors import check_number
from teachkit.structures import Detections, GroundTruth, Predictions, check_shapes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PerImage = Sequence[Detections] | Sequence[Sequence[Detections]]  # of one batch, or of several
Truths = GroundTruth | Sequence[GroundTruth]


@dataclass(frozen=True)
class Objects:
    """The boxes of many images, image after image. image, labels: [N] int64; boxes: [N, 4] px; scores: [N].

    ignored: [N], of true objects: neither found nor missed; none is, unless said.
    """

    image: Ints
    boxes: Floats
    labels: Ints
    scores: Floats
    ignored: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        if len(self.ignored) != len(self.image):
            object.__setattr__(self, "ignored", np.zeros(len(self.image), dtype=bool))

    def __len__(self) -> int:
        return len(self.image)

    def take(self, places: NDArray) -> "Objects":
        parts = (self.image, self.boxes, self.labels, self.scores, self.ignored)
        return Objects(*(part[places] for part in parts))


def gather(detections: PerImage, ground_truth: Truths, iou: float = 0.5) -> tuple[Objects, Objects]:
    """Detections and true objects of all images, float64 on the CPU.

    Ignored objects are left out, and so are the detections that claim one of them by `iou` or more. ValueError on NaN
    and infinity, true boxes with x2 < x1, an `iou` that is not in 0–1, or if the two are not of the same images.
    """
    check_number("iou", iou, 1)
    found, truths = gather_all(detections, ground_truth)
    if truths.ignored.any():
        found = found.take(~claims_ignored(found, truths, iou))
        truths = truths.take(~truths.ignored)
    return found, truths


def claims_ignored(found: Objects, truths: Objects, iou: float) -> NDArray[np.bool_]:
    """Whether each detection claims an ignored object, and no other. → [N]"""
    order = best_first(found)
    claimed = match_classes(found.take(order), truths, np.array([iou]))[0]
    on_ignored = np.zeros(len(found), dtype=bool)
    on_ignored[order] = np.append(truths.ignored, False)[claimed]
    return on_ignored


def gather_all(detections: PerImage, ground_truth: Truths) -> tuple[Objects, Objects]:
    """`gather` with the ignored objects, image after image behind the others."""
    if isinstance(ground_truth, GroundTruth):
        detections, ground_truth = [cast(Sequence[Detections], detections)], [ground_truth]
    batches = cast(Sequence[Sequence[Detections]], detections)
    kinds = list | tuple
    if not isinstance(batches, kinds) or not all(
        isinstance(batch, kinds) and all(isinstance(one, Detections) for one in batch) for batch in batches
    ):
        raise ValueError("detections must be a list of Detections, one for each image, or a list of such lists")
    if not isinstance(ground_truth, kinds) or not all(isinstance(one, GroundTruth) for one in ground_truth):
        raise ValueError("ground truth must be one GroundTruth, or a list of them")
    counts, true_counts = [len(batch) for batch in batches], [len(batch) for batch in ground_truth]
    if counts != true_counts:
        raise ValueError(f"detections of {counts} images, batch by batch, but ground truth of {true_counts}")
    found, truths = _join([one for batch in batches for one in batch]), _join_truths(ground_truth)
    _refuse_nan("detections", found)
    _refuse_nan("ground truth", truths)
    if len(inverted := np.flatnonzero((truths.boxes[:, 2:] < truths.boxes[:, :2]).any(1))):
        box, image = truths.boxes[inverted[0]].tolist(), truths.image[inverted[0]]
        raise ValueError(f"ground truth: box {box} of image {image}, counted from 0, has x2 < x1 or y2 < y1")
    return found, truths


def images_in(ground_truth: Truths) -> int:
    """The number of images in one batch, or in several."""
    return sum(map(len, [ground_truth] if isinstance(ground_truth, GroundTruth) else ground_truth))


def _join(detections: list[Detections]) -> Objects:
    counts = [len(one) for one in detections]
    for image, (one, count) in enumerate(zip(detections, counts, strict=True)):
        shapes = [_shape(part) for part in (one.boxes, one.scores, one.labels)]
        if shapes != [[count, 4], [count], [count]] and (count or one.scores.numel() or one.labels.numel()):
            raise ValueError(
                f"detections of image {image}: boxes, scores, labels must be [n, 4], [n], [n], not {shapes}"
            )
    return Objects(
        np.repeat(np.arange(len(counts)), counts),
        _numpy([one.boxes.reshape(-1, 4) for one in detections], (0, 4)),
        _labels([one.labels for one in detections]),
        _numpy([one.scores for one in detections], (0,)),
    )


def _join_truths(batches: Sequence[GroundTruth]) -> Objects:
    parts = [_truths(batches, ignored=False)]
    if any(batch.ignored is not None for batch in batches):
        none = [GroundTruth(batch.boxes[:, :0], batch.labels[:, :0], batch.mask[:, :0]) for batch in batches]
        others = [batch.ignored or empty for batch, empty in zip(batches, none, strict=True)]
        parts.append(_truths(others, ignored=True))
    image, boxes, labels, ones, ignored = (np.concatenate(column) for column in zip(*parts, strict=True))
    joined = Objects(image, boxes, labels, ones, ignored)
    return joined.take(np.argsort(image, kind="stable")) if len(parts) > 1 else joined


def _truths(batches: Sequence[GroundTruth], ignored: bool) -> tuple[Ints, Floats, Ints, Floats, NDArray[np.bool_]]:
    """image, boxes, labels, scores, ignored of `Objects`."""
    for one in batches:
        shapes = [_shape(part) for part in (one.boxes, one.labels, one.mask)]
        if shapes != [[*shapes[2], 4], shapes[2], shapes[2]] or len(shapes[2]) != 2:
            raise ValueError(f"ground truth: boxes, labels, mask must be [B, M, 4], [B, M], [B, M], not {shapes}")
        if one.mask.dtype != torch.bool:
            raise ValueError(f"ground truth: the mask must be torch.bool, not {one.mask.dtype}")
    mask = [batch.mask.cpu() for batch in batches]
    before = np.cumsum([0, *map(len, mask)])
    image = [one.nonzero()[:, 0] + int(first) for one, first in zip(mask, before, strict=False)]
    boxes = _numpy([batch.boxes.cpu()[one] for batch, one in zip(batches, mask, strict=True)], (0, 4))
    labels = _labels([batch.labels.cpu()[one] for batch, one in zip(batches, mask, strict=True)])
    count = len(boxes)
    image_of = _numpy(image, (0,)).astype(np.int64)
    return image_of, boxes, labels, np.ones(count), np.full(count, ignored)


def _shape(part: Tensor) -> list[int]:
    if not isinstance(part, Tensor):
        raise ValueError(f"boxes, scores, labels and masks must be tensors, not a {type(part).__name__}")
    return list(part.shape)


def _labels(parts: list[Tensor]) -> Ints:
    labels = _numpy(parts, (0,))
    if len(fractions := labels[~np.isfinite(labels) | (labels != np.round(labels))]):
        raise ValueError(f"labels must be whole numbers, not {fractions[0]:g}")
    return labels.astype(np.int64)


def _numpy(parts: list[Tensor], empty: tuple[int, ...]) -> Floats:
    # joined on the device: one transfer, not one for each image; float64 on the CPU, since some GPUs have none
    return torch.cat([part.detach() for part in parts]).cpu().double().numpy() if parts else np.zeros(empty)


def refuse_unknown(labels: Ints, classes: int) -> None:
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels {labels.min()} … {labels.max()}, but there are {classes} classes: 0 … {classes - 1}")


def _refuse_nan(what: str, objects: Objects) -> None:
    for name, fine in (("scores", np.isfinite(objects.scores)), ("boxes", np.isfinite(objects.boxes).all(1))):
        if not fine.all():
            image = objects.image[fine.argmin()]
            raise ValueError(
                f"{what}: NaN or infinity in the {name} of image {image}, counted from 0; look for NaN in the weights"
            )


def best_first(objects: Objects, limit: int | None = None) -> Ints:
    """Indices of the objects, image after image, best score first in each; at most `limit` per image. → [≤ N]"""
    order = np.lexsort((-objects.scores, objects.image))
    image = objects.image[order]
    rank = np.arange(len(order)) - np.searchsorted(image, image)  # within its image, from 0
    return order if limit is None else order[rank < limit]


def overlaps(a: Floats, b: Floats) -> Floats:
    """IoU without an ε. a, b: [..., 4] px, broadcast → [...] in 0–1."""
    # `boxes.iou` has an ε in its quotient for the gradient, and would miss an overlap that equals a threshold
    inter = np.prod(np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None), -1)
    union = np.prod(a[..., 2:] - a[..., :2], -1) + np.prod(b[..., 2:] - b[..., :2], -1) - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=inter > 0)


def match(found: Objects, truths: Objects, thresholds: Floats) -> Ints:
    """For each threshold, the index in `truths` that each detection claims, or -1. Both of one class → [T, N].

    found: image after image and best first, as `best_first` sorts; truths: image after image; thresholds: [T] > 0.
    All images are processed side by side: first the best detection of each, then the second best, and so on.
    """
    claimed = np.full((len(thresholds), len(found)), -1)
    if not len(found) or not len(truths):
        return claimed
    images = np.arange(max(found.image[-1], truths.image[-1]) + 1)
    first_found, first_truth = np.searchsorted(found.image, images), np.searchsorted(truths.image, images)
    found_count, truth_count = (
        np.bincount(found.image, minlength=len(images)),
        np.bincount(truths.image, minlength=len(images)),
    )
    column = np.arange(len(truths)) - first_truth[truths.image]
    table = np.zeros((len(images), truth_count.max(), 4))  # [B, M, 4] padded with empty boxes, which overlap nothing
    table[truths.image, column] = truths.boxes
    second = np.zeros(table.shape[:2], dtype=bool)  # [B, M]: ignored objects are claimed only if no other can be
    second[truths.image, column] = truths.ignored
    free = np.ones((len(thresholds), *table.shape[:2]), dtype=bool)  # [T, B, M]

    for rank in range(found_count.max()):
        rows = np.flatnonzero(found_count > rank)  # the images that have a detection of this rank
        places = first_found[rows] + rank
        iou = overlaps(found.boxes[places][:, None], table[rows])  # [b, M]
        iou_if_free = np.where(free[:, rows], iou, -1)  # [T, b, M]
        if truths.ignored.any():
            iou_if_free = _counted_first(iou_if_free, second[rows], thresholds)
        best = iou_if_free.shape[-1] - 1 - iou_if_free[..., ::-1].argmax(-1)  # [T, b]; the last of equals, as in COCO
        enough = np.take_along_axis(iou_if_free, best[..., None], -1)[..., 0] >= thresholds[:, None]
        level, row = enough.nonzero()
        free[level, rows[row], best[level, row]] = False
        claimed[level, places[row]] = first_truth[rows[row]] + best[level, row]
    return claimed


def _counted_first(iou: Floats, second: NDArray[np.bool_], thresholds: Floats) -> Floats:
    """Puts what is far enough on an object that counts before all that is ignored. iou: [T, b, M]; second: [b, M]."""
    return iou + (~second & (iou >= thresholds[:, None, None]))


def match_classes(found: Objects, truths: Objects, thresholds: Floats) -> Ints:
    """`match` for all classes at once: each detection may only claim an object of its own class. → [T, N]"""
    images = 1 + max(found.image.max(initial=0), truths.image.max(initial=0))
    groups, group = np.unique(truths.labels * images + truths.image, return_inverse=True)  # class and image
    key = found.labels * images + found.image
    place = np.searchsorted(groups, key)
    theirs = np.flatnonzero(np.append(groups, -1)[place] == key)  # the others have nothing to claim
    theirs = theirs[np.argsort(place[theirs], kind="stable")]
    true = np.argsort(group, kind="stable")
    its = match(
        replace(found.take(theirs), image=place[theirs]), replace(truths.take(true), image=group[true]), thresholds
    )
    claimed = np.full((len(thresholds), len(found)), -1)
    claimed[:, theirs] = np.where(its >= 0, np.append(true, -1)[its], -1)
    return claimed


def objects_found(detections: PerImage, ground_truth: Truths, iou: float = 0.5) -> tuple[int, int]:
    """The number of true objects that a detection of their class claims with an overlap of `iou` or more, and of all.

    All given detections count: their score threshold was chosen in `detect`.
    """
    truths, claimed = _claims(detections, ground_truth, iou)
    return len(claimed), len(truths)


def found_by_class(detections: PerImage, ground_truth: Truths, classes: int, iou: float = 0.5) -> list[tuple[int, int]]:
    """`objects_found` of each class 0 … classes − 1: found, and of how many. ValueError on any other label."""
    truths, claimed = _claims(detections, ground_truth, iou)
    refuse_unknown(truths.labels, classes)
    right, there = (np.bincount(labels, minlength=classes) for labels in (truths.labels[claimed], truths.labels))
    return list(zip(right.tolist(), there.tolist(), strict=True))


def f1_score(detections: PerImage, ground_truth: Truths, score_threshold: float = 0.25, iou: float = 0.5) -> float:
    """2 · right / (detections + true objects), 0–1: the harmonic mean of precision and recall; NaN if there are none.

    A detection counts above `score_threshold`; it is right if it claims a true object of its class that it overlaps by
    `iou` or more. A flood of boxes finds everything and still scores near 0. van Rijsbergen 1979, chapter 7.
    """
    found, truths = gather(detections, ground_truth, iou)
    found = found.take(found.scores > check_number("score_threshold", score_threshold, 1))
    right = (match_classes(found.take(best_first(found)), truths, np.array([iou])) >= 0).sum()
    both = len(found) + len(truths)
    return float(2 * right / both) if both else float("nan")


def _claims(detections: PerImage, ground_truth: Truths, iou: float) -> tuple[Objects, Ints]:
    """All true objects, and the indices of those that are found."""
    found, truths = gather(detections, ground_truth, iou)
    claimed = match_classes(found.take(best_first(found)), truths, np.array([iou]))[0]
    return truths, claimed[claimed >= 0]


@torch.no_grad()
def mean_overlap(predictions: Predictions, ground_truth: GroundTruth) -> float:
    """Mean IoU, 0–1, of each true object with the box predicted at the anchor point nearest its centre; NaN if none.

    It measures how well boxes lie, and depends neither on scores nor on the assigner. ValueError if a shape is wrong.
    """
    boxes = nearest_boxes(predictions, ground_truth)
    truth = [ground_truth.image(index)[0] for index in range(len(ground_truth))]
    return float(torch.cat(list(map(torch_iou, boxes, truth))).mean())


@torch.no_grad()
def nearest_boxes(predictions: Predictions, ground_truth: GroundTruth) -> list[Tensor]:
    """Of each image the boxes predicted at the anchor points nearest the centres of its true objects: B of [n, 4] px.

    ValueError if a shape is wrong.
    """
    check_shapes(predictions, ground_truth)
    nearest = []
    for index in range(len(ground_truth)):
        boxes, _ = ground_truth.image(index)  # [n, 4]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        places = torch.cdist(centres, predictions.anchor_points).argmin(1)  # [n]
        nearest.append(predictions.boxes[index, places])
    return nearest
