"""Watches the raw losses of a run and names what it sees: spikes, plateaus, divergence.

The weighted total is not looked at: it jumps when a weight is moved, and nothing has been learned or lost by that.
Losses are compared as logarithms, so that "three times as large" is the same step at any height, and against the
median and the median absolute deviation, which a few wild steps do not move. Huber 1981, Robust Statistics.
"""

import math
import statistics
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

NAMES = ("box", "cls", "dfl")

WINDOW, ENOUGH = 64, 24  # steps that tell what is normal; fewer than ENOUGH tell nothing
# a lone step, the mean of four, of eight: this many standard errors above normal are no chance (a lone step errs most)
DEVIATIONS = {1: 9.0, 4: 6.0, 8: 6.0}
NEWEST = max(DEVIATIONS)
SPIKE_RATIO, SPIKE_STEPS = 1.5, 20
LEAST_SPREAD = 0.02  # of a logarithm: on a curve without noise every wiggle would be a spike

HALVES = (100, 200, 400)  # steps in each half of the stretch that is searched for a plateau
STILL = 0.02  # in logarithms: a fall of less in 100 steps is standing still, of twice as much is not

LEVEL, DIVERGED_RATIO = 20, 3.0  # the median of so many steps, so much above its lowest
SILENT, SILENT_STEPS = 1e-3, 5
# Less than this counts as this: a rise from nothing to next to nothing is no alarm. Box and dfl are weighted by target
# scores and so grow from nothing while a detector learns to score: they are looked at once they have been above it.
FLOOR, AWAKE_STEPS = {"box": 0.1, "cls": 0.1, "dfl": 0.2}, 8


@dataclass(frozen=True)
class Finding:
    """what: "spike", "plateau" or "diverged"; losses: whose; ratio: to what was normal, where there is one."""

    what: str
    losses: list[str]
    message: str
    ratio: float | None = None


class Spikes:
    """What is normal for one loss, and when its newest steps are above it. Values are logarithms of the loss."""

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=WINDOW + NEWEST)
        self.began: int | None = None
        self.quiet_until = 0

    def begins(self, step: int, value: float) -> float | None:
        """The ratio to normal where a spike begins, else None; nothing more until that spike is over."""
        self.values.append(value)
        if len(self.values) < ENOUGH + NEWEST:
            return None
        values = list(self.values)
        past, newest = values[:-NEWEST], values[-NEWEST:]
        middle = statistics.median(past)
        if self.began is not None:
            self._wait_for_the_end(step, value < middle + 3 * _spread(past, middle))
        elif step >= self.quiet_until and (above := _rise(past, newest, middle)):
            self.began = step
            return math.exp(above)
        return None

    def _wait_for_the_end(self, step: int, back_to_normal: bool) -> None:
        if back_to_normal:
            self.began, self.quiet_until = None, step + NEWEST
        elif self.began is not None and step - self.began >= SPIKE_STEPS:
            self.forget()  # it has stayed: this is the new normal

    def forget(self) -> None:
        self.values.clear()
        self.began = None


def _spread(values: list[float], middle: float) -> float:
    # 1.4826: makes the median absolute deviation of normal noise its standard deviation
    return 1.4826 * statistics.median(abs(one - middle) for one in values) + LEAST_SPREAD


def _rise(past: list[float], newest: list[float], middle: float) -> float:
    """How far the last step, four or eight are above normal; 0 if that may be chance, or has been so before."""
    means = {count: statistics.fmean(newest[-count:]) for count in DEVIATIONS}
    if max(means.values()) - middle <= math.log(SPIKE_RATIO):
        return 0.0
    spread = _spread(past, middle)
    for count, mean in means.items():
        # a batch that is hard in each pass is no news
        highest = max(statistics.fmean(past[end - count : end]) for end in range(len(past), count - 1, -count))
        is_chance = mean - middle <= DEVIATIONS[count] * spread / math.sqrt(count)
        if not is_chance and mean - max(highest, middle) > math.log(SPIKE_RATIO):
            return mean - middle
    return 0.0


def is_flat(values: list[float]) -> bool | None:
    """Whether a loss falls by less than 2 % in 100 steps, as told by the last 200; None where that cannot be told yet.

    values: logarithms. Where the two halves of these steps are too noisy, the last 400 or 800 are asked.
    """
    for half in HALVES:
        if len(values) < 2 * half:
            return None
        first, second = np.array(values[-2 * half : -half]), np.array(values[-half:])
        fall = (first.mean() - second.mean()) * 100 / half
        error = math.sqrt((first.var() + second.var()) / half) * 100 / half
        if fall - 2 * error > 2 * STILL:
            return False
        if fall + 2 * error < STILL:
            return True
    return None


class Trend:
    """Looks at the raw losses of each step. A loss that weighs nothing is free to drift, and is left out."""

    def __init__(self) -> None:
        self._spikes = {name: Spikes() for name in NAMES}
        self._past: dict[str, deque[float]] = {name: deque(maxlen=2 * HALVES[-1]) for name in NAMES}
        self._lowest: dict[str, float] = {}
        self._awake: set[str] = set()
        self._plateau = False
        self._silent = 0

    def update(
        self, step: int, losses: dict[str, float], weights: dict[str, float], objects: bool, settling: bool = False
    ) -> list[Finding]:
        """losses: raw and finite; objects: whether the batch had any; settling: the schedule is at its low end."""
        seen = {}
        for name in NAMES:
            if weights[name] == 0:
                self._forget(name)
            elif losses[name] > 0:  # box and dfl are 0 where there are no objects
                self._past[name].append(math.log(max(losses[name], FLOOR[name])))
                if self._is_awake(name):
                    seen[name] = self._past[name][-1]
        found = [self._silence(losses, objects), self._divergence(seen), self._spike(step, seen)]
        if not settling and step % 10 == 0:
            found.append(self._standstill(list(seen)))
        return [finding for finding in found if finding is not None]

    def expect_change(self) -> None:
        """A control was moved: what follows is no part of the stretch before it."""
        for past in self._past.values():
            past.clear()
        self._plateau = False

    def _is_awake(self, name: str) -> bool:
        past = self._past[name]
        if name in self._awake:
            return True
        if len(past) < AWAKE_STEPS or statistics.median(list(past)[-AWAKE_STEPS:]) <= math.log(FLOOR[name]):
            return False
        self._awake.add(name)
        last = past[-1]
        past.clear()
        past.append(last)
        return True

    def _forget(self, name: str) -> None:
        self._spikes[name].forget()
        self._past[name].clear()
        self._lowest.pop(name, None)

    def _spike(self, step: int, seen: dict[str, float]) -> Finding | None:
        ratios = {name: self._spikes[name].begins(step, value) for name, value in seen.items()}
        high = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if not high:
            return None
        told = ", ".join(f"{name} ×{ratio:.3g}" for name, ratio in high.items())
        message = f"a spike: {told}. Look at the pictures of this batch; if spikes come often, lower the learning rate."
        return Finding("spike", list(high), message, max(high.values()))

    def _divergence(self, seen: dict[str, float]) -> Finding | None:
        for name in seen:
            past = self._past[name]
            if len(past) < LEVEL:
                continue
            level = statistics.median(past[-back] for back in range(1, LEVEL + 1))
            lowest = self._lowest[name] = min(level, self._lowest.get(name, level))
            if level - lowest > math.log(DIVERGED_RATIO):
                ratio = math.exp(level - lowest)
                self._lowest = {}
                message = f"diverged: for {LEVEL} steps the {name} loss has been {ratio:.3g} times its best."
                return Finding(
                    "diverged", [name], f"{message} Go back to before it and lower the learning rate.", ratio
                )
        return None

    def _silence(self, losses: dict[str, float], objects: bool) -> Finding | None:
        """Scores of 0 everywhere claim no object, and so are never corrected: the losses vanish, nothing is found."""
        silent = objects and all(losses[name] < SILENT for name in NAMES)
        self._silent = self._silent + 1 if silent else 0
        if self._silent != SILENT_STEPS:
            return None
        message = (
            "diverged: all losses have vanished although there are objects, the detector answers nothing any more."
        )
        return Finding("diverged", list(NAMES), f"{message} Go back to before it and lower the learning rate.")

    def _standstill(self, names: list[str]) -> Finding | None:
        flat = [is_flat(list(self._past[name])) for name in names]
        if any(one is False for one in flat):
            self._plateau = False
        if self._plateau or not flat or not all(flat):
            return None
        self._plateau = True
        message = f"a plateau: no loss has fallen for {2 * HALVES[0]} steps. Change the learning rate, or stop here."
        return Finding("plateau", names, message)

    def state_dict(self) -> dict[str, Any]:
        return {
            "spikes": {name: [list(one.values), one.began, one.quiet_until] for name, one in self._spikes.items()},
            "past": {name: list(past) for name, past in self._past.items()},
            "lowest": dict(self._lowest),
            "awake": sorted(self._awake),
            "plateau": self._plateau,
            "silent": self._silent,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in NAMES:
            spikes = self._spikes[name]
            values, spikes.began, spikes.quiet_until = state["spikes"][name]
            spikes.values = deque(values, maxlen=WINDOW + NEWEST)
            self._past[name] = deque(state["past"][name], maxlen=2 * HALVES[-1])
        self._lowest, self._awake = dict(state["lowest"]), set(state["awake"])
        self._plateau, self._silent = state["plateau"], state["silent"]
