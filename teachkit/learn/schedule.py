"""How the learning rate changes over a run: factors of the base rate, as pure functions of the step.

step: from 0; total: steps of the run, or None where no end is known; warmup: steps.
"""

import math
from collections.abc import Callable

from teachkit.errors import UserError

LAST = 0.01  # the factor at the end of a run: small enough to settle, large enough to still learn


def usual_warmup(total: int | None) -> int:
    """A tenth of the run, at most 100 steps."""
    return 100 if total is None else min(100, total // 10)


def warming_up(step: int, warmup: int) -> float:
    """A straight line up to 1: large first steps would wreck fresh weights. Goyal et al. 2017, arXiv 1706.02677."""
    return min(1.0, (step + 1) / (warmup + 1))


def progress(step: int, total: int | None, start: float = 0) -> float:
    """How much of the way from the step `start` to the last one is done, 0–1; 0 where no end is known."""
    if total is None:
        return 0.0
    return min(1.0, max(0.0, (step - start) / max(1, total - 1 - start)))


def half_cosine(first: float, last: float, done: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2


def constant(step: int, total: int | None, warmup: int) -> float:
    return 1.0


def cosine(step: int, total: int | None, warmup: int) -> float:
    """Warm-up, then half a cosine down. Loshchilov and Hutter 2017, arXiv 1608.03983."""
    return warming_up(step, warmup) * half_cosine(1.0, LAST, progress(step, total, warmup))


def steps(step: int, total: int | None, warmup: int) -> float:
    """Warm-up, then a tenth after two thirds of the run and a hundredth after eight ninths."""
    done = progress(step, total)
    return warming_up(step, warmup) * (1.0 if done < 2 / 3 else 0.1 if done < 8 / 9 else 0.01)


def one_cycle(step: int, total: int | None, warmup: int) -> float:
    """Up for three tenths of the run, then down to almost nothing. After Smith and Topin 2017, arXiv 1708.07120.

    Its rise is its warm-up; where no end is known it rises over `warmup` steps and stays up.
    """
    peak = max(1.0, warmup if total is None else 0.3 * total - 1)
    if total is None or step < peak:
        return half_cosine(1 / 25, 1.0, min(1.0, step / peak))
    return half_cosine(1.0, 1e-4, progress(step, total, peak))


SCHEDULES: dict[str, Callable[[int, int | None, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "steps": steps,
    "one_cycle": one_cycle,
}


def check_schedule(name: object) -> str:
    """The name, if there is such a schedule; UserError otherwise."""
    if not isinstance(name, str) or name not in SCHEDULES:
        raise UserError(f"there is no schedule {name!r}: choose one of {', '.join(SCHEDULES)}")
    return name
