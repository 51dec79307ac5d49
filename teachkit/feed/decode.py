"""From predictions at every anchor point to detections: score threshold and non-maximum suppression (NMS)."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from teachkit.errors import UserError
from teachkit.structures import Detections, Predictions


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
    score is NaN.
    """
    boxes, scores = predictions.boxes.detach(), predictions.scores.detach()
    if scores.isnan().any():  # NaN is above no threshold: a broken model would seem to find nothing
        raise UserError("the model's scores are NaN: its weights are broken; go back to weights from before that")
    return [
        _one_image(boxes[image], scores[image], image_size, score_threshold, iou_threshold, limit)
        for image in range(len(boxes))
    ]


def _one_image(
    boxes: Tensor, scores: Tensor, image_size: tuple[int, int], score_threshold: float, iou_threshold: float, limit: int
) -> Detections:
    from torchvision import ops  # takes half a second to load, and training does not need it

    boxes = ops.clip_boxes_to_image(boxes, image_size)
    anchor, label = (scores > score_threshold).nonzero(as_tuple=True)  # [n], [n]
    boxes, score = boxes[anchor], scores[anchor, label]
    kept = ops.batched_nms(boxes, score, label, iou_threshold)  # best first
    label = label[kept]
    place = F.one_hot(label, scores.shape[1]).cumsum(0).gather(1, label[:, None])[:, 0]  # rank within its class, from 1
    kept, label = kept[place <= limit], label[place <= limit]
    return Detections(boxes[kept], score[kept], label)
