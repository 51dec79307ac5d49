"""The criterion: assigns anchor points to objects, then computes the losses of classes, boxes and bins."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

import torch
from torch import Tensor

from teachkit.boxes import boxes_to_distances, distances_to_boxes, expected_bin
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.losses import SummedClsLoss, beyond_bins, box_loss, cls_loss, dfl_loss
from teachkit.punish.sides import BoxAndDflLoss
from teachkit.structures import Assignment, GroundTruth, Losses, LossWeights, Predictions, check_shapes

Assigner = Callable[[Predictions, GroundTruth], Assignment]


def at_least_one(total_score: Tensor) -> Tensor:
    return total_score.clamp(min=1)


class Criterion:
    """Box, cls and dfl loss of YOLOv8, each a sum over anchor points divided by the sum of target scores, at least 1.

    weights: read at each call, so they may change at any time. class_weights: [C], multiply the columns of the BCE.
    Logits alone get a slope. ValueError on bad class weights.
    assigner: if it has a `topk`, an image may have at most topk · M positive points; more count on a CPU alone.
    normaliser: what the sums are divided by, from the sum of target scores; another one where ranks share a batch.
    Jocher et al. 2023, YOLOv8; the weighting by target score is from Feng et al. 2021, arXiv 2108.07755, section 3.2.
    """

    def __init__(
        self,
        weights: LossWeights | None = None,
        assigner: Assigner | None = None,
        class_weights: Sequence[float] | Tensor | None = None,
    ) -> None:
        self.weights = LossWeights() if weights is None else weights
        self.assigner = TaskAlignedAssigner() if assigner is None else assigner
        self.class_weights = None if class_weights is None else checked_class_weights(class_weights)
        self.normaliser: Callable[[Tensor], Tensor] = at_least_one

    def __call__(self, predictions: Predictions, ground_truth: GroundTruth) -> Losses:
        """The losses of a batch, summed over B · A anchor points. M = 0 and images without objects are allowed.

        ValueError if a shape is wrong. Labels that are no class: see the assigner.
        """
        check_shapes(predictions, ground_truth)
        with torch.no_grad():  # the targets are made from the predictions, but no gradient flows through them
            assignment = self.assigner(predictions, ground_truth)
        total_score = self.normaliser(assignment.target_scores.sum())

        per_object = getattr(self.assigner, "topk", len(predictions.strides))
        few = assignment.positive.device.type == "cpu" and not getattr(self.assigner, "fixed_shapes", False)
        limit = None if few else per_object * ground_truth.boxes.shape[1]
        image, point = positive_points(assignment.positive, limit)  # [N] twice
        row = image * assignment.positive.shape[1] + point  # among the points of all images
        weight = picked(assignment.target_scores, row).sum(-1)  # [N]
        if not few:  # some are not positive
            weight = weight * picked(assignment.positive, row)
        boxes = boxes_of_owners(ground_truth, image, picked(assignment.object, row))  # [N, 4]
        points, strides = predictions.anchor_points.index_select(0, point), predictions.strides.index_select(0, point)
        distances = boxes_to_distances(boxes, points, strides)  # [N, 4]
        bins = picked(predictions.box_logits, row)  # [N, 4, R]
        if few:  # the same in fewer operations
            box, dfl = BoxAndDflLoss.apply(bins, distances, strides, weight)
        else:
            box = (box_loss(distances_to_boxes(expected_bin(bins), points, strides), boxes) * weight).sum()
            dfl = (dfl_loss(bins, distances).mean(-1) * weight).sum()
        cls = self._summed_cls_loss(predictions.cls_logits, assignment.target_scores)
        return Losses(
            box=box / total_score,
            cls=cls / total_score,
            dfl=dfl / total_score,
            weights=self.weights,
            clipped=(beyond_bins(distances, bins.shape[-1]) & (weight > 0)[..., None]).sum(),
        )

    def _summed_cls_loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """logits, targets: [B, A, C] → 0-d."""
        if self.class_weights is None:
            return cast(Tensor, SummedClsLoss.apply(logits, targets))
        losses = cls_loss(logits, targets)  # [B, A, C]
        self.class_weights = fitted(self.class_weights, losses)  # kept: only the first call moves it to the device
        return (losses * self.class_weights).sum()


def checked_class_weights(values: Sequence[float] | Tensor) -> Tensor:
    """[C] float32. ValueError unless all are finite and ≥ 0."""
    with suppress(TypeError, ValueError, RuntimeError, OverflowError):  # no numbers, or rows of unlike length
        weights = torch.as_tensor(values, dtype=torch.float32)
        if weights.ndim == 1 and bool((weights.isfinite() & (weights >= 0)).all()):
            return weights
    raise ValueError(f"class weights must be a list of finite numbers ≥ 0, not {values!r:.60}")


def fitted(class_weights: Tensor, losses: Tensor) -> Tensor:
    """Class weights [C] on the device of the losses [B, A, C], in their dtype. ValueError if C differs."""
    if len(class_weights) != losses.shape[-1]:
        raise ValueError(f"there are {len(class_weights)} class weights for {losses.shape[-1]} classes")
    return class_weights.to(losses)


def positive_points(positive: Tensor, limit: int | None = None) -> tuple[Tensor, Tensor]:
    """Image and place in it of each positive anchor point. positive: [B, A] bool → [N] int64 twice.

    limit: how many can be positive in an image. Then there are min(limit, A) of each image, the positive ones first and
    none twice: the shape is known before the values are, and a GPU need not be waited for.
    """
    if limit is None:
        image, point = positive.nonzero().unbind(1)
        return image, point
    images, points = positive.shape
    rank = positive * points - torch.arange(
        points, device=positive.device
    )  # all different: the same order on every device
    places = rank.topk(min(limit, points)).indices  # [B, K]
    image = torch.arange(images, device=positive.device)[:, None].expand_as(places)
    return image.flatten(), places.flatten()


def boxes_of_owners(ground_truth: GroundTruth, image: Tensor, owner: Tensor) -> Tensor:
    """The true boxes of the owners. owner: [N] index into M → [N, 4] px. Padding, even NaN, is taken as 0."""
    boxes = ground_truth.boxes.where(ground_truth.mask[..., None], 0)
    return picked(boxes, image * boxes.shape[1] + owner)


def picked(values: Tensor, row: Tensor) -> Tensor:
    """The values of some points. values: [B, A, ...]; row: [N] among those of all images → [N, ...].

    By index_select, whose backward pass is the fastest and is deterministic on a GPU.
    """
    return values.flatten(0, 1).index_select(0, row)
