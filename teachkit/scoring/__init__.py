"""How good is it? Matching of detections to true objects, average precision, kinds of error."""

from teachkit.scoring.kinds import ERROR_KINDS, ImageErrors, classify_errors
from teachkit.scoring.matching import objects_found
from teachkit.scoring.precision import (
    ClassScores,
    PrecisionRecall,
    Scores,
    average_precision,
    precision_recall,
    score,
)

__all__ = [
    "ERROR_KINDS",
    "ClassScores",
    "ImageErrors",
    "PrecisionRecall",
    "Scores",
    "average_precision",
    "classify_errors",
    "objects_found",
    "precision_recall",
    "score",
]
