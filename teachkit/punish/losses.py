"""The losses, each a pure function with one number per box, side or class. The caller sums them up."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from teachkit.boxes import at_least_float32, ciou

# A DFL target lies at most at the last bin minus this margin, so that there is always a bin to its right.
LAST_BIN_MARGIN = 0.01
SOFTPLUS_THRESHOLD = 20  # torch's own: above it softplus(x) is x


def box_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """1 − CIoU of each pair. predicted, target: [N, 4] xyxy px → [N], 0 ≤ loss < 2.5.

    ValueError if the shapes differ. Zheng et al. 2020, arXiv 1911.08287, eq. 10 and 11.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"boxes are compared pair by pair, not {list(predicted.shape)} with {list(target.shape)}")
    return 1 - ciou(predicted, target)


def cls_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, each class by itself. logits, targets (in 0–1): [..., C] → [..., C].

    −t·log p − (1 − t)·log(1 − p) with p = sigmoid(logit), in a form that no large logit overflows.
    """
    logits = at_least_float32(logits)
    return F.softplus(logits) - targets * logits


class SummedClsLoss(torch.autograd.Function):
    """Σ cls_loss(logits, targets) → 0-d; no slope for the targets. Bit for bit the same in half the time.

    Its backward pass goes over the logits once instead of once for each operation. logits, targets: float32 [..., C].
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        ctx.save_for_backward(logits, targets)
        return F.softplus(logits).sub_(targets * logits).sum()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        """slope · (score − target), where torch's own kernel gives the score: the slope of softplus."""
        logits, targets = ctx.saved_tensors
        scores = torch.ops.aten.softplus_backward(slope.expand_as(logits), logits, 1, SOFTPLUS_THRESHOLD)
        return scores.sub_(slope * targets), None


def focal_loss(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cross-entropy in which easy cases count less. logits, targets (in 0–1): [..., C] → [..., C].

    alpha: weight of objects against 1 − alpha of the background; gamma: how fast easy cases fade, 0: not at all.
    Lin et al. 2017, arXiv 1708.02002, eq. 5.
    """
    scores = at_least_float32(logits).sigmoid()
    miss = scores * (1 - targets) + (1 - scores) * targets  # 1 − p_t in the paper
    balance = alpha * targets + (1 - alpha) * (1 - targets)
    return balance * miss**gamma * cls_loss(logits, targets)


def dfl_target(distances: Tensor, bins: int) -> Tensor:
    """Shares of the two bins next to each distance. distances: [...] in strides → [..., R], summing to 1 over R = bins.

    4.3 gives 0.7 to bin 4 and 0.3 to bin 5. A distance outside 0 … R − 1 − 0.01 is clamped. NaN stays NaN.
    """
    clamped = distances.clamp(0, bins - 1 - LAST_BIN_MARGIN)
    gaps = clamped[..., None] - torch.arange(bins, dtype=clamped.dtype, device=clamped.device)  # [..., R]
    return (1 - gaps.abs()).clamp(min=0)  # a bin's share falls from 1 to 0 on the way to its neighbour


def dfl_loss(logits: Tensor, distances: Tensor) -> Tensor:
    """Distribution focal loss of each side. logits: [..., R]; distances: [...] in strides → [...].

    Cross-entropy against the bins left and right of the true distance. Its minimum is their entropy, rarely 0.
    Li et al. 2020, arXiv 2006.04388, eq. 6.
    """
    target = dfl_target(distances, logits.shape[-1])
    return -(target * at_least_float32(logits).log_softmax(-1)).sum(-1)


def beyond_bins(distances: Tensor, bins: int) -> Tensor:
    """Which distances dfl_target clamps. distances: [...] in strides → [...] bool."""
    return (distances < 0) | (distances > bins - 1 - LAST_BIN_MARGIN)
