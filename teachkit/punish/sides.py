"""Boxes by the distances from a point to their four sides: CIoU, box loss and DFL in few operations.

The numbers are those of `ciou`, `box_loss` and `dfl_loss`, which say what is computed; here each slope is worked out by
hand. N points, R bins. Distances are rows, [4, N] for left, top, right, bottom: far quicker to work on than columns.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function

from teachkit.boxes import SHORTEST_SIDE, TINY, area_of_sides, shape_of_sides, squared_length
from teachkit.punish.losses import LAST_BIN_MARGIN

HARMLESS = (1e-9, 1e9)  # with sums of exponentials in between a DFL is off by 2e-6 at most


def exponentials(logits: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits [N, 4, R], shifted where it is needed, their exponentials, the sums of these [N, 4], mean bins [N, 4].

    A softmax looks for the largest logit of each row before it does anything else, which takes it the longest.
    """
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype)
    with torch.autocast("cpu", enabled=False):  # in bfloat16 the products would be off by pixels
        exps = logits.exp()
        total = exps @ torch.ones_like(bins)
        if total.numel():
            low, high = map(float, total.aminmax())
            if not (low > HARMLESS[0] and high < HARMLESS[1]):
                logits = logits - logits.amax(-1, keepdim=True)
                exps = logits.exp()
                total = exps @ torch.ones_like(bins)
        return logits, exps, total, exps @ bins / total


def around(points: Tensor, boxes: Tensor) -> Tensor:
    """Distances from points to the sides of boxes. points: [2, N] px; boxes: [4, N] xyxy px → [4, N] px."""
    left_top, right_bottom = boxes.view(2, 2, -1)
    return torch.cat([points - left_top, right_bottom - points])


def rows(distances: Tensor, strides: Tensor) -> Tensor:
    """distances: [N, 4] in strides; strides: [N] px → [4, N] px."""
    return distances.T.contiguous() * strides


class CiouOfSides:
    """CIoU of two boxes around each point, and its slope in the first one. a, b: [4, N] px.

    value: [N]. Zheng et al. 2020, arXiv 1911.08287, eq. 10; alpha is a constant for the slope.
    """

    def __init__(self, a: Tensor, b: Tensor) -> None:
        both = torch.stack([a, b]).view(2, 2, 2, -1)  # a and b; left and top, right and bottom; x and y
        inner, outer = torch.minimum(*both), torch.maximum(*both)
        self.excess = both[0] - both[1]  # [2, 2, N] px: how far the sides of a lie beyond those of b
        self.shared, self.hull = inner[0] + inner[1], outer[0] + outer[1]  # [2, N] px: widths and heights
        sides = (both[:, 0] + both[:, 1]).transpose(0, 1)  # [2, 2, N] px: x and y; a and b
        self.sides = sides[:, 0]
        self.intersection, (area_a, area_b) = area_of_sides(self.shared), area_of_sides(sides)
        self.union = (area_a + TINY) + area_b - self.intersection
        overlap = self.intersection / self.union
        self.apart = (self.excess[1] - self.excess[0]) / 2  # [2, N] px, of the centres
        self.distance, self.diagonal = squared_length(self.apart), squared_length(self.hull) + TINY
        self.shape_gap = torch.sub(*shape_of_sides(sides))
        gap = self.shape_gap * self.shape_gap
        self.alpha = gap / ((1 + TINY) - overlap + gap)
        self.value = overlap - self.distance / self.diagonal - self.alpha * gap

    def slope(self) -> Tensor:
        """[4, N] per px. Where both boxes end at the same place, each has half of it, as in torch."""
        shared, overlap = self.shared.clamp(min=0), self.intersection / self.union
        by_shared = (1 + overlap) / self.union * shared.flip(0) * (self.shared > 0)  # [2, N]
        by_hull = self.distance / self.diagonal / self.diagonal * 2 * self.hull
        by_centre = -self.apart / self.diagonal
        width, height = self.sides
        steep = height.clamp(min=SHORTEST_SIDE)
        turn = -4 / math.pi * self.alpha * self.shape_gap / (width * width + steep * steep)
        by_shape = torch.stack([turn * steep, -turn * width * (height > SHORTEST_SIDE)])
        by_sides = by_shape - overlap / self.union * self.sides.flip(0)

        inner = 0.5 - torch.sign(self.excess) / 2  # [2, 2, N]: 1 where this side of the first box is the nearer one
        slope = inner * (by_shared - by_hull) + (by_hull + by_sides)
        slope[0] -= by_centre
        slope[1] += by_centre
        return slope.flatten(0, 1)


class BoxAndDflLoss(Function):
    """Σ weight · box_loss and Σ weight · dfl_loss, the latter a mean over four sides, of the same bins.

    logits: [N, 4, R]; distances: [N, 4], the true ones in strides; strides: [N] px; weight: [N] → 0-d twice. Only
    logits get a slope.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, distances: Tensor, strides: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        logits, exps, total, expected = exponentials(logits)
        distances, strides, weight = (one.to(logits.dtype) for one in (distances, strides, weight))
        ciou = CiouOfSides(rows(expected, strides), rows(distances, strides))

        target = distances.clamp(0, logits.shape[-1] - 1 - LAST_BIN_MARGIN)
        left = target.nan_to_num().long()
        near = torch.stack([left, left + 1], -1)  # [N, 4, 2]: the two bins that share the target
        to_right = target - left
        shares = torch.stack([1 - to_right, to_right], -1)
        dfl = (total.log() - (logits.gather(-1, near) * shares).sum(-1)).mean(-1)  # [N]
        if ctx.needs_input_grad[0]:
            by_expected = -(ciou.slope() * (strides * weight)).T  # [N, 4]
            ctx.save_for_backward(exps, total, expected, near, shares, by_expected, weight)
        return weight.dot(1 - ciou.value), weight.dot(dfl)

    @staticmethod
    def backward(ctx: Any, box: Tensor, dfl: Tensor) -> tuple[Tensor, None, None, None]:
        """The slope of a row's expected bin is share · (bin − expected), that of its DFL share − target."""
        if torch.is_grad_enabled():  # what was worked out on the way forward would count as constant
            raise RuntimeError("box loss and DFL have no second slope here: assigner.fixed_shapes = True takes torch's")
        exps, total, expected, near, shares, by_expected, weight = ctx.saved_tensors
        by_dfl = (dfl / 4 * weight)[:, None]
        per_bin = box * by_expected / total
        constant = by_dfl / total - per_bin * expected
        bins = torch.arange(exps.shape[-1], dtype=exps.dtype)
        slope = (per_bin[..., None] * bins).add_(constant[..., None]).mul_(exps)
        return slope.scatter_add_(-1, near, -by_dfl[..., None] * shares), None, None, None
