"""What a running training is asked for. Any thread may ask; the trainer applies it between two steps."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from teachkit.errors import UserError, check_number
from teachkit.learn.schedule import SCHEDULES, check_schedule
from teachkit.structures import LOSS_NAMES, LossWeights

LARGEST_RATE = 100.0  # of the control: a slip of the hand is refused
LARGEST_FIRST_RATE = 1e30  # whoever begins with such a rate wants to see what happens; float32 still holds it
LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class Rate:
    """The learning rate that is asked for: lr, or where that is None base · factor of the schedule."""

    base: float
    schedule: str
    lr: float | None = None


@dataclass(frozen=True)
class Asked:
    """All that a control asks for at one moment."""

    rate: Rate
    weights: dict[str, float]
    paused: bool
    stopped: bool

    def as_numbers(self) -> list[float]:
        """For a rank that is told it. NaN where nothing is asked for."""
        rate = [self.rate.base, list(SCHEDULES).index(self.rate.schedule), _or_nan(self.rate.lr)]
        return [*rate, *(_or_nan(self.weights.get(name)) for name in LOSS_NAMES), self.paused, self.stopped]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> "Asked":
        base, schedule, lr, *weights, paused, stopped = numbers
        asked = {name: value for name, value in zip(LOSS_NAMES, weights, strict=True) if not math.isnan(value)}
        rate = Rate(base, list(SCHEDULES)[int(schedule)], None if math.isnan(lr) else lr)
        return cls(rate, asked, paused > 0, stopped > 0)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _live_weight(name: str) -> property:
    def read(weights: "LiveWeights") -> float:
        return weights.as_dict()[name]

    def write(weights: "LiveWeights", value: float) -> None:
        weights.control.set(**{name: value})

    return property(read, write)


class LiveWeights:
    """`control.weights.box = 3` asks for a weight. Reading gives the one asked for, else the criterion's."""

    __slots__ = ("control",)  # a misspelt name is an AttributeError

    box, cls, dfl = (_live_weight(name) for name in LOSS_NAMES)

    def __init__(self, control: "Control") -> None:
        self.control = control

    def as_dict(self) -> dict[str, float]:
        return self.control.wanted_weights()


class Control:
    """Thread-safe. A refused value raises UserError, and nothing changes.

    lr: None as scheduled, else constant from the next step on; schedule: a name of `SCHEDULES`, which sets lr free
    again; lr and schedule together give the schedule a new base. box, cls, dfl: the loss weights. loss_weights: returns
    the criterion's, None if it has none. The control keeps no copy, because the criterion may get others at any time.
    """

    # a name that is none of a control's is an AttributeError, and not lost: `control.box` for `control.weights.box`
    __slots__ = ("_changed", "_live_weights", "_loss_weights", "_paused", "_rate", "_stopped", "_wanted")

    def __init__(
        self, lr: float, schedule: str = "cosine", loss_weights: Callable[[], LossWeights | None] = lambda: None
    ) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._rate = Rate(check_number("lr", lr, LARGEST_FIRST_RATE), check_schedule(schedule))
        self._loss_weights = loss_weights
        self._wanted: dict[str, float] = {}
        self._paused = self._stopped = False
        self._live_weights = LiveWeights(self)

    def set(self, **changes: Any) -> None:
        """Any of lr, schedule, box, cls, dfl; in force from the next step on, all of them or none."""
        unknown = set(changes) - {"lr", "schedule", *LOSS_NAMES}
        if unknown:
            raise UserError(f"there is no control {', '.join(sorted(unknown))}: choose lr, schedule, box, cls or dfl")
        weights = {
            name: check_number(f"the {name} weight", changes[name], LARGEST_WEIGHT)
            for name in LOSS_NAMES
            if name in changes
        }
        if weights and self._loss_weights() is None:
            raise UserError("this criterion has no weights to set")
        with self._changed:
            self._rate = self._changed_rate(changes)
            self._wanted |= weights
            self._changed.notify_all()

    def _changed_rate(self, changes: dict[str, Any]) -> Rate:
        rate, lr = self._rate, changes.get("lr")
        if lr is not None:
            lr = check_number("lr", lr, LARGEST_RATE)
        if "schedule" in changes:
            return Rate(lr if lr is not None else rate.base, check_schedule(changes["schedule"]))
        return replace(rate, lr=lr) if "lr" in changes else rate

    @property
    def lr(self) -> float | None:
        return self._rate.lr

    @lr.setter
    def lr(self, value: float | None) -> None:
        self.set(lr=value)

    @property
    def schedule(self) -> str:
        """ "constant" while lr is fixed."""
        rate = self._rate
        return rate.schedule if rate.lr is None else "constant"

    @schedule.setter
    def schedule(self, name: str) -> None:
        self.set(schedule=name)

    @property
    def weights(self) -> LiveWeights:
        return self._live_weights

    @weights.setter
    def weights(self, weights: LossWeights) -> None:
        if not isinstance(weights, LossWeights):
            raise UserError(f"the weights must be LossWeights(box, cls, dfl), not {weights!r:.60}")
        self.set(**weights.as_dict())

    def wanted_weights(self) -> dict[str, float]:
        """Those asked for, else those of the criterion; empty if it has none."""
        with self._changed:
            own = self._loss_weights()
            return {} if own is None else own.as_dict() | self._wanted

    def take(self, asked: Asked | None = None) -> Rate:
        """The rate of the next step. Sets the loss weights asked for in the criterion. Called by the trainer only.

        asked: what all ranks have agreed on; None for what is asked for now. What is asked for since then stays asked.
        """
        with self._changed:
            own, weights = self._loss_weights(), self._wanted if asked is None else asked.weights
            for name, value in weights.items() if own is not None else ():
                setattr(own, name, value)
            self._wanted = {name: value for name, value in self._wanted.items() if value != weights.get(name)}
            return self._rate if asked is None else asked.rate

    def asked(self) -> Asked:
        with self._changed:
            return Asked(self._rate, self.wanted_weights(), self._paused, self._stopped)

    def follow(self, asked: Asked) -> None:
        """Asks for what another control does: rank 0's."""
        with self._changed:
            self._rate, self._wanted = asked.rate, dict(asked.weights)
            self._switch(asked.paused, asked.stopped)

    # pause, resume, stop

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def stopped(self) -> bool:
        return self._stopped

    def pause(self) -> None:
        self._switch(paused=True, stopped=self._stopped)

    def resume(self) -> None:
        """Ends a pause, and cancels a stop that no `fit` has seen yet."""
        self._switch(paused=False, stopped=False)

    def stop(self) -> None:
        """Ends `fit` before its next step, also during a pause."""
        self._switch(paused=self._paused, stopped=True)

    def forget_stop(self) -> None:
        """After a run has ended: its stop does not concern the next `fit`. Called by the trainer only."""
        self._switch(paused=self._paused, stopped=False)

    def _switch(self, paused: bool, stopped: bool) -> None:
        with self._changed:
            self._paused, self._stopped = paused, stopped
            self._changed.notify_all()

    def wait_while_paused(self, most: float = math.inf) -> None:
        """Sleeps until resume or stop, or so many seconds; no processor time is used."""
        end = time.monotonic() + most
        with self._changed:
            while self._paused and not self._stopped and time.monotonic() < end:
                # A signal handler may have called stop() just before we slept: look again now and then.
                self._changed.wait(timeout=1.0)

    # for exact continuation

    def state_dict(self) -> dict[str, Any]:
        with self._changed:
            rate = self._rate
            return {"base": rate.base, "schedule": rate.schedule, "lr": rate.lr, "weights": self.wanted_weights()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Asks again for weights that differ from the criterion's; they come into force with the next step."""
        with self._changed:
            self._rate = Rate(state["base"], state["schedule"], state["lr"])
            own = self._loss_weights()
            current, asked = {} if own is None else own.as_dict(), state["weights"]
            self._wanted = {name: asked[name] for name, value in current.items() if asked[name] != value}
