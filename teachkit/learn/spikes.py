"""Spikes: when a loss jumps above its normal level, and by how much.

Losses are compared as logarithms, so that "three times as large" is the same step at any height, and against the
median and the median absolute deviation, which a few wild steps do not move. Huber 1981, Robust Statistics.
"""

import math
import statistics
from collections import deque
from typing import Any

WINDOW, ENOUGH = 64, 24  # steps that tell what is normal; fewer than ENOUGH tell nothing
# a lone step, the mean of four, of eight: this many standard errors above normal are no chance (a lone step errs most)
DEVIATIONS = {1: 9.0, 4: 6.0, 8: 6.0}
NEWEST = max(DEVIATIONS)
SPIKE_RATIO, SPIKE_STEPS = 1.5, 20
LEAST_SPREAD = 0.02  # of a logarithm: on a curve without noise every wiggle would be a spike


class Spikes:
    """The normal level of one loss, and whether its newest steps are above it. Values are logarithms of the loss."""

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=WINDOW + NEWEST)
        self.began: int | None = None
        self.quiet_until = 0

    def begins(self, step: int, value: float) -> float | None:
        """The ratio to the normal level where a spike begins, else None, also until that spike is over."""
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

    def state_dict(self) -> dict[str, Any]:
        return {"values": list(self.values), "began": self.began, "quiet_until": self.quiet_until}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.values = deque(state["values"], maxlen=WINDOW + NEWEST)
        self.began, self.quiet_until = state["began"], state["quiet_until"]


def _spread(values: list[float], middle: float) -> float:
    # 1.4826: makes the median absolute deviation of normal noise its standard deviation
    return 1.4826 * statistics.median(abs(one - middle) for one in values) + LEAST_SPREAD


def _rise(past: list[float], newest: list[float], middle: float) -> float:
    """How far the last one, four or eight steps are above normal; 0 if that may be chance, or happened before."""
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
