"""How good detections are: matching to true objects, average precision, error types, counts, label issues."""

from teachkit.scoring.counting import best_threshold, count_error, count_errors, counts
from teachkit.scoring.error_types import ERROR_TYPES, ImageErrors, classify_errors, confusion_matrix
from teachkit.scoring.label_issues import ISSUE_KINDS, LabelIssue, find_label_issues
from teachkit.scoring.matching import f1_score, found_by_class, mean_overlap, nearest_boxes, objects_found
from teachkit.scoring.precision import (
    ClassScores,
    PrecisionRecall,
    Reliability,
    Scores,
    average_precision,
    precision_recall,
    reliability,
    score,
)

__all__ = [
    "ERROR_TYPES",
    "ISSUE_KINDS",
    "ClassScores",
    "ImageErrors",
    "LabelIssue",
    "PrecisionRecall",
    "Reliability",
    "Scores",
    "average_precision",
    "best_threshold",
    "classify_errors",
    "confusion_matrix",
    "count_error",
    "count_errors",
    "counts",
    "f1_score",
    "find_label_issues",
    "found_by_class",
    "mean_overlap",
    "nearest_boxes",
    "objects_found",
    "precision_recall",
    "reliability",
    "score",
]
