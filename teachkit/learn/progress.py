"""How far a run has come, and where it ends."""

from dataclasses import asdict, dataclass
from typing import Any

from teachkit.errors import UserError, whole

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
            self.last_step = (epoch + whole("epochs", epochs, 0)) * length
        elif total_epochs is not None:
            self.last_step = whole("total_epochs", total_epochs, 0) * length
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
