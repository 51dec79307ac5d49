"""Watches the raw losses of a run and names what it sees: spikes, plateaus, divergence.

It ignores the weighted total, which jumps whenever a weight is moved although nothing has been learned or lost.
"""

import math
import statistics
from collections import deque
from typing import Any

import numpy as np

from teachkit.learn.log import Event
from teachkit.learn.spikes import Spikes
from teachkit.structures import LOSS_NAMES

HALVES = (100, 200, 400)  # steps in each half of the stretch that is searched for a plateau
STILL = 0.02  # in logarithms: a fall of less in 100 steps is standing still, of twice as much is not

LEVEL, DIVERGED_RATIO = 20, 3.0  # the median of so many steps, so much above its lowest
SILENT, SILENT_STEPS = 1e-3, 5
# Less than this counts as this: a rise from nothing to next to nothing is no alarm. Box and dfl are weighted by target
# scores and so grow from nothing while a detector learns to score: they are looked at once they have been above it.
FLOOR, AWAKE_STEPS = {"box": 0.1, "cls": 0.1, "dfl": 0.2}, 8


def is_flat(values: list[float]) -> bool | None:
    """Whether a loss falls by less than 2 % in 100 steps, by its last 200; None if they do not show it yet.

    values: logarithms. Where the two halves of these steps are too noisy, the last 400 or 800 are used.
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
    """Watches the raw losses of each step. A loss of weight 0 is not trained, and is left out."""

    def __init__(self) -> None:
        self._spikes = {name: Spikes() for name in LOSS_NAMES}
        self._past: dict[str, deque[float]] = {name: deque(maxlen=2 * HALVES[-1]) for name in LOSS_NAMES}
        self._lowest: dict[str, float] = {}
        self._awake: set[str] = set()
        self._plateau = False
        self._silent = 0

    def update(
        self, step: int, losses: dict[str, float], weights: dict[str, float], objects: bool, settling: bool = False
    ) -> list[Event]:
        """losses: raw and finite; objects: whether the batch had any; settling: the schedule is at its low end.

        → events "spike", "plateau" and "diverged", each with the losses that it is about, and its ratio to what was
        normal, where there is one.
        """
        seen = {}
        for name in LOSS_NAMES:
            if weights[name] == 0:
                self._forget(name)
            elif losses[name] > 0:  # box and dfl are 0 where there are no objects
                self._past[name].append(math.log(max(losses[name], FLOOR[name])))
                if self._is_awake(name):
                    seen[name] = self._past[name][-1]
        if step == 0 and objects and self._past["cls"]:  # a run whose first step ruins it never gets better than this
            self._lowest["cls"] = self._past["cls"][-1]
        found = [self._silence(losses, objects), self._divergence(seen), self._spike(step, seen)]
        if not settling and step % 10 == 0:
            found.append(self._standstill(list(seen)))
        return [event for event in found if event is not None]

    def expect_change(self) -> None:
        """After a control was moved: plateaus are looked for from here on only."""
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

    def _spike(self, step: int, seen: dict[str, float]) -> Event | None:
        ratios = {name: self._spikes[name].begins(step, value) for name, value in seen.items()}
        high = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if not high:
            return None
        told = ", ".join(f"{name} ×{ratio:.3g}" for name, ratio in high.items())
        message = f"a spike: {told}. Look at the pictures of this batch; if spikes come often, lower the learning rate."
        return _event("spike", message, list(high), max(high.values()))

    def _divergence(self, seen: dict[str, float]) -> Event | None:
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
                return _event("diverged", f"{message} Go back to before it and lower the learning rate.", [name], ratio)
        return None

    def _silence(self, losses: dict[str, float], objects: bool) -> Event | None:
        """Scores of 0 everywhere claim no object, and so are never corrected: the losses vanish, nothing is found."""
        silent = objects and all(losses[name] < SILENT for name in LOSS_NAMES)
        self._silent = self._silent + 1 if silent else 0
        if self._silent != SILENT_STEPS:
            return None
        message = (
            "diverged: all losses have vanished although there are objects, the detector answers nothing any more."
        )
        return _event("diverged", f"{message} Go back to before it and lower the learning rate.", list(LOSS_NAMES))

    def _standstill(self, names: list[str]) -> Event | None:
        flat = [is_flat(list(self._past[name])) for name in names]
        if any(one is False for one in flat):
            self._plateau = False
        if self._plateau or not flat or not all(flat):
            return None
        self._plateau = True
        message = f"a plateau: no loss has fallen for {2 * HALVES[0]} steps. Change the learning rate, or stop here."
        return _event("plateau", message, names)

    def state_dict(self) -> dict[str, Any]:
        return {
            "spikes": {name: spikes.state_dict() for name, spikes in self._spikes.items()},
            "past": {name: list(past) for name, past in self._past.items()},
            "lowest": dict(self._lowest),
            "awake": sorted(self._awake),
            "plateau": self._plateau,
            "silent": self._silent,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name in LOSS_NAMES:
            self._spikes[name].load_state_dict(state["spikes"][name])
            self._past[name] = deque(state["past"][name], maxlen=2 * HALVES[-1])
        self._lowest, self._awake = dict(state["lowest"]), set(state["awake"])
        self._plateau, self._silent = state["plateau"], state["silent"]


def _event(what: str, message: str, losses: list[str], ratio: float | None = None) -> Event:
    return Event(what, message, {"losses": losses, "ratio": ratio})
