"""How far a weight moves: the update rules of torch.optim, each written out for one weight at one step.

w: the weight; g: its gradient; lr: the learning rate; state goes in and comes out. They take floats, or tensors of any
shape: every rule works on each weight by itself, whatever its neighbours do. tests/learn/test_steps.py holds them
against torch.optim.
"""

from typing import TypeVar

from torch import Tensor

T = TypeVar("T", float, Tensor)


def sgd_step(w: T, g: T, lr: float) -> T:
    """→ the new w. Against the slope, and the steeper the farther."""
    return w - lr * g


def momentum_step(w: T, g: T, velocity: T, lr: float, momentum: float = 0.9) -> tuple[T, T]:
    """→ w, velocity. velocity: 0 at first; a fading sum of gradients, up to 1 / (1 − momentum) times as long as one.

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

    corrected: undoes that both averages start at 0. Kingma and Ba 2015, arXiv 1412.6980, algorithm 1 and section 3.
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
    """→ w, m, v. Adam on a weight that first shrinks by the share lr · decay, past both averages.

    Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2; there lr has no part in the decay, in torch it has.
    """
    return adam_step(w - lr * decay * w, g, m, v, t, lr, beta1, beta2, eps)
