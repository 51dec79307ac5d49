"""Losses of two weights, which can be drawn as a surface, and the paths of the update rules on them."""

from collections.abc import Callable
from dataclasses import dataclass

from teachkit.analysis.update_rules import adam_step, adamw_step, momentum_step, sgd_step

Point = tuple[float, float]
STEEPNESS = 20.0  # of the bowl: its second derivative along y, against 1 along x
LOST = 1e6  # a path with a larger coordinate has diverged


@dataclass(frozen=True)
class Surface:
    """loss(x, y), its gradient by hand, x, y: the ranges that are drawn; minima: where the loss is lowest."""

    name: str
    loss: Callable[[float, float], float]
    gradient: Callable[[float, float], Point]
    x: Point
    y: Point
    start: Point
    minima: tuple[Point, ...]


SURFACES = {
    "bowl": Surface(
        "long bowl, 20 × steeper up",
        lambda x, y: (x * x + STEEPNESS * y * y) / 2,
        lambda x, y: (x, STEEPNESS * y),
        (-4.0, 4.0),
        (-1.6, 1.6),
        (-3.5, 1.2),
        ((0.0, 0.0),),
    ),
    "valley": Surface(  # Rosenbrock 1960, with 10 in place of 100, so that its floor is visible
        "bent valley (Rosenbrock)",
        lambda x, y: (1 - x) * (1 - x) + 10 * (y - x * x) * (y - x * x),
        lambda x, y: (-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)),
        (-2.0, 2.0),
        (-1.0, 3.0),
        (-1.5, 2.6),
        ((1.0, 1.0),),
    ),
    "saddle": Surface(
        "saddle, two valleys",
        lambda x, y: x * x / 2 + y * y * y * y / 4 - y * y / 2,
        lambda x, y: (x, y * y * y - y),
        (-3.0, 3.0),
        (-1.6, 1.6),
        (-2.5, 0.01),
        ((0.0, -1.0), (0.0, 1.0)),
    ),
}

RULES = {
    "sgd": "SGD",
    "momentum": "SGD with momentum",
    "adam": "Adam",
    "uncorrected": "Adam, no bias correction",
    "adamw": "AdamW",
}


def path(
    surface: Surface,
    rule: str,
    start: Point,
    steps: int,
    lr: float,
    momentum: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    decay: float = 0.01,
) -> list[Point]:
    """The start and the point after each step: steps + 1 points, fewer if it diverges. rule: a key of RULES."""
    points, m, v = [start], [0.0, 0.0], [0.0, 0.0]
    for t in range(1, steps + 1):
        gradient, point = surface.gradient(*points[-1]), list(points[-1])
        for at, g in enumerate(gradient):  # each of the two weights by itself
            w = point[at]
            if rule == "sgd":
                point[at] = sgd_step(w, g, lr)
            elif rule == "momentum":
                point[at], m[at] = momentum_step(w, g, m[at], lr, momentum)
            elif rule == "adamw":
                point[at], m[at], v[at] = adamw_step(w, g, m[at], v[at], t, lr, beta1, beta2, decay=decay)
            else:
                corrected = rule == "adam"
                point[at], m[at], v[at] = adam_step(w, g, m[at], v[at], t, lr, beta1, beta2, corrected=corrected)
        if not max(map(abs, point)) < LOST:  # true for NaN as well
            break
        points.append((point[0], point[1]))
    return points
