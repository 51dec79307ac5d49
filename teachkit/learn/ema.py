"""A running average of the weights (EMA). It is steadier than the last step's weights: it is validated and kept."""

from itertools import chain

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class AveragedWeights(AveragedModel):
    """A copy of the model in eval mode; `update_parameters(model)` averages the model's weights and buffers into it.

    The decay at update t is min(decay, (1 + t) / (10 + t)), so that the average leaves its start even in a run of 150
    steps. Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, use_buffers=True)
        self.decay = decay
        self.requires_grad_(False).eval()
        # Collected once: to walk through all modules at each step, as torch does, costs more than AdamW.
        ours, theirs = (list(chain(one.parameters(), one.buffers())) for one in (self.module, model))
        real = [one.is_floating_point() for one in ours]
        self._real = [[one for one, is_real in zip(side, real, strict=True) if is_real] for side in (ours, theirs)]
        self._whole = [[one for one, is_real in zip(side, real, strict=True) if not is_real] for side in (ours, theirs)]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """model: the one given to the constructor."""
        t = int(self.n_averaged)  # counted on the CPU: no wait for a GPU
        decay = min(self.decay, (1 + t) / (10 + t)) if t else 0.0
        ours, theirs = self._real
        torch._foreach_lerp_(ours, theirs, 1 - decay)  # as get_ema_multi_avg_fn, which makes a function of it each time
        for averaged, current in zip(*self._whole, strict=True):
            averaged.copy_(current)
        self.n_averaged += 1

    @torch.no_grad()
    def move(self, share: torch.Tensor) -> None:
        """Moves by this share of the way to the weights, 0-d on their device. The updates are counted by the caller."""
        for averaged, current in zip(*self._real, strict=True):
            averaged.lerp_(current, share.to(averaged.dtype))
        for averaged, current in zip(*self._whole, strict=True):
            averaged.copy_(current)
