"""Geometry of boxes: the IoU family, distances to the four sides, anchor points, expectation over bins.

Boxes are [..., 4] xyxy in pixels; x grows to the right, y downwards. The functions broadcast, so
`iou(a[:, None], b[None])` is the [N, M] table of all pairs and `iou(a, b)` compares row by row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# One ten-millionth of a pixel (or of a square pixel): keeps every quotient below finite on empty boxes.
TINY = 1e-7
# A side shorter than this has no shape to speak of: the slope of an aspect ratio would pass what float16 holds.
SHORTEST_SIDE = 1e-3


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision cannot hold the squares of pixel coordinates; float32 and float64 stay as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


@dataclass
class _Corners:
    """Boxes corner by corner, each [2, ...] px, x and y: far quicker to work on than xyxy, forwards and backwards."""

    left_top: Tensor
    right_bottom: Tensor

    @classmethod
    def of(cls, boxes: Tensor) -> "_Corners":
        return cls(*at_least_float32(boxes).movedim(-1, 0).contiguous().view(2, 2, *boxes.shape[:-1]).unbind())

    @classmethod
    def of_both(cls, a: Tensor, b: Tensor) -> tuple["_Corners", "_Corners"]:
        a, b = _alike(a, b)
        return cls.of(a), cls.of(b)

    @cached_property
    def sides(self) -> Tensor:
        return self.right_bottom - self.left_top

    @property
    def centre(self) -> Tensor:
        return (self.left_top + self.right_bottom) / 2

    @property
    def area(self) -> Tensor:
        return area_of_sides(self.sides)

    @property
    def shape(self) -> Tensor:
        return shape_of_sides(self.sides)


def _alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many dimensions: they still broadcast once another comes before the first."""
    more = a.ndim - b.ndim
    return (a, b[(None,) * more]) if more > 0 else (a[(None,) * -more], b) if more else (a, b)


def area_of_sides(sides: Tensor) -> Tensor:
    """sides: [2, ...] px → [...] px², 0 where one is negative."""
    width, height = sides.clamp(min=0).unbind()
    return width * height


def shape_of_sides(sides: Tensor) -> Tensor:
    """The angle whose tangent is width / height, as a share of the right angle. sides: [2, ...] px → [...] in 0–1."""
    width, height = sides.unbind()
    return 2 / math.pi * torch.atan(width / height.clamp(min=SHORTEST_SIDE))


def squared_length(step: Tensor) -> Tensor:
    """step: [2, ...] px → [...] px²."""
    across, down = (step * step).unbind()
    return across + down


def sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Widths and heights. boxes: [..., 4] xyxy px → [...], [...] px."""
    width, height = _Corners.of(boxes).sides.unbind()
    return width, height


def area(boxes: Tensor) -> Tensor:
    """Area of each box, 0 where a side is negative. boxes: [..., 4] xyxy px → [...] px²."""
    return _Corners.of(boxes).area


def cut(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """What of each box lies in a picture. boxes: [..., 4] xyxy px; size: (height, width) px → [..., 4] px."""
    height, width = size
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height]))


def _hull_sides(a: _Corners, b: _Corners) -> Tensor:
    """Width and height of the smallest box around both, [2, ...] px."""
    return torch.maximum(a.right_bottom, b.right_bottom) - torch.minimum(a.left_top, b.left_top)


def _intersection_and_union(a: _Corners, b: _Corners) -> tuple[Tensor, Tensor]:
    """Areas, [...] px². The union is never 0."""
    shared = torch.minimum(a.right_bottom, b.right_bottom) - torch.maximum(a.left_top, b.left_top)
    intersection = area_of_sides(shared)
    return intersection, (a.area + TINY) + b.area - intersection


def _iou(a: _Corners, b: _Corners) -> Tensor:
    intersection, union = _intersection_and_union(a, b)
    return intersection / union


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union. a, b: [..., 4] xyxy px → [...] in 0–1; 0 for two empty boxes."""
    return _iou(*_Corners.of_both(a, b))


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU. a, b: [..., 4] xyxy px → [...] in −1…1. Rezatofighi et al. 2019, arXiv 1902.09630."""
    corners_a, corners_b = _Corners.of_both(a, b)
    intersection, union = _intersection_and_union(corners_a, corners_b)
    width, height = _hull_sides(corners_a, corners_b).unbind()
    hull = width * height + TINY
    return intersection / union - (hull - union) / hull


def _centre_penalty(a: _Corners, b: _Corners) -> Tensor:
    """Squared distance of the centres over the squared diagonal of the hull, [...] in 0–1."""
    return squared_length(a.centre - b.centre) / (squared_length(_hull_sides(a, b)) + TINY)


def diou(a: Tensor, b: Tensor) -> Tensor:
    """Distance IoU. a, b: [..., 4] xyxy px → [...] in −1…1. Zheng et al. 2020, arXiv 1911.08287, eq. 7."""
    corners_a, corners_b = _Corners.of_both(a, b)
    return _iou(corners_a, corners_b) - _centre_penalty(corners_a, corners_b)


def _shape_gap(a: _Corners, b: _Corners) -> Tensor:
    return (a.shape - b.shape) ** 2


def shape_gap(a: Tensor, b: Tensor) -> Tensor:
    """v of CIoU: how far the aspect ratios are apart, 0 for like shapes. a, b: [..., 4] → [...] in 0–1."""
    return _shape_gap(*_Corners.of_both(a, b))


def ciou(a: Tensor, b: Tensor) -> Tensor:
    """Complete IoU. a, b: [..., 4] xyxy px → [...] in −1.5…1. Zheng et al. 2020, arXiv 1911.08287, eq. 10.

    The trade-off alpha is a constant for the gradient, as in torchvision; the paper gives the slope of v alone, eq. 12.
    """
    corners_a, corners_b = _Corners.of_both(a, b)
    overlap = _iou(corners_a, corners_b)
    gap = _shape_gap(corners_a, corners_b)
    with torch.no_grad():
        alpha = gap / ((1 + TINY) - overlap + gap)
    return overlap - _centre_penalty(corners_a, corners_b) - alpha * gap


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
    """Left, top, right, bottom to xyxy.

    distances: [..., A, 4] in strides; points: [..., A, 2] px; strides: [..., A] px → [..., A, 4] px.
    """
    distances = distances * strides[..., None]  # [..., A, 4] px
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], -1)


def boxes_to_distances(boxes: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """boxes: [..., A, 4] xyxy px; points: [..., A, 2] px; strides: [..., A] px → [..., A, 4] ltrb in strides."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1) / strides[..., None]


def expected_bin(logits: Tensor) -> Tensor:
    """Mean bin under softmax. logits: [..., R] → [...] in 0 … R − 1. Li et al. 2020, arXiv 2006.04388, eq. 5."""
    logits = at_least_float32(logits)
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    with torch.autocast(logits.device.type, enabled=False):  # in bfloat16 the product would be off by pixels
        return logits.softmax(-1) @ bins


def contains(boxes: Tensor, points: Tensor) -> Tensor:
    """Which points lie strictly inside. boxes: [..., 4] xyxy px, points: [..., 2] px, broadcast → [...] bool."""
    boxes, points = _alike(boxes, points)
    corners, spots = _Corners.of(boxes), points.movedim(-1, 0).contiguous()
    across, down = torch.minimum(spots - corners.left_top, corners.right_bottom - spots).unbind()
    return torch.minimum(across, down) > 0  # px to the nearest side
