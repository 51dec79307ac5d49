"""The error signal on its way back: how much of each loss arrives at each part of the detector."""

import math

import torch

from teachkit.analysis.gradient_share import statistics_kept
from teachkit.feed.detector import Detector
from teachkit.punish.criterion import Assigner, Criterion
from teachkit.structures import LOSS_NAMES, Assignment, Batch, GroundTruth, Predictions


def parts_of(model: Detector) -> dict[str, list[torch.nn.Parameter]]:
    """Parts from the picture to the answers → their parameters."""
    parts: dict[str, torch.nn.Module] = {f"backbone {at}": one for at, one in enumerate(model.backbone.stages, 1)}
    parts |= {"neck": model.neck, "class branch": model.predictor.cls_branch, "box branch": model.predictor.box_branch}
    return {name: list(part.parameters()) for name, part in parts.items()}


def signal_by_part(model: Detector, criterion: Criterion, batch: Batch) -> dict[str, dict[str, float]]:
    """part → loss → ‖∂L/∂its parameters‖ of the unweighted loss. The model is left as it was."""
    parts = parts_of(model)
    every = [one for parameters in parts.values() for one in parameters]
    signal: dict[str, dict[str, float]] = {part: {} for part in parts}
    with statistics_kept(model):
        losses = criterion(model(batch.images), batch.ground_truth)
        for name in LOSS_NAMES:
            slopes = iter(torch.autograd.grad(getattr(losses, name), every, retain_graph=True, allow_unused=True))
            for part, parameters in parts.items():
                arrived = [slope for _, slope in zip(parameters, slopes, strict=False) if slope is not None]
                signal[part][name] = math.sqrt(sum(float(slope.square().sum()) for slope in arrived))
    return signal


def frozen(assignment: Assignment) -> Assigner:
    """An assigner that always answers the same: with it the targets stand still while a weight is nudged."""

    def answer(predictions: Predictions, ground_truth: GroundTruth) -> Assignment:
        return assignment

    return answer
