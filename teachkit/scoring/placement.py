"""How well do boxes lie, whatever their scores say? For trainings in which nothing teaches the scores."""

import torch

from teachkit.boxes import iou
from teachkit.structures import GroundTruth, Predictions


@torch.no_grad()
def mean_overlap(predictions: Predictions, ground_truth: GroundTruth) -> float:
    """Mean IoU, 0–1, of each true object with the box predicted at the anchor point nearest its centre; NaN if none.

    Neither scores nor the assigner have a say: this measures places, and nothing else.
    """
    overlaps = []
    for index in range(len(ground_truth)):
        boxes, _ = ground_truth.image(index)  # [n, 4]
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        nearest = torch.cdist(centres, predictions.anchor_points).argmin(1)  # [n]
        overlaps.append(iou(predictions.boxes[index, nearest], boxes))
    return float(torch.cat(overlaps).mean())
