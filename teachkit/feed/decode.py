"""From predictions at every anchor point to detections: score threshold and non-maximum suppression (NMS)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from teachkit.boxes import cut
from teachkit.errors import UserError, check_number, whole
from teachkit.feed.nms import nms_within_classes
from teachkit.structures import Detections, Predictions, check_predictions

# Best pairs of anchor point and class that NMS looks at in an image, as in torchvision's detectors: of a detector that
# has learned nothing every pair is above the threshold of an evaluation, and there are as many as there are classes.
CANDIDATES = 6000


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode within the block. Then each module gets its own mode back: some may be frozen while others train."""
    before = {part: part.training for part in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for part, training in before.items():
            part.training = training


def decode(
    predictions: Predictions,
    image_size: tuple[int, int],
    score_threshold: float = 0.25,
    iou_threshold: float = 0.7,
    limit: int = 100,
) -> list[Detections]:
    """Detections of each image, best first, after threshold and NMS within each class. image_size: (height, width) px.

    An anchor point gives one detection for each class above the threshold. limit: per class and image. UserError if a
    score or a box is NaN, or a threshold is not in 0–1; ValueError if a shape is wrong.
    """
    check_predictions(predictions)
    score_threshold = check_number("score_threshold", score_threshold, 1)
    iou_threshold, limit = check_number("iou_threshold", iou_threshold, 1), whole("limit", limit, 1)
    boxes, scores = predictions.boxes.detach(), predictions.scores.detach()
    if not (scores.isfinite().all() & boxes.isfinite().all()):  # NaN is above no threshold, and overlaps nothing
        what = "boxes" if scores.isfinite().all() else "scores"
        raise UserError(f"the model's {what} are NaN: its weights are broken; go back to weights from before that")
    return [
        _one_image(boxes[image], scores[image], image_size, score_threshold, iou_threshold, limit)
        for image in range(len(boxes))
    ]


def _one_image(
    boxes: Tensor, scores: Tensor, image_size: tuple[int, int], score_threshold: float, iou_threshold: float, limit: int
) -> Detections:
    boxes = cut(boxes, image_size)
    flat = scores.flatten()  # [A · C]
    place = (flat > score_threshold).nonzero()[:, 0]  # [n]
    if len(place) > CANDIDATES:
        place = place[flat[place].topk(CANDIDATES, sorted=False).indices]
    anchor, label = place // scores.shape[1], place % scores.shape[1]
    boxes, score = boxes[anchor], flat[place]
    kept = nms_within_classes(boxes, score, label, iou_threshold)  # best first
    kept = kept[_rank_in_class(label[kept]) < limit]
    return Detections(boxes[kept], score[kept], label[kept])


def _rank_in_class(labels: Tensor) -> Tensor:
    """How many of the same class come before, [n]."""
    ordered, order = labels.sort(stable=True)
    first = torch.searchsorted(ordered, ordered)  # where its class begins
    return torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device) - first)
