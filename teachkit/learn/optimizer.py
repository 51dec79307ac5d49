"""Optimizers by name, AdamW and SGD, and the learning rates of their parameter groups."""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from teachkit.errors import UserError, check_number
from teachkit.learn.control import LARGEST_FIRST_RATE

# Learning rate and weight decay where none are given, for losses divided by the sum of target scores.
DEFAULTS = {"adamw": (7e-3, 0.01), "sgd": (5e-2, 5e-4)}


def _uncompiled(kind: type[Optimizer]) -> dict[str, Any]:
    """Its methods as torch wrote them, less what tells torch.compile to leave them alone.

    To import what it would be told with takes as long as to import torch, and nothing here is compiled.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    torchs_step = unwrap(kind.step)

    def step(self: Optimizer, closure: Callable[[], Any] | None = None) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return torchs_step(self, closure)

    return {name: unwrap(getattr(kind, name)) for name in names} | {"step": step}


AdamW = type("AdamW", (torch.optim.AdamW,), _uncompiled(torch.optim.AdamW))
SGD = type("SGD", (torch.optim.SGD,), _uncompiled(torch.optim.SGD))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Kernels and matrices decay; biases and the scales of norms, which have one dimension, do not."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    decaying = [one for one in trained if one.ndim >= 2]
    others = [one for one in trained if one.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": decaying, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def make_optimizer(
    name: str, model: nn.Module, lr: float | None = None, weight_decay: float | None = None
) -> Optimizer:
    """name: "adamw", Loshchilov and Hutter 2019, arXiv 1711.05101, or "sgd", with Nesterov momentum 0.9.

    UserError for any other.
    """
    if name not in DEFAULTS:
        choice = " or ".join(DEFAULTS)
        raise UserError(f"there is no optimizer {name!r}: choose {choice}, or hand over one of torch.optim")
    usual_lr, usual_decay = DEFAULTS[name]
    decay = check_number("weight_decay", usual_decay if weight_decay is None else weight_decay, 1.0)
    groups = parameter_groups(model, decay)
    rate = check_number("lr", usual_lr if lr is None else lr, LARGEST_FIRST_RATE)
    fused = True if can_fuse(model) else None
    if name == "adamw":
        return AdamW(groups, lr=rate, fused=fused)
    return SGD(groups, lr=rate, momentum=0.9, nesterov=True, fused=fused)


def can_fuse(model: nn.Module) -> bool:
    """Whether torch can update all weights in one kernel, which takes less than half the time on a CPU."""
    return all(one.is_floating_point() and one.device.type in ("cpu", "cuda", "mps") for one in model.parameters())


def name_of(optimizer: Optimizer) -> str:
    return type(optimizer).__name__.lower()


def rates(optimizer: Optimizer) -> list[float]:
    """The learning rate of each group."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_rate(optimizer: Optimizer, lr: float, base_rates: list[float]) -> None:
    """The first group gets `lr`; the others keep the ratio that their base rates have to the first."""
    for group, base in zip(optimizer.param_groups, base_rates, strict=True):
        group["lr"] = lr * (base / base_rates[0] if base_rates[0] else 1.0)


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def check_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """ValueError where torch would find only at the next step that it does not fit. Of AdamW and SGD."""
    kinds: dict[str, set[str]] = {"adamw": {"step", "exp_avg", "exp_avg_sq"}, "sgd": set()}
    if name_of(optimizer) not in kinds:
        return
    needed = kinds[name_of(optimizer)]
    settings = {"adamw": ("lr", "betas", "eps", "weight_decay"), "sgd": ("lr", "momentum", "nesterov", "weight_decay")}
    for place, group in enumerate(state["param_groups"]):
        if lacking := [name for name in settings[name_of(optimizer)] if name not in group]:
            raise ValueError(f"the optimizer's group {place} has no {lacking[0]}")
    parameters = parameters_of(optimizer)
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    if numbers != list(range(len(parameters))) or not set(state["state"]) <= set(numbers):
        # moments of another parameter: torch's fused kernel would read and write past their end
        raise ValueError("the optimizer's parameters are numbered in another way")
    for place, entry in state["state"].items():
        for name in {*needed, *entry}:
            value, shape = entry[name], () if name == "step" else parameters[place].shape
            if (value is not None or name in needed) and value.shape != shape:
                raise ValueError(f"optimizer.{place}.{name} is of the shape {list(value.shape)}")
