"""Between the levers and the step: what is in force is set and recorded at exactly the step that first uses it."""

from typing import TYPE_CHECKING

from teachkit.learn.optimizer import set_rate
from teachkit.learn.schedule import SCHEDULES, usual_warmup

if TYPE_CHECKING:
    from teachkit.learn.trainer import Trainer

LOW_END = 0.1  # of the base rate


def take_control(trainer: "Trainer") -> bool:
    """Sets the learning rate of the step to come → whether its schedule is at its low end."""
    rate, past = trainer.control.take(), trainer.step_number - trainer.first_step
    total = None if trainer.last_step is None else trainer.last_step - trainer.first_step
    warmup = usual_warmup(total) if trainer.warmup is None else trainer.warmup
    factor = SCHEDULES[rate.schedule](past, total, warmup)
    lr = rate.base * factor if rate.lr is None else rate.lr
    set_rate(trainer.optimizer, lr, trainer.base_rates)
    if rate != trainer.rate:
        fixed = rate.lr is not None
        how = f"is {lr:g}" if fixed else f"follows the schedule {rate.schedule} from {rate.base:g}"
        schedule = "constant" if fixed else rate.schedule
        base = {} if fixed else {"base": rate.base}
        trainer.tell("lr", f"from here on the learning rate {how}", lr=lr, schedule=schedule, **base)
        trainer.trend.expect_change()
        trainer.rate = rate
    return rate.lr is None and total is not None and past > total / 2 and factor < LOW_END


def observe(trainer: "Trainer", updated: bool, settling: bool) -> None:
    """Names a weight that was moved, here or on the criterion itself, and what the losses do."""
    assert trainer.losses is not None
    weights, before = trainer.losses.weights.as_dict(), trainer.weights
    trainer.weights = weights
    if before is not None and weights != before:
        moved = ", ".join(f"{name} {value:g}" for name, value in weights.items() if value != before[name])
        trainer.tell("weights", f"from here on the loss weights are: {moved}", weights=weights, before=before)
        trainer.trend.expect_change()
    if not updated:
        return
    values = trainer.values
    trainer.clipped += int(values.get("clipped", 0))
    for finding in trainer.trend.update(trainer.step_number, values, weights, values["objects"] > 0, settling):
        details = {"losses": finding.losses, "ratio": finding.ratio}
        if finding.what == "diverged":
            trainer.call_diverged(finding.message, **details)
        else:
            trainer.tell(finding.what, finding.message, **details)
