"""Label issues: labels that are probably wrong, found from the labels alone and from a detector's predictions.

A detector that has learned from many labels contradicts the few that differ from the rest. This is the idea of
confident learning (Northcutt et al. 2021, arXiv 1911.00068), here with simple rules for boxes. An issue is a reason to
look, not a verdict: the detector may be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from teachkit.scoring.matching import Floats, Ints, overlaps
from teachkit.structures import Detections

ISSUE_KINDS = ("broken", "duplicate", "wrong class", "not labelled", "nothing there", "misplaced", "odd size")
SAME_BOX = 0.75  # IoU of two labels of one class from which they are taken for one object labelled twice
ABOUT = 0.3  # least IoU of a detection that is about a label, and least score of one that counts
FITS = 0.65  # IoU below which a sure detection contradicts the place of a label
SURE = 0.5  # score
SMALLEST = 3.0  # px: an object with a shorter side cannot be seen
ODD = 4.0  # spreads that a size is away from the median of its class
NORMAL = 1.4826  # of a normal distribution: standard deviation over median absolute deviation
LEAST_SPREAD = 0.1  # of the logarithm of the area: in a class of equal boxes, 1 px more is not odd
TOO_SMALL, UNSEEN = 0.95, 0.7  # doubt about a box too small to see, and about one that no detection is about


@dataclass(frozen=True)
class LabelIssue:
    """A doubtful label, or a missing one. image: index, -1 if unknown; doubt: 0–1; box: xyxy px; why: in words."""

    image: int
    kind: str
    doubt: float
    box: tuple[float, ...] | None
    why: str


def find_label_issues(
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    classes: Sequence[str],
    detections: Sequence[Detections] | None = None,
) -> list[LabelIssue]:
    """Issues, most doubtful first, at most one per label. boxes: [n, 4] px of each image; labels: [n] int64 from 0.

    detections: of the same images at a low score threshold such as 0.05, from a detector that does not overfit these
    labels; None to use the labels alone. ValueError if the numbers of images differ.
    """
    if len(boxes) != len(labels) or (detections is not None and len(detections) != len(boxes)):
        raise ValueError("boxes, labels and detections must be of equally many images")
    its_boxes = [one.detach().cpu().double().numpy().reshape(-1, 4) for one in boxes]
    its_labels = [one.detach().cpu().numpy() for one in labels]
    sizes = _usual_sizes(its_boxes, its_labels)
    found: list[LabelIssue] = []
    for image, (one, names) in enumerate(zip(its_boxes, its_labels, strict=True)):
        doubts = [_by_size(one, names, sizes, classes), _by_copies(one, names, classes)]
        if detections is not None:
            seen = detections[image].to("cpu")
            view = (seen.boxes.double().numpy().reshape(-1, 4), seen.scores.numpy(), seen.labels.numpy())
            doubts.append(_by_detector(one, names, *view, classes))
            found += _not_labelled(image, one, *view, classes)
        for place in range(len(one)):
            kind, doubt, why = max((table[place] for table in doubts), key=lambda entry: entry[1])
            if doubt > 0:
                found.append(LabelIssue(image, kind, doubt, tuple(one[place].tolist()), why))
    return sorted(found, key=lambda one: (-one.doubt, one.image))


Doubt = tuple[str, float, str]  # kind, 0–1, why
NONE: Doubt = ("", 0.0, "")


def _log_area(boxes: Floats) -> Floats:
    return np.log(np.maximum(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3), -1), 1e-6))


def _usual_sizes(boxes: Sequence[Floats], labels: Sequence[Ints]) -> dict[int, tuple[float, float]]:
    """label → median and spread (from the median absolute deviation) of the logarithm of the area."""
    if not boxes:
        return {}
    areas, names = np.concatenate([_log_area(one) for one in boxes]), np.concatenate(labels)
    sizes = {}
    for label in np.unique(names):
        mine = areas[names == label]
        middle = float(np.median(mine))
        sizes[int(label)] = middle, NORMAL * float(np.median(np.abs(mine - middle))) + LEAST_SPREAD
    return sizes


def _by_size(boxes: Floats, labels: Ints, sizes: dict[int, tuple[float, float]], classes: Sequence[str]) -> list[Doubt]:
    doubts = []
    for box, label, area in zip(boxes, labels, _log_area(boxes), strict=True):
        middle, spread = sizes[int(label)]
        far = abs(area - middle) / spread
        shortest = min(box[2] - box[0], box[3] - box[1])
        if shortest < SMALLEST:
            doubts.append(("odd size", TOO_SMALL, f"{classes[label]} of {shortest:.1f} px: too small to be seen"))
        elif far > ODD:
            times = np.exp(abs(area - middle))
            than = "larger" if area > middle else "smaller"
            doubts.append(("odd size", 1 - ODD / far, f"{classes[label]} {times:.0f} times {than} than usual"))
        else:
            doubts.append(NONE)
    return doubts


def _by_copies(boxes: Floats, labels: Ints, classes: Sequence[str]) -> list[Doubt]:
    """The second of two labels of one class with the same box."""
    table = np.tril(overlaps(boxes[:, None], boxes[None]) * (labels[:, None] == labels[None]), -1)
    return [
        ("duplicate", float(row.max()), f"{classes[label]} labelled twice, overlap {row.max():.2f}")
        if row.max(initial=0) >= SAME_BOX
        else NONE
        for row, label in zip(table, labels, strict=True)
    ]


def _by_detector(
    boxes: Floats, labels: Ints, seen: Floats, scores: Floats, seen_labels: Ints, classes: Sequence[str]
) -> list[Doubt]:
    table = overlaps(boxes[:, None], seen[None])  # [n, d]
    return [
        _contradicted(int(label), row, scores, seen_labels, classes) for label, row in zip(labels, table, strict=True)
    ]


def _contradicted(label: int, row: Floats, scores: Floats, seen_labels: Ints, classes: Sequence[str]) -> Doubt:
    name = classes[label]
    about = row >= ABOUT
    if not about.any():
        return "nothing there", UNSEEN, f"{name} where the detector sees nothing"
    same = float(np.max(scores * about * (seen_labels == label), initial=0))
    close = np.where((row >= SURE) & (seen_labels != label), scores, 0)
    other = float(close.max(initial=0))
    if other > max(same, ABOUT):
        seen = classes[seen_labels[int(close.argmax())]]
        return "wrong class", other * (1 - same), f"{name}, but the detector sees {seen} ({other:.2f})"
    sure = about & (scores >= SURE)
    if sure.any() and row[sure].max() < FITS:
        fit = float(row[sure].max())
        return "misplaced", 1 - fit, f"{name}: the detector's box overlaps it by {fit:.2f} only"
    best = float(np.max(scores * about, initial=0))
    if best < ABOUT:
        why = f"{name} where the detector is hardly sure of anything ({best:.2f})"
        return "nothing there", UNSEEN * (1 - best), why
    return NONE


def _not_labelled(
    image: int, boxes: Floats, seen: Floats, scores: Floats, seen_labels: Ints, classes: Sequence[str]
) -> list[LabelIssue]:
    """Sure detections that overlap no label."""
    nearest = overlaps(seen[:, None], boxes[None]).max(-1, initial=0)  # [d]
    return [
        LabelIssue(
            image,
            "not labelled",
            float(scores[place] * (1 - nearest[place])),
            tuple(seen[place].tolist()),
            f"the detector sees {classes[seen_labels[place]]} ({scores[place]:.2f}), no label is there",
        )
        for place in np.flatnonzero((scores >= SURE) & (nearest < ABOUT))
    ]
