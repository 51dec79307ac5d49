"""Gradients of the three losses: on the features that all heads share, and on each part of the detector."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from teachkit.feed.detector import Detector
from teachkit.punish.criterion import Assigner, Criterion
from teachkit.structures import LOSS_NAMES, Assignment, Batch, GroundTruth, LossWeights, Predictions


@dataclass(frozen=True)
class GradientShare:
    """norms: ‖∂L/∂features‖ of each unweighted loss; cosines: of box–cls, box–dfl, cls–dfl, NaN beside a zero gradient.

    A weight scales the gradient of its own loss only: `shares` needs no new backward pass when a weight changes.
    """

    norms: dict[str, float]
    cosines: dict[tuple[str, str], float]

    def shares(self, weights: LossWeights | dict[str, float]) -> dict[str, float]:
        """weight · norm of each loss over the sum of the three, 0–1; all NaN if the sum is 0."""
        by_name = weights if isinstance(weights, dict) else weights.as_dict()
        pulls = {name: by_name[name] * norm for name, norm in self.norms.items()}
        total = sum(pulls.values())
        return {name: pull / total if total else math.nan for name, pull in pulls.items()}

    def angles(self) -> dict[tuple[str, str], float]:
        """Degrees, from 0 (same direction) to 180 (opposite directions); NaN beside a zero gradient."""
        return {pair: math.degrees(math.acos(cosine)) for pair, cosine in self.cosines.items()}


@contextmanager
def statistics_kept(model: torch.nn.Module) -> Iterator[None]:
    """Puts the running statistics of batch norm back: a forward pass in training mode changes them."""
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():  # one by one: a step that is traced for the page has no other way
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)


def loss_gradients(model: Detector, criterion: Criterion, batch: Batch) -> dict[str, Tensor]:
    """∂L/∂features [F] of each unweighted loss, the maps of all strides in one row. The model is left unchanged."""
    with statistics_kept(model):
        with torch.no_grad():
            maps = model.features(batch.images)
        maps = [one.detach().requires_grad_() for one in maps]
        losses = criterion(model.head(maps), batch.ground_truth)
        each = [getattr(losses, name) for name in LOSS_NAMES]
        gradients = [torch.autograd.grad(loss, maps, retain_graph=True, allow_unused=True) for loss in each]
    return {name: _row(gradient, maps) for name, gradient in zip(LOSS_NAMES, gradients, strict=True)}


def _row(gradient: tuple[Tensor | None, ...], maps: list[Tensor]) -> Tensor:
    """The gradient as one row [F]. None: the loss does not depend on that map, and its gradient is 0."""
    pairs = zip(gradient, maps, strict=True)
    return torch.cat([(torch.zeros_like(one) if slope is None else slope).float().flatten() for slope, one in pairs])


def gradient_share(model: Detector, criterion: Criterion, batch: Batch) -> GradientShare:
    """Norms and angles of the gradients of the three losses for this batch. The model is left unchanged."""
    rows = torch.stack(list(loss_gradients(model, criterion, batch).values()))  # [3, F]
    products = (rows @ rows.T).double().cpu()  # [3, 3] in one transfer from the device
    norms = products.diagonal().sqrt().tolist()
    cosines = (products / torch.tensor(norms).outer(torch.tensor(norms))).clamp(-1, 1)  # 0 / 0 stays NaN
    pairs = {(LOSS_NAMES[a], LOSS_NAMES[b]): float(cosines[a, b]) for a, b in itertools.combinations(range(3), 2)}
    return GradientShare(dict(zip(LOSS_NAMES, norms, strict=True)), pairs)


def parts_of(model: Detector) -> dict[str, list[torch.nn.Parameter]]:
    """Parts of the detector, from the image to the predictions → the parameters of each."""
    parts: dict[str, torch.nn.Module] = {f"backbone {at}": one for at, one in enumerate(model.backbone.stages, 1)}
    parts |= {"neck": model.neck, "class branch": model.predictor.cls_branch, "box branch": model.predictor.box_branch}
    return {name: list(part.parameters()) for name, part in parts.items()}


def signal_by_part(model: Detector, criterion: Criterion, batch: Batch) -> dict[str, dict[str, float]]:
    """The error signal: part → loss → ‖∂L/∂parameters‖ of the unweighted loss. The model is left unchanged."""
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
    """An assigner that always returns this assignment: the targets stay the same while a weight is changed."""

    def answer(predictions: Predictions, ground_truth: GroundTruth) -> Assignment:
        return assignment

    return answer
