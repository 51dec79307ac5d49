"""A running average of the weights: steadier than those of the last step, and so what is validated and kept."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn


def ramped(decay: float) -> Callable[[PARAM_LIST, PARAM_LIST, Tensor | int], None]:
    """Averages with min(decay, (1 + t) / (10 + t)) at the t-th time, so that no run of 150 steps is over before it."""

    def average(averaged: PARAM_LIST, current: PARAM_LIST, count: Tensor | int) -> None:
        t = int(count)  # counted on the CPU: no wait for a GPU
        get_ema_multi_avg_fn(min(decay, (1 + t) / (10 + t)))(averaged, current, count)

    return average


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """A copy in eval mode; `update_parameters(model)` draws weights and buffers nearer. Polyak and Juditsky 1992."""
    averaged = AveragedModel(model, multi_avg_fn=ramped(decay), use_buffers=True)
    averaged.requires_grad_(False)
    return averaged.eval()
