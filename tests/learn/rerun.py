"""A run once more from its log: the same settings at the same steps, and so on the same processor the same weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teachkit.errors import UserError
from teachkit.learn.guard import LOSSES
from teachkit.learn.log import Record

if TYPE_CHECKING:
    from teachkit.learn.trainer import Trainer


def rerun(trainer: "Trainer", records: Sequence[Record]) -> int | None:
    """Trains a fresh trainer, made as the run's was, with the changes that its log tells of.

    records: what the run's trainer handed out, or `read_log`; where the run went back in time, what it went back over
    is left out. → the first step whose losses are not the log's to the last bit, None if all are. UserError if the log
    is of another start, or does not hold all that the run depended on.
    """
    line = straightened(records)
    if trainer.step_number:
        raise UserError(f"this trainer has done {trainer.step_number} steps already: hand over a fresh one")
    _check_start(trainer, line)
    first_difference = None
    for record in line:
        if record["kind"] == "event":
            _apply(trainer, record)
        elif record["kind"] == "step":
            if record["step"] != trainer.step_number:
                raise UserError(f"step {trainer.step_number} is missing in this log: it cannot be run again")
            made = trainer.step()
            if first_difference is None and any(
                made[name] != record[name] for name in LOSSES if _defined(record, name)
            ):
                first_difference = record["step"]
    return first_difference


def straightened(records: Sequence[Record]) -> list[Record]:
    """The records of the line that was followed to the end: after a step back in time, only what came before it."""
    line: list[Record] = []
    upcoming = 0
    for record in records:
        step = record.get("step")
        if step is not None and step < upcoming and record["kind"] in ("step", "event"):
            line = [one for one in line if one.get("step", -1) < step]
            upcoming = step
        if record["kind"] == "step":
            upcoming = record["step"] + 1
        line.append(record)
    return line


def _defined(record: Record, name: str) -> bool:
    """A log writes null for NaN, which equals nothing."""
    value = record.get(name)
    return value is not None and value == value


def _check_start(trainer: "Trainer", line: Sequence[Record]) -> None:
    """The plan of the run, and with it the schedule, is in the start record; without one it is the trainer's own."""
    starts = [record for record in line if record["kind"] == "start"]
    ends = [place for place, record in enumerate(line) if record["kind"] == "end" and record["reason"] == "epochs"]
    if ends and any(record["kind"] == "step" for record in line[ends[0] :]):
        raise UserError("this log holds more than one `fit`: run each of them again by itself")
    if not starts:
        return
    then: dict[str, Any] = starts[0]["settings"]
    now = trainer.run_signature().items()
    different = [f"{name} {then[name]}, not {value}" for name, value in now if then.get(name, value) != value]
    if different:
        raise UserError(f"the run began with {'; '.join(different)}: make the trainer as it was then")
    trainer.progress.last_step = then["epochs"] * len(trainer.cursor.data)


def _apply(trainer: "Trainer", event: Record) -> None:
    """What came into force at the step to come."""
    match event["what"]:
        case "lr" if "base" in event:
            trainer.control.set(lr=event["base"], schedule=event["schedule"])
        case "lr":
            if event["schedule"] != "constant":
                raise UserError(f"step {event['step']}: this log is too old to tell what the schedule's height was")
            trainer.control.set(lr=event["lr"])
        case "weights":
            trainer.control.set(**event["weights"])
        case "optimizer":
            trainer.change_optimizer(event["optimizer"], event.get("lr"))
        case "out_of_memory":
            trainer.train_step.accumulation_steps = event["parts"]
