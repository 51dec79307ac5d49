"""Which anchor point answers for which object: task-aligned assignment.

B images, C classes, M objects (padded), A anchor points. On a GPU shapes depend on these four only, and nothing is read
back from the device: a whole step can be captured in a CUDA graph.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from teachkit.boxes import ciou, contains
from teachkit.errors import check_number, whole
from teachkit.punish.sides import CiouOfSides, around, exponentials
from teachkit.structures import Assignment, GroundTruth, Predictions, check_shapes

EPSILON = 1e-9  # of TOOD's normalisation
LARGEST_EXPONENT = 1000.0  # beyond it float32 knows of overlaps only 0 and 1


class TaskAlignedAssigner:
    """Assigns to each object the anchor points that score its class high and overlap it well.

    topk: anchor points per object; alpha, beta: exponents in the metric score^alpha · overlap^beta.
    Feng et al. 2021, "TOOD", arXiv 2108.07755, section 3.2; there overlap is IoU, alpha 1, beta 6 and topk 13. CIoU and
    the values here are YOLOv8's (Jocher et al. 2023). ValueError if one is out of range.
    fixed_shapes: whether shapes are fixed on a CPU too, for a step that is traced; the numbers are the same.
    looks_at_labels: whether a CPU looks for labels that are no class; vmap and a captured step cannot.
    """

    fixed_shapes, looks_at_labels = False, True

    def __init__(self, topk: int = 10, alpha: float = 0.5, beta: float = 6.0) -> None:
        self.topk, self.alpha, self.beta = topk, alpha, beta

    def __setattr__(self, name: str, value: Any) -> None:
        """They may be changed at any time. UserError if the value is out of range; the old one stays."""
        if name == "topk":
            value = whole(name, value, 1)
        elif name in ("alpha", "beta"):
            value = check_number(name, value, LARGEST_EXPONENT)
        object.__setattr__(self, name, value)

    def metric(self, score: Tensor, overlap: Tensor) -> Tensor:
        """How well a point answers for an object. score, overlap: in 0–1, of one shape → the same."""
        return score**self.alpha * overlap**self.beta

    @torch.no_grad()
    def __call__(self, predictions: Predictions, ground_truth: GroundTruth) -> Assignment:
        """At most topk · M positive anchor points in each image.

        ValueError if a shape is wrong or a label is no class. On a GPU, where to look would mean to wait, the target
        scores of such an image are NaN.
        """
        check_shapes(predictions, ground_truth)
        if ground_truth.boxes.shape[1] == 0:
            return empty_assignment(predictions)
        labels, unknown = checked_labels(ground_truth, predictions.cls_logits.shape[-1], self.looks_at_labels)
        boxes = ground_truth.boxes.where(ground_truth.mask[..., None], 0)  # padding may hold anything, even NaN
        inside = candidates(predictions, ground_truth)  # [B, M, A]
        few = inside.device.type == "cpu" and not self.fixed_shapes
        if few:
            overlap, metric = measure_candidates(boxes, labels, inside, predictions, self.metric)
        else:
            overlap, scores = measure_all(boxes, labels, inside, predictions)
            metric = self.metric(scores, overlap) * inside

        positive, owner = resolve_conflicts(select_topk(metric, self.topk, inside), overlap)  # [B, A]
        quality = normalise(metric, overlap, positive, owner)  # [B, A]
        quality += 0 * boxes.sum((1, 2))[:, None]  # a true box of NaN makes the loss NaN; else its object would be lost
        quality = quality if unknown is None else quality.masked_fill(unknown[:, None], math.nan)
        label = labels.gather(1, owner)  # [B, A]
        nothing = torch.zeros_like(predictions.cls_logits)
        target_scores = nothing.scatter(2, label[..., None], quality[..., None].to(nothing.dtype))
        return Assignment(positive, owner, target_scores)


def empty_assignment(predictions: Predictions) -> Assignment:
    """The assignment of images without objects: no anchor point is positive."""
    target_scores = torch.zeros_like(predictions.cls_logits)
    owner = torch.zeros_like(target_scores[..., 0], dtype=torch.int64)
    return Assignment(owner.bool(), owner, target_scores)


def checked_labels(ground_truth: GroundTruth, classes: int, look: bool = True) -> tuple[Tensor, Tensor | None]:
    """[B, M] labels, 0 on padding. ValueError if one is not a class.

    On a GPU nothing is raised, for an assertion there ends the process's use of it, and a look would wait: such labels
    are moved to a class, and [B] bool says which images have them. So they are where it is not to look.
    """
    labels = ground_truth.labels * ground_truth.mask
    valid = (labels >= 0) & (labels < classes)
    if not look or labels.device.type != "cpu":
        return labels.clamp(0, classes - 1), ~valid.all(1)
    try:
        torch._assert_async(valid.all())
    except RuntimeError:
        wrong = labels[~valid].unique().tolist()
        raise ValueError(
            f"labels must lie in 0 … {classes - 1}: the model has {classes} classes, not {wrong}"
        ) from None
    return labels, None


def measure_all(boxes: Tensor, labels: Tensor, inside: Tensor, predictions: Predictions) -> tuple[Tensor, Tensor]:
    """Overlap, 0 outside the object, and score of each anchor point and object. inside: [B, M, A] → [B, M, A] twice."""
    overlap = ciou(boxes[:, :, None], predictions.boxes[:, None]).clamp(min=0) * inside
    return overlap, scores_of(labels, predictions)


def measure_candidates(
    boxes: Tensor,
    labels: Tensor,
    inside: Tensor,
    predictions: Predictions,
    metric: Callable[[Tensor, Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Overlap and metric of each anchor point and object, worked out only inside the objects; 0 elsewhere.

    Often a tenth of the work, but the number of candidates has to be known: a GPU would be waited for.
    """
    points, classes = predictions.cls_logits.shape[1:]
    image, number, point = inside.nonzero().T.contiguous()  # [n] each
    pair, row = image * inside.shape[1] + number, image * points + point  # among the objects, the points of all images
    place = pair * points + point
    spot = predictions.anchor_points.T.index_select(1, point)  # [2, n] px
    true = around(spot, boxes.flatten(0, 1).T.index_select(1, pair))  # [4, n] px
    overlap = CiouOfSides(predicted_sides(predictions, row, point, spot), true).value.clamp(min=0)
    score = predictions.scores.flatten().index_select(0, row * classes + labels.flatten().index_select(0, pair))

    def spread(values: Tensor) -> Tensor:
        return values.new_zeros(inside.numel()).scatter_(0, place, values).view_as(inside)

    return spread(overlap), spread(metric(score, overlap))


def predicted_sides(predictions: Predictions, row: Tensor, point: Tensor, spot: Tensor) -> Tensor:
    """Distances from points to the sides of their predicted boxes, [4, n] px.

    row, point: [n] among the points of all images, of its own; spot: [2, n] px.
    """
    if "boxes" in vars(predictions):  # they are worked out already
        return around(spot, predictions.boxes.flatten(0, 1).T.index_select(1, row))
    box_logits = predictions.box_logits.flatten(0, 1)
    used = torch.zeros(len(box_logits), dtype=torch.bool).index_fill_(0, row, True).nonzero()[:, 0]  # [u], none twice
    distances = exponentials(box_logits.index_select(0, used))[-1].T.contiguous()  # [4, u] in strides
    every = distances.new_zeros(4, len(box_logits)).index_copy_(1, used, distances)
    return every.index_select(1, row) * predictions.strides.index_select(0, point)


def scores_of(labels: Tensor, predictions: Predictions) -> Tensor:
    """Score of each anchor point for each object's class. labels: [B, M] → [B, M, A] in 0–1."""
    images = torch.arange(len(labels), device=labels.device)[:, None]
    return predictions.scores.transpose(1, 2)[images, labels]


def second_stride(strides: Tensor) -> Tensor:
    """The second stride, or the only one. strides: [A] px, map after map → [1] px."""
    where_it_starts = (strides != strides[0]).int().argmax(0, keepdim=True)  # 0 if there is but one
    return strides.gather(0, where_it_starts)


def candidates(predictions: Predictions, ground_truth: GroundTruth) -> Tensor:
    """The anchor points inside each object, [B, M, A] bool.

    A side shorter than the second stride is widened to it about the centre: a small object may lie between the points.
    """
    left_top, right_bottom = ground_truth.boxes[..., :2], ground_truth.boxes[..., 2:]  # [B, M, 2]
    margin = (second_stride(predictions.strides) - (right_bottom - left_top)).clamp(min=0) / 2
    widened = torch.cat([left_top - margin, right_bottom + margin], -1)
    widened = widened.where(ground_truth.mask[..., None], math.nan)  # padding holds no point
    return contains(widened[:, :, None], predictions.anchor_points)


def select_topk(metric: Tensor, topk: int, inside: Tensor) -> Tensor:
    """Selects the topk largest of each row, unless they lie outside. metric, inside: [B, M, A] → [B, M, A], 1 or 0.

    Among equal values, in practice zeros, torch.topk selects any. Their target is 0, but a second object may select the
    same point. The whole row is searched, as in YOLOv8, not only the points inside the box.
    """
    chosen = metric.topk(min(topk, metric.shape[-1])).indices
    return torch.zeros_like(metric).scatter(-1, chosen, inside.gather(-1, chosen).to(metric.dtype))


def resolve_conflicts(taken: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """One object for each anchor point. taken (1 or 0), overlap: [B, M, A] → positive [B, A] bool, owner [B, A] in M.

    A point selected by several objects goes to the object with the largest overlap, even one that did not select it.
    """
    takers = taken.sum(1, keepdim=True)  # [B, 1, A]
    claim = torch.where(takers > 1, overlap, taken)
    return takers[:, 0] > 0, claim.max(1).indices


def normalise(metric: Tensor, overlap: Tensor, positive: Tensor, owner: Tensor) -> Tensor:
    """Target scores: the metric, scaled so that an object's largest metric becomes its largest overlap.

    metric, overlap: [B, M, A]; positive, owner: [B, A] → [B, A] in 0–1. Feng et al. 2021, section 3.2.
    """
    objects = metric.shape[:2]
    metric = metric.gather(1, owner[:, None])[:, 0] * positive  # [B, A]: of each point and its object
    overlap = overlap.gather(1, owner[:, None])[:, 0] * positive
    none = metric.new_zeros(objects)
    best_metric = none.scatter_reduce(1, owner, metric, "amax").gather(1, owner)
    best_overlap = none.to(overlap).scatter_reduce(1, owner, overlap, "amax").gather(1, owner)
    return metric * best_overlap / (best_metric + EPSILON)
