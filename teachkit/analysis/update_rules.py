"""The update rules of torch.optim, each written out for one weight and one step.

w: the weight; g: its gradient; lr: the learning rate. The state of the optimizer goes in and comes out. The rules take
floats, or tensors of any shape, each weight of which is updated by itself. `largest_gap` compares a rule with torch's.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from teachkit.feed.detector import Detector
from teachkit.punish.criterion import Criterion
from teachkit.structures import Batch

T = TypeVar("T", float, Tensor)
Rule = Callable[..., tuple[Tensor, ...]]


def sgd_step(w: T, g: T, lr: float) -> T:
    """→ the new w: against the gradient, and in proportion to it."""
    return w - lr * g


def momentum_step(w: T, g: T, velocity: T, lr: float, momentum: float = 0.9) -> tuple[T, T]:
    """→ w, velocity. velocity: 0 at first; a decaying sum of gradients, at most 1 / (1 − momentum) times one gradient.

    Polyak 1964; as in torch.optim.SGD without dampening.
    """
    velocity = momentum * velocity + g
    return w - lr * velocity, velocity


def adam_step(
    w: T,
    g: T,
    m: T,
    v: T,
    t: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    corrected: bool = True,
) -> tuple[T, T, T]:
    """→ w, m, v. m, v: 0 at first; moving averages of g and of g². t: 1 at the first step.

    corrected: with bias correction, as both averages start at 0. Kingma and Ba 2015, arXiv 1412.6980, algorithm 1.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    direction, size = m, v
    if corrected:
        direction = m / (1 - beta1**t)
        size = v / (1 - beta2**t)
    return w - lr * direction / (size**0.5 + eps), m, v


def adamw_step(
    w: T,
    g: T,
    m: T,
    v: T,
    t: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decay: float = 0.01,
) -> tuple[T, T, T]:
    """→ w, m, v. Adam on a weight that first shrinks by lr · decay · w, which does not enter the averages.

    Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2. There the decay does not depend on lr; in torch it does.
    """
    return adam_step(w - lr * decay * w, g, m, v, t, lr, beta1, beta2, eps)


def largest_gap(
    model: Detector, batch: Batch, optimizer: Optimizer, rule: Rule, memory: int = 0, steps: int = 3
) -> float:
    """The largest difference of any weight at any step between the rule and the optimizer; 0 but for rounding.

    optimizer: of model.parameters(), which it trains; rule(w, g, t, *memory) → (w, *memory), with g the gradient and
    t = 1 at the first step; memory: how many tensors the rule keeps for each weight between steps, all 0 at first.
    """
    criterion, weights = Criterion(), list(model.parameters())
    kept: list[tuple[Tensor, ...]] = [(torch.zeros_like(one),) * memory for one in weights]
    gap = 0.0
    for t in range(1, steps + 1):
        optimizer.zero_grad()
        criterion(model(batch.images), batch.ground_truth).backward()
        # copies: the optimizer changes its weights in place, and would change the values of a rule that does nothing
        ours = [rule(one.detach().clone(), one.grad, t, *mine) for one, mine in zip(weights, kept, strict=True)]
        optimizer.step()
        gaps = [(one[0] - its.detach()).abs().max().item() for one, its in zip(ours, weights, strict=True)]
        gap = max(gap, *gaps)
        kept = [one[1:] for one in ours]
    return gap
