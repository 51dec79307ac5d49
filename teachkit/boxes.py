"""Geometry of boxes: the IoU family, distances to the four sides, anchor points, expectation over bins.

Boxes are [..., 4] xyxy in pixels; x grows to the right, y downwards. The functions broadcast, so
`iou(a[:, None], b[None])` is the [N, M] table of all pairs and `iou(a, b)` compares row by row.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# One ten-millionth of a pixel (or of a square pixel): keeps every quotient below finite on empty boxes.
TINY = 1e-7


def _at_least_float32(boxes: Tensor) -> Tensor:
    """Half precision cannot hold the squares of pixel coordinates; float32 and float64 stay as they are."""
    return boxes.float() if boxes.dtype in (torch.float16, torch.bfloat16) else boxes


def sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Widths and heights. boxes: [..., 4] xyxy px → [...], [...] px."""
    return boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]


def area(boxes: Tensor) -> Tensor:
    """Area of each box, 0 where a side is negative. boxes: [..., 4] xyxy px → [...] px²."""
    width, height = sides(_at_least_float32(boxes))
    return width.clamp(min=0) * height.clamp(min=0)


def _overlap_and_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    left_top = torch.maximum(a[..., :2], b[..., :2])
    right_bottom = torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (right_bottom - left_top).clamp(min=0).prod(-1)
    return overlap, area(a) + area(b) - overlap


def _hull_sides(a: Tensor, b: Tensor) -> Tensor:
    """Sides of the smallest box around both, [..., 2] px."""
    return torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union. a, b: [..., 4] xyxy px → [...] in 0–1; 0 for two empty boxes."""
    overlap, union = _overlap_and_union(_at_least_float32(a), _at_least_float32(b))
    return overlap / (union + TINY)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU. a, b: [..., 4] xyxy px → [...] in −1…1. Rezatofighi et al. 2019, arXiv 1902.09630."""
    a, b = _at_least_float32(a), _at_least_float32(b)
    overlap, union = _overlap_and_union(a, b)
    hull = _hull_sides(a, b).prod(-1)
    return overlap / (union + TINY) - (hull - union) / (hull + TINY)


def _centre_penalty(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance of the centres over the squared diagonal of the hull, [...] in 0–1."""
    centre_gap = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    return (centre_gap**2).sum(-1) / ((_hull_sides(a, b) ** 2).sum(-1) + TINY)


def diou(a: Tensor, b: Tensor) -> Tensor:
    """Distance IoU. a, b: [..., 4] xyxy px → [...] in −1…1. Zheng et al. 2020, arXiv 1911.08287, eq. 7."""
    a, b = _at_least_float32(a), _at_least_float32(b)
    return iou(a, b) - _centre_penalty(a, b)


def shape_gap(a: Tensor, b: Tensor) -> Tensor:
    """v of CIoU: how far the aspect ratios are apart, 0 for like shapes. a, b: [..., 4] → [...] in 0–1."""
    (width_a, height_a), (width_b, height_b) = sides(a), sides(b)
    angle = torch.atan(width_a / (height_a + TINY)) - torch.atan(width_b / (height_b + TINY))
    return (2 / math.pi * angle) ** 2


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU. a, b: [..., 4] xyxy px → [...] in −1.5…1. Zheng et al. 2020, arXiv 1911.08287, eq. 10.

    The trade-off alpha is a constant for the gradient, as in the paper (section "CIoU loss").
    """
    a, b = _at_least_float32(a), _at_least_float32(b)
    overlap = iou(a, b)
    gap = shape_gap(a, b)
    with torch.no_grad():
        alpha = gap / (1 - overlap + gap + TINY)
    return overlap - _centre_penalty(a, b) - alpha * gap


def anchor_points(
    image_size: tuple[int, int], strides: Sequence[int], device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Centres of the cells of every feature map, finest first, row by row.

    image_size: (height, width) px, each a multiple of every stride → points [A, 2] (x, y) px, strides [A] px.
    """
    points, stride_of_point = [], []
    for stride in strides:
        rows, columns = image_size[0] // stride, image_size[1] // stride
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        points.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        stride_of_point.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(points).to(device), torch.cat(stride_of_point).to(device)


def distances_to_boxes(distances: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Left, top, right, bottom to xyxy. distances: [..., A, 4] in strides; points: [A, 2] px; strides: [A] px → [..., A, 4]."""
    distances = distances * strides[:, None]  # [..., A, 4] px
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)


def boxes_to_distances(boxes: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """The way back. boxes: [..., A, 4] xyxy px; points: [..., A, 2] px; strides: [..., A] px → [..., A, 4] in strides."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1) / strides[..., None]


def expected_bin(logits: Tensor) -> Tensor:
    """Mean of bins 0 … R − 1 under softmax. logits: [..., R] → [...] in 0 … R − 1. Li et al. 2020, arXiv 2006.04388, eq. 3."""
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    return logits.softmax(-1) @ bins


def contains(boxes: Tensor, points: Tensor) -> Tensor:
    """Which points lie strictly inside. boxes: [..., 4] xyxy px, points: [..., 2] px, broadcast → [...] bool."""
    return ((points > boxes[..., :2]) & (points < boxes[..., 2:])).all(-1)
