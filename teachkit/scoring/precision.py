"""Precision and recall, average precision (AP) of a class, and their mean over classes (mAP).

AP is read at 101 recalls, as in COCO: cocodataset.org, "Detection evaluation", and its code, pycocotools. N detections
of a class; G true objects.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from teachkit.scoring.matching import (
    Floats,
    Objects,
    PerImage,
    Truths,
    best_first,
    gather,
    gather_all,
    match_classes,
    refuse_unknown,
)

OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MOST_PER_CLASS_AND_IMAGE = 100
MOST_NAMELESS = 10_000  # classes without names; the tables of more would fill the memory


class PrecisionRecall(NamedTuple):
    """The curve of a class, a point for each detection, best first. recall, precision, scores: [N] in 0–1."""

    recall: Floats
    precision: Floats
    scores: Floats


@dataclass(frozen=True)
class ClassScores:
    """AP of a class: map: mean over the overlaps 0.50, 0.55 … 0.95; map50, map75: at 0.50, 0.75. NaN without truth."""

    map: float
    map50: float
    map75: float

    def __getitem__(self, name: str) -> float:
        return self.values()[name]

    def values(self) -> dict[str, float]:
        return {"map": self.map, "map50": self.map50, "map75": self.map75}


@dataclass(frozen=True)
class Ranking:
    """All detections of a class, best first. hits: [10, N], whether each is right, by overlap; truths: G."""

    hits: NDArray[np.bool_]
    scores: Floats
    truths: int
    counted: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Scores(ClassScores):
    """Means over the classes that have ground truth, and the same three numbers for each class by its name."""

    per_class: dict[str, ClassScores]
    rankings: dict[str, Ranking] = field(repr=False, compare=False)

    def curve(self, name: str, iou: float = 0.5) -> PrecisionRecall:
        """Precision and recall of a class. iou: 0.50, 0.55 … or 0.95. ValueError if there is no such curve."""
        level = np.flatnonzero(np.isclose(OVERLAPS, iou))
        if name not in self.rankings or not len(level):
            raise ValueError(f"no curve of {name!r} at IoU {iou}: there are {list(self.rankings)} at 0.50, 0.55 … 0.95")
        ranking = self.rankings[name]
        counted = None if ranking.counted is None else ranking.counted[level[0]]
        return PrecisionRecall(*precision_recall(ranking.hits[level[0]], ranking.truths, counted), ranking.scores)

    def as_dict(self) -> dict[str, object]:
        """For JSON, which has no NaN: None where undefined."""
        return {**_defined(self), "per_class": {name: _defined(one) for name, one in self.per_class.items()}}


class PerClass(dict[str, ClassScores]):
    """ClassScores by the name of a class, or by its label."""

    def __missing__(self, label: int) -> ClassScores:
        if label in range(len(self)):
            return list(self.values())[label]
        raise KeyError(label)


def _defined(scores: ClassScores) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in scores.values().items()}


def precision_recall(
    hits: NDArray[np.bool_], truths: int, counted: NDArray[np.bool_] | None = None
) -> tuple[Floats, Floats]:
    """Recall and precision of the first 1, 2 … N detections.

    hits: [..., N] bool, best first; truths: G → [..., N], [..., N] in 0–1; recall is NaN if G = 0.
    counted: [..., N] bool, False for those on ignored objects; None: all count.
    """
    found = hits.cumsum(-1)
    recall = found / truths if truths else np.full(hits.shape, np.nan)
    let_in = np.arange(1, hits.shape[-1] + 1) if counted is None else np.maximum(counted.cumsum(-1), 1)
    return recall, found / let_in


def average_precision(hits: NDArray[np.bool_], truths: int, counted: NDArray[np.bool_] | None = None) -> Floats:
    """Mean over 101 recalls of the best precision at that recall or above; 0 beyond the last recall reached.

    hits: [T, N] bool, best first; truths: G; counted: as in `precision_recall` → [T] in 0–1; NaN if G = 0.
    """
    if truths == 0:
        return np.full(len(hits), np.nan)
    recall, precision = precision_recall(hits, truths, counted)
    best_from_here = np.maximum.accumulate(precision[:, ::-1], -1)[:, ::-1]
    beyond = np.zeros((len(hits), 1))
    first_reached = np.stack([row.searchsorted(RECALLS) for row in recall])  # [T, 101], N where never reached
    return np.take_along_axis(np.append(best_from_here, beyond, -1), first_reached, -1).mean(-1)


def score(detections: PerImage, ground_truth: Truths, classes: Sequence[str] | None = None) -> Scores:
    """AP of each class and their mean, of B Detections and one GroundTruth, or of lists of both over batches.

    classes: names of labels 0, 1 …; None: the labels are the names. Only the best 100 of each class and image count.
    A class without ground truth is NaN and not in the mean. ValueError on NaN scores and on labels without a name.
    """
    found, truths = gather_all(detections, ground_truth)
    names = _class_names(found, truths, classes)
    rankings = dict(zip(names, _rankings(found, truths, len(names)), strict=True))
    table = np.array([average_precision(one.hits, one.truths, one.counted) for one in rankings.values()]).reshape(
        -1, len(OVERLAPS)
    )
    per_class = PerClass((name, _three(row)) for name, row in zip(names, table, strict=True))
    with_truth = table[~np.isnan(table[:, 0])]
    mean = with_truth.mean(0) if len(with_truth) else np.full(len(OVERLAPS), np.nan)
    return Scores(**_three(mean).values(), per_class=per_class, rankings=rankings)


class Reliability(NamedTuple):
    """Detections in piles by their score. scores, right: mean score and share right of each pile, [P]; sizes: [P]."""

    scores: Floats
    right: Floats
    sizes: Floats


def reliability(
    detections: PerImage, ground_truth: Truths, edges: Sequence[float] | Floats, iou: float = 0.5
) -> Reliability:
    """The piles of scores from an edge up to the next; one without detections is left out.

    Right is a detection that claims a true object of its class, best first: a second box on an object is wrong.
    DeGroot and Fienberg 1983, The Statistician 32, pages 12–22; of detectors: Küppers et al. 2020, arXiv 2004.13546.
    """
    found, truths = gather(detections, ground_truth, iou)
    found = found.take(best_first(found))
    right = match_classes(found, truths, np.array([iou]))[0] >= 0
    piles = [(found.scores >= low) & (found.scores < high) for low, high in pairwise(edges)]
    rows = [(found.scores[pile].mean(), right[pile].mean(), pile.sum()) for pile in piles if pile.any()]
    return Reliability(*np.array(rows, dtype=float).reshape(-1, 3).T)


def _class_names(found: Objects, truths: Objects, classes: Sequence[str] | None) -> list[str]:
    labels = np.concatenate([found.labels, truths.labels])
    count = int(labels.max(initial=-1)) + 1 if classes is None else len(classes)
    if classes is not None and (isinstance(classes, str) or len(set(classes)) < count):
        raise ValueError(f"classes must be a list of names, each once, not {classes!r:.80}")
    refuse_unknown(labels, count)
    if classes is None and count > MOST_NAMELESS:
        raise ValueError(f"a label of {count - 1} is hardly meant: hand over the names of the classes")
    return [str(label) for label in range(count)] if classes is None else list(classes)


def _rankings(found: Objects, truths: Objects, classes: int) -> list[Ranking]:
    """Matches each class within its images, then ranks its detections over all images."""
    images = 1 + found.image.max(initial=0)
    by_class = replace(found, image=found.labels * images + found.image)  # each image once for each class
    found = found.take(best_first(by_class, MOST_PER_CLASS_AND_IMAGE))
    claimed = match_classes(found, truths, OVERLAPS)  # [T, N]
    order = np.lexsort((-found.scores, found.labels))
    scores, claimed = found.scores[order], claimed[:, order]
    hits = np.append(~truths.ignored, False)[claimed]
    counted = ~np.append(truths.ignored, False)[claimed] if truths.ignored.any() else None
    there = np.bincount(truths.labels[~truths.ignored], minlength=classes).tolist()
    edges = np.searchsorted(found.labels[order], np.arange(classes + 1)).tolist()
    return [
        Ranking(hits[:, a:b], scores[a:b], count, None if counted is None else counted[:, a:b])
        for (a, b), count in zip(pairwise(edges), there, strict=True)
    ]


def _three(over_overlaps: Floats) -> ClassScores:
    at_50, at_75 = over_overlaps[0], over_overlaps[5]
    return ClassScores(map=float(over_overlaps.mean()), map50=float(at_50), map75=float(at_75))
