"""Batch normalisation where several ranks share a batch: by the statistics of the whole batch, as one process has them.

torch's SyncBatchNorm does that on GPUs, and refuses CPUs.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from teachkit.boxes import at_least_float32

BUT_CHANNELS = (0, 2, 3)  # the dimensions that are averaged over


class SharedBatchNorm(nn.BatchNorm2d):
    """Normalises by the statistics of all ranks' images. A rank may have none."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        y, mean, variance, count = Normalise.apply(x, self.weight, self.bias, self.eps)
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked.add_(1)
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / (count - 1), momentum)  # unbiased, as torch keeps it
        return y


class Normalise(Function):
    """x: [B, C, H, W] of this rank → y, and mean [C], variance [C] and count of the whole batch.

    Statistics are taken in float32 at least: bfloat16 could not even count the pixels.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, ...]:
        kind, x = x.dtype, at_least_float32(x)
        mean, variance, count = statistics(x)
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, inverse, count)
        y = F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)
        ctx.mark_non_differentiable(mean, variance, count)
        return y.to(kind), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        """As Ioffe and Szegedy 2015, arXiv 1502.03167, section 3, with the sums over all ranks."""
        x, weight, mean, inverse, count = ctx.saved_tensors
        kind, slope = slope.dtype, at_least_float32(slope)
        sum_slope = slope.sum(BUT_CHANNELS)
        sum_along = ((slope * x).sum(BUT_CHANNELS) - sum_slope * mean) * inverse  # of slope · normalised x
        sums = torch.stack([sum_slope, sum_along])
        dist.all_reduce(sums)
        scale = weight * inverse
        along = -scale * inverse * sums[1] / count  # of x
        constant = -scale * sums[0] / count - along * mean
        grad = torch.addcmul(_wide(constant), x, _wide(along)).addcmul_(slope, _wide(scale))
        return grad.to(kind), sum_along, sum_slope, None


def statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [C], variance [C] and count [] over all ranks. Chan, Golub and LeVeque 1983, which loses no digits."""
    count = x.new_full((1,), x.numel() // x.shape[1])
    if len(x):
        variance, mean = torch.var_mean(x, BUT_CHANNELS, correction=0)
    else:
        variance = mean = x.new_zeros(x.shape[1])
    own = torch.cat([count, mean, variance])
    rows = own.new_empty(dist.get_world_size(), len(own))
    dist.all_gather(list(rows.unbind()), own)
    counts, means, variances = rows[:, :1], *rows[:, 1:].chunk(2, 1)  # [ranks, 1], [ranks, C], [ranks, C]
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    return mean, (counts * (variances + (means - mean) ** 2)).sum(0) / total, total


def _wide(channels: Tensor) -> Tensor:
    return channels[:, None, None]


class OwnBatchNorm(nn.BatchNorm2d):
    """Normalises by the statistics of this rank's images, or, where it has none, by those of earlier steps."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x):
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def use_whole_batch(model: nn.Module, synced: bool) -> None:
    """Replaces each BatchNorm2d of the model; its weights and statistics stay the same tensors."""
    for name, child in list(model.named_children()):
        if type(child) is not nn.BatchNorm2d or not (child.affine and child.track_running_stats):
            use_whole_batch(child, synced)
        elif synced and next(model.parameters()).is_cuda:
            setattr(model, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            kind = SharedBatchNorm if synced else OwnBatchNorm
            fresh = kind(child.num_features, child.eps, child.momentum)
            fresh.weight, fresh.bias = child.weight, child.bias
            fresh.running_mean, fresh.running_var = child.running_mean, child.running_var
            fresh.num_batches_tracked = child.num_batches_tracked
            fresh.train(child.training)
            setattr(model, name, fresh)
