"""How far a run has come, where it ends, when it is good enough, and when it no longer gets better."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from teachkit.errors import UserError, whole
from teachkit.learn.log import LARGEST_PLACE

METRICS = ("map50", "map", "map75")
LOW_END = 0.1  # of the base rate


@dataclass
class Progress:
    """step: number of the step to come; first_step, last_step: where the schedule begins, and the one after its end.

    last_step is None while no end is known. closed_epochs: validated and saved; clipped: target sides beyond the bins
    in the epoch so far; train_seconds: validation left out; started: the start record is written; reached: "until" or
    "early_stop" if the run ends with the step before; diverged: why, in a sentence.
    """

    step: int = 0
    first_step: int = 0
    last_step: int | None = None
    closed_epochs: int = 0
    clipped: int = 0
    train_seconds: float = 0.0
    started: bool = False
    reached: str | None = None
    diverged: str | None = None

    def plan(self, epochs: int | None, total_epochs: int | None, epoch: int, length: int) -> None:
        """Sets the last step: after `epochs` more than `epoch`, or after `total_epochs` in all, of `length` steps each.

        A run that is over and gets more epochs begins a new schedule. UserError if no end is known, or two.
        """
        if epochs is not None and total_epochs is not None:
            raise UserError(f"epochs={epochs!r:.20} more, or total_epochs={total_epochs!r:.20} in all? Say one of them")
        if epochs is not None:
            if self.last_step is None or self.is_over:
                self.first_step = self.step
            self.last_step = (epoch + whole("epochs", epochs, 0, LARGEST_PLACE // length - epoch)) * length
        elif total_epochs is not None:
            self.last_step = whole("total_epochs", total_epochs, 0, LARGEST_PLACE // length) * length
        if self.last_step is None:
            raise UserError("how long is the training to be? Say fit(epochs), or Trainer(…, epochs=…)")

    @property
    def is_over(self) -> bool:
        return self.last_step is not None and self.step >= self.last_step

    @property
    def scheduled(self) -> tuple[int, int | None]:
        """Steps since the schedule began, and how many it has in all."""
        return self.step - self.first_step, None if self.last_step is None else self.last_step - self.first_step

    def is_settling(self, factor: float) -> bool:
        """Whether the schedule, now at this factor of the base rate, is at its low end."""
        past, total = self.scheduled
        return total is not None and past > total / 2 and factor < LOW_END

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.first_step, self.last_step = state["step"], state["first_step"], state["last_step"]
        self.closed_epochs, self.clipped = state["closed_epochs"], state["clipped"]
        self.train_seconds, self.started, self.diverged = state["train_seconds"], state["started"], state["diverged"]
        self.reached = state.get("reached")


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
