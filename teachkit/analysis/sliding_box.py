"""A box that is slid over a true one: the IoU family, the four losses, and the slope of each loss at every edge."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from teachkit.boxes import ciou, diou, giou, iou

MEASURES: dict[str, tuple[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "iou": ("IoU", iou), "giou": ("GIoU", giou), "diou": ("DIoU", diou), "ciou": ("CIoU", ciou),
}  # fmt: skip
EDGES = ("left", "top", "right", "bottom")
LEAST_SIDE = 2.0  # px: a box under the hand never vanishes
STOPS = 97  # places along a slide at which the losses are computed


def losses_and_slopes(predicted: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """1 − measure for each of MEASURES → [4], and its slope for each edge → [4, 4] per px, in float64.

    predicted, truth: [4] xyxy px. Where two edges lie exactly on each other a loss has a kink: there the slope is half
    way between those of its two sides.
    """
    copies = predicted.double().repeat(len(MEASURES), 1).requires_grad_()  # [4 measures, 4 edges]
    pairs = zip(MEASURES.values(), copies, strict=True)
    losses = torch.stack([1 - measure(copy, truth.double()) for (_, measure), copy in pairs])
    losses.sum().backward()
    assert copies.grad is not None
    return losses.detach(), copies.grad


def span(box: Sequence[float], slide: str, size: tuple[int, int]) -> tuple[float, float]:
    """From where to where a box can be slid inside a picture, size: (height, width) px."""
    x1, y1, x2, y2 = box
    if slide == "wide":
        # a little short of both ends: the page rounds to tenths of a pixel
        return LEAST_SIDE + 1, max(LEAST_SIDE + 2, min(x1 + x2, 2 * size[1] - x1 - x2) - 1)
    return 0.0, max(1.0, size[1] - (x2 - x1) if slide == "across" else size[0] - (y2 - y1))


def slid(box: Sequence[float], slide: str, at: Tensor) -> Tensor:
    """The box at every stop. at: [N] px, of its left or top edge, or its width → [N, 4] px."""
    x1, y1, x2, y2 = (torch.full_like(at, value) for value in box)
    if slide == "wide":
        middle = (x1 + x2) / 2
        return torch.stack([middle - at / 2, y1, middle + at / 2, y2], -1)
    if slide == "across":
        return torch.stack([at, y1, at + x2 - x1, y2], -1)
    return torch.stack([x1, at, x2, at + y2 - y1], -1)
