"""When a run is good enough, and when it no longer gets better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from teachkit.errors import UserError, whole

METRICS = ("map50", "map", "map75")


@dataclass
class Goal:
    """until: a metric and the score to reach; early_stop: epochs without a better score after which to stop.

    best: the highest score of the metric so far (map50 where none is named); stale: epochs since then.
    """

    until: tuple[str, float] | None = None
    early_stop: int | None = None
    best: float | None = None
    stale: int = 0

    def __post_init__(self) -> None:
        match self.until:
            case None | [("map50" | "map" | "map75"), int() | float()] if self.until is None or 0 <= self.until[1] <= 1:
                pass
            case _:
                raise UserError(f"until must be one of {', '.join(METRICS)} and a score in 0–1, not {self.until!r:.60}")
        if self.early_stop is not None:
            self.early_stop = whole("early_stop", self.early_stop, 1)

    @property
    def metric(self) -> str:
        return self.until[0] if self.until is not None else "map50"

    def update(self, scores: dict[str, Any]) -> bool:
        """Takes the scores of an epoch → whether they are the best so far.

        As long as no score is defined every epoch counts as the best, so that the last one is kept.
        """
        score = scores.get(self.metric)
        if score is None or math.isnan(score):
            return self.best is None
        if self.best is not None and score <= self.best:
            self.stale += 1
            return False
        self.best, self.stale = score, 0
        return True

    def reason_to_stop(self, scores: dict[str, Any]) -> str | None:
        """ "until", "early_stop" or None. A score of NaN reaches nothing."""
        if self.until is not None and scores.get(self.metric, math.nan) >= self.until[1]:
            return "until"
        if self.early_stop is not None and self.stale >= self.early_stop:
            return "early_stop"
        return None

    def state_dict(self) -> dict[str, Any]:
        return {"metric": self.metric, "best": self.best, "stale": self.stale}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Forgets the best score if it is of another metric."""
        same = state["metric"] == self.metric
        self.best, self.stale = (state["best"], state["stale"]) if same else (None, 0)


def stopped_early(scores: Sequence[float], patience: int) -> tuple[int, int]:
    """Where a run with these scores would have ended, had it been given this patience → (last epoch, kept epoch).

    Both are counted from 1; a run that is never stopped ends with its last score.
    """
    goal, kept = Goal(early_stop=patience), 0
    for epoch, score in enumerate(scores, start=1):
        if goal.update({goal.metric: score}):
            kept = epoch
        if goal.reason_to_stop({goal.metric: score}):
            return epoch, kept
    return len(scores), kept
