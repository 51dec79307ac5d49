"""Epoch after epoch: when to validate, to save, to wait and to stop. Everything happens between two steps."""

import math
from typing import TYPE_CHECKING, Any

from teachkit.errors import UserError, whole
from teachkit.learn.goal import METRICS
from teachkit.learn.guard import NotFiniteError
from teachkit.learn.interrupts import HeldInterrupt
from teachkit.learn.optimizer import name_of
from teachkit.learn.records import Record
from teachkit.learn.resources import usage
from teachkit.learn.validation import evaluate

if TYPE_CHECKING:
    from teachkit.learn.trainer import Trainer


def fit(trainer: "Trainer", epochs: int | None, total_epochs: int | None) -> Record:
    plan(trainer, epochs, total_epochs)
    trainer.diverged, trainer.skips = None, 0
    if not trainer.started:
        trainer.started = True
        trainer.recorder.emit("start", settings=settings(trainer))
    trainer.fitting = True
    try:
        with HeldInterrupt(trainer.control.stop):
            while (reason := why_stop(trainer)) is None:
                trainer.step()
            if reason == "interrupted":
                save(trainer)
    finally:
        trainer.fitting = False
        trainer.control.forget_stop()
    return trainer.recorder.emit("end", reason=reason)


def plan(trainer: "Trainer", epochs: int | None, total_epochs: int | None) -> None:
    """Where the run ends, and with it the schedule. A run that is over and gets more epochs begins a new schedule."""
    length = len(trainer.passes.data)
    if epochs is not None:
        if trainer.last_step is None or trainer.step_number >= trainer.last_step:
            trainer.first_step = trainer.step_number
        trainer.last_step = (trainer.epoch + whole("epochs", epochs, 0)) * length
    elif total_epochs is not None:
        trainer.last_step = whole("total_epochs", total_epochs, 0) * length
    if trainer.last_step is None:
        raise UserError("how long is the training to be? Say fit(epochs), or Trainer(…, epochs=…)")


def why_stop(trainer: "Trainer") -> str | None:
    """Does what is due before the next step → the reason for there being no next step, if there is one."""
    if trainer.diverged is not None:
        return "diverged"
    if trainer.closed_epochs < trainer.epoch and (reason := close_epoch(trainer)) is not None:
        return reason
    if trainer.control.paused and not trainer.control.stopped:
        trainer.tell("paused", "paused")
        trainer.control.wait_while_paused()
        trainer.tell("continued", "continued")
    if trainer.control.stopped:
        return "interrupted"
    assert trainer.last_step is not None
    return "epochs" if trainer.step_number >= trainer.last_step else None


def close_epoch(trainer: "Trainer") -> str | None:
    """Validates, records and saves the epoch that has ended → "until", "early_stop" or "diverged", else None.

    If the run is to stop during the validation the epoch stays open, and is closed when the run goes on.
    """
    scores: dict[str, Any] = dict.fromkeys(METRICS, math.nan)
    if trainer.validation_data is not None:
        try:
            measured = validate(trainer)
        except NotFiniteError:
            trainer.call_diverged(
                "diverged: the averaged detector's answers are not finite any more. Go back to before it."
            )
            return "diverged"
        if measured is None:
            return None
        scores |= measured
    better = trainer.goal.is_better(scores)
    trainer.recorder.emit(
        "epoch",
        epoch=trainer.closed_epochs,
        **scores,
        dfl_clipped=trainer.clipped,
        train_seconds=round(trainer.train_seconds, 3),
        **usage(trainer.device),
    )
    trainer.closed_epochs += 1
    trainer.clipped = 0
    save(trainer, scores if better else None)
    return trainer.goal.reason_to_stop(scores)


def validate(trainer: "Trainer") -> dict[str, float] | None:
    """map50, map, map75 and the losses val_box … of the averaged weights; None if `fit` is to stop."""
    found = evaluate(
        trainer.ema, trainer.validation_data, trainer.criterion, lambda: trainer.fitting and trainer.control.stopped
    )
    if found is None:
        return None
    scores, losses = found
    return {name: getattr(scores, name) for name in METRICS} | {f"val_{name}": loss for name, loss in losses.items()}


def save(trainer: "Trainer", best: dict[str, float] | None = None) -> None:
    """The state, and the averaged weights if their scores are the best so far."""
    if trainer.saver is None:
        return
    rebuilds = {"rebuilds": rebuilt_from(trainer), "settings": trainer.settings}
    state = trainer.state_dict()
    weights = {"weights": state["ema"]["model"], "scores": best, **rebuilds}
    failure = trainer.saver.save({"state": state, **rebuilds}, None if best is None else weights)
    if failure is not None:
        trainer.tell("unsaved", failure)


def rebuilt_from(trainer: "Trainer") -> dict[str, Any]:
    """What rebuilds the detector: its settings, the classes, and (height, width) of its pictures."""
    describe, data = getattr(trainer.model, "settings", None), trainer.passes.data
    size = getattr(data, "image_size", None) or (
        trainer.batch.images.shape[-2:] if trainer.batch is not None else (0, 0)
    )
    return {
        "model": None if describe is None else describe(),
        "classes": list(getattr(data, "classes", [])),
        "image_size": [int(side) for side in size],
    }


def makeup(trainer: "Trainer") -> dict[str, Any]:
    """What two trainers must have in common for one to be the other's twin."""
    control = trainer.control.state_dict()
    return {
        "optimizer": name_of(trainer.optimizer),
        "lr": control["base"],
        "schedule": control["schedule"],
        "weights": control["weights"],
        "batches": len(trainer.passes.data),
        "parameters": sum(one.numel() for one in trainer.model.parameters()),
    }


def settings(trainer: "Trainer") -> dict[str, Any]:
    """Of the start record: what was asked for, and what it came down to."""
    return {
        **makeup(trainer),
        "epochs": (trainer.last_step or 0) // len(trainer.passes.data),
        "device": str(trainer.device),
        "threads": trainer.threads,
        **{key: value for key, value in trainer.settings.items() if value is not None},
    }
