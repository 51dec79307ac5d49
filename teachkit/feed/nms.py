"""Non-maximum suppression (NMS) within each class, by torchvision's kernel."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

MANY = 1000  # boxes, from which on a class at a time is quicker than all pairs


@cache
def kernel() -> Callable[[Tensor, Tensor, float], Tensor]:
    """Without the rest of torchvision, which takes as long to import as torch."""
    package = find_spec("torchvision")
    if package is not None and package.origin is not None:
        for suffix in EXTENSION_SUFFIXES:
            for file in Path(package.origin).parent.glob(f"_C*{suffix}"):
                with suppress(OSError):  # its neighbours are missing, or it is of another torch: torchvision will tell
                    torch.ops.load_library(str(file))
    if not hasattr(torch.ops.torchvision, "nms"):
        import torchvision.ops  # noqa: F401
    return torch.ops.torchvision.nms


def nms_within_classes(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """Which detections stay, best first: those that no better one of their class overlaps by more than the threshold.

    boxes: [n, 4] px; scores: [n]; labels: [n] → [k] indices into n.
    """
    nms = kernel()
    if not len(boxes):
        return torch.zeros(0, dtype=torch.int64, device=boxes.device)
    if len(boxes) <= MANY:  # each class moved to a place of its own
        apart = labels.to(boxes)[:, None] * (boxes.max() + 1)
        return nms(boxes + apart, scores, iou_threshold)
    kept = []
    for label in labels.unique():
        of_class = (labels == label).nonzero()[:, 0]
        kept.append(of_class[nms(boxes[of_class], scores[of_class], iou_threshold)])
    found = torch.cat(kept).sort().values
    return found[scores[found].sort(descending=True).indices]
