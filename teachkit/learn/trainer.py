"""The training: wires its parts together, goes from epoch to epoch and emits what happens."""

import math
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from teachkit.errors import LARGEST_WHOLE, UserError, as_path, whole
from teachkit.learn.checkpoint import plain
from teachkit.learn.control import Asked, Control
from teachkit.learn.data_cursor import DataCursor, ValidationData, check_data
from teachkit.learn.graphed import UNREAD, GraphedStep, Pending, refuse_graph
from teachkit.learn.guard import LOSSES, NotFiniteError
from teachkit.learn.interrupts import HeldInterrupt, OneAtATime
from teachkit.learn.log import LARGEST_PLACE, Event, Record
from teachkit.learn.optimizer import make_optimizer, name_of, rates
from teachkit.learn.progress import METRICS, Goal, Progress
from teachkit.learn.ranks import LostRankError, Ranks
from teachkit.learn.resources import process_seconds, usage, use_threads
from teachkit.learn.saving import Checkpointer
from teachkit.learn.schedule import SCHEDULES, usual_warmup
from teachkit.learn.state import MOST_THREADS, Machine, Part, capture, restore
from teachkit.learn.train_step import StepResult, TrainStep, check_criterion
from teachkit.learn.trend import Trend
from teachkit.learn.validation import evaluate
from teachkit.structures import Losses

# events of which a warning tells where nobody records
GRAVE = ("skipped", "diverged", "out_of_memory", "unsaved", "boxes", "pictures", "validation", "lost_rank")
PAUSE_TOLD = 10.0  # seconds: a rank that waits longer for another than torch allows is given up


class Trainer:
    """Trains a model on batches. `on_record` gets a record of every step, epoch and event.

    training_data, validation_data: iterables of Batch with len; optimizer: "adamw" (None), "sgd" or one of torch.optim;
    lr, weight_decay: of an optimizer by name; schedule: a name of SCHEDULES, for `epochs` epochs or as many as `fit` is
    asked for; warmup: steps; ema: decay of the averaged weights; clip: largest norm of the gradient; until: a metric
    and the score at which to stop; early_stop: epochs without a better one; save_dir: where the states go; settings:
    plain values kept with them; max_skips: steps in a row without a finite gradient before the run counts as diverged;
    threads: None chooses; strict_determinism: see `only_deterministic`; graphed: the step as a CUDA graph, see there,
    whose records come some steps later. UserError where these do not fit together.

    Started by torchrun, each process makes the same Trainer, and each step takes its share of the batch in each of
    them; rank 0 alone emits, saves, and is controlled. sync_batch_norm: normalise by the statistics of the whole batch.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Callable[..., Losses],
        training_data: Any,
        validation_data: Any = None,
        optimizer: Optimizer | str | None = None,
        on_record: Callable[[Record], None] | None = None,
        *,
        lr: float | None = None,
        weight_decay: float | None = None,
        schedule: str = "cosine",
        warmup: int | None = None,
        epochs: int | None = None,
        ema: float = 0.995,
        clip: float | None = 10.0,
        until: tuple[str, float] | None = None,
        early_stop: int | None = None,
        save_dir: str | Path | None = None,
        settings: dict[str, Any] | None = None,
        max_skips: int = 5,
        threads: int | None = None,
        strict_determinism: bool = False,
        sync_batch_norm: bool = True,
        graphed: bool = False,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise UserError(f"the model must be a torch.nn.Module such as a Detector, not {model!r:.60}")
        ranks = self.ranks = Ranks()
        if not isinstance(optimizer, Optimizer):
            optimizer = make_optimizer(optimizer or "adamw", model, lr, weight_decay)
        elif (lr, weight_decay) != (None, None):
            raise UserError("lr and weight_decay are set in the optimizer that is handed over, not here")
        self.cursor = DataCursor(training_data, ranks)
        if validation_data is not None:
            check_data("the validation data", validation_data)
        max_skips = whole("max_skips", max_skips, 1)
        epochs, warmup, threads = (
            None if value is None else whole(name, value, least, most)
            for name, value, least, most in (
                ("epochs", epochs, 0, LARGEST_PLACE // len(training_data)),
                ("warmup", warmup, 0, LARGEST_WHOLE),
                ("threads", threads, 1, MOST_THREADS),
            )
        )
        if not isinstance(settings, dict | None):
            raise UserError(f"settings must be a dict, not {settings!r:.60}")
        if on_record is not None and not callable(on_record):
            raise UserError(f"on_record must be a function that takes a record, not {on_record!r:.60}")
        settings = plain(settings or {}, "settings")
        ranks.compare(
            {
                "optimizer and its rates": f"{name_of(optimizer)} {rates(optimizer)}",
                "number of batches": len(training_data),
            }
            | {"training pictures, labels or batch size": self.cursor.state_dict()["pictures"]}
            | {
                "model": [list(one.shape) for one in model.parameters()],
                "settings": [settings, schedule, warmup, epochs],
            }
        )
        if graphed:
            refuse_graph(model, optimizer, ranks.count > 1, strict_determinism)
        self.train_step = (GraphedStep if graphed else TrainStep)(
            model,
            criterion,
            optimizer,
            ema=ema,
            clip=clip,
            max_skips=max_skips,
            strict_determinism=strict_determinism,
            ranks=ranks,
            sync_batch_norm=sync_batch_norm,
        )
        self.control = Control(self.train_step.base_rates[0], schedule, self.train_step.loss_weights)
        self.train_step.rate = self.control.take()
        self.progress = Progress(last_step=None if epochs is None else epochs * len(training_data))
        self.trend, self.goal, self.machine = Trend(), Goal(until, early_stop), Machine(model, threads, ranks.count)
        self.validation_data, self.warmup, self.settings = validation_data, warmup, settings
        folder = None if save_dir is None or not ranks.first else as_path("save_dir", save_dir)
        self.checkpointer = None if folder is None else Checkpointer(folder, self.settings)
        self._told: set[str] = set()  # of the validation data
        self._walked = 0  # batches of the validation data, the last time
        # of what the weights lie in: a second trainer may have them within another module
        holders = (part for part in model.modules() if next(part.parameters(recurse=False), None) is not None)
        self.on_record, self.alone = on_record, OneAtATime.of(next(holders, model))
        self._unread: list[tuple[Pending, dict[str, Any], bool]] = []  # steps whose numbers are still on the device
        use_threads(self.machine.threads)

    # what is often asked for

    @property
    def model(self) -> nn.Module:
        return self.train_step.module

    @property
    def ema(self) -> nn.Module:
        """The averaged model, in eval mode."""
        return self.train_step.averaged.module

    @property
    def criterion(self) -> Callable[..., Losses]:
        return self.train_step.criterion

    @criterion.setter
    def criterion(self, criterion: Callable[..., Losses]) -> None:
        self.train_step.criterion = check_criterion(criterion)

    @property
    def optimizer(self) -> Optimizer:
        return self.train_step.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        self.train_step.use_optimizer(optimizer)

    @property
    def device(self) -> torch.device:
        return self.machine.device

    @property
    def step_number(self) -> int:
        """Of the step to come."""
        return self.progress.step

    @property
    def epoch(self) -> int:
        """Of the batch to come."""
        return self.cursor.epoch

    @property
    def diverged(self) -> str | None:
        """Why the run has diverged, in a sentence, or None."""
        return self.progress.diverged

    # one step

    def step(self) -> Record:
        """Learns from the next batch → the step's record. Ctrl-C waits until the step is done."""
        with self.alone, HeldInterrupt() as held:
            record = self._step(self._agree())
            record = self._read() or record
        if held.received:
            raise KeyboardInterrupt
        return record

    def _agree(self) -> Asked:
        """What the next step is asked for. Of several ranks each does what rank 0 is asked for."""
        asked = self.ranks.agreed(self.control.asked())
        if not self.ranks.first:
            self.control.follow(asked)
        return asked

    def _step(self, asked: Asked) -> Record:
        use_threads(self.machine.threads)  # torch counts them for each thread apart
        began, step, epoch, place = time.perf_counter(), self.step_number, self.epoch, self.cursor.place
        settling = self._apply_controls(asked)
        batch = next(self.cursor)
        try:
            with self.ranks.sharing(self.criterion):
                result = self.train_step.run(batch)
            if isinstance(result, StepResult):
                self._take(result, self.train_step.weights or {}, settling, step)
        except LostRankError:  # nothing was learned: the step is still to come
            self.cursor.go_back(place)
            step -= 1
            raise
        finally:
            self.progress.step, self.progress.reached = step + 1, None
            self.progress.train_seconds += time.perf_counter() - began
        weights = dict(self.train_step.weights or {})
        known = {"step": step, "epoch": epoch, "lr": self.optimizer.param_groups[0]["lr"], "weights": weights}
        if isinstance(result, StepResult):
            return self._emit_step(result, **known)
        self._unread.append((result, known, settling))
        return self._read() if len(self._unread) == UNREAD else {}

    def _read(self) -> Record:
        """Tells of the steps of which only the device knows → the last one's record; empty if there is none."""
        unread, self._unread = self._unread, []
        record: Record = {}
        for pending, known, settling in unread:
            result = pending.read()
            self._take(result, known["weights"], settling, known["step"])
            record = self._emit_step(result, **known)
        return record

    def _take(self, result: StepResult, weights: dict[str, float], settling: bool, step: int) -> None:
        self._record(result.events, step)
        if result.updated:  # what stands out in the losses: spikes, plateaus, divergence
            self.progress.clipped += int(result.values.get("clipped", 0))
            objects = result.values["objects"] > 0
            self._record(self.trend.update(step, result.values, weights, objects, settling), step)

    def _emit_step(self, result: StepResult, step: int, epoch: int, lr: float, weights: dict[str, float]) -> Record:
        losses = {name: result.values[name] for name in LOSSES}
        norm = result.values["grad_norm"]
        return self._emit("step", step=step, epoch=epoch, lr=lr, **losses, weights=weights, grad_norm=norm)

    def _apply_controls(self, asked: Asked) -> bool:
        """Puts into force what was asked for → whether the schedule is at its low end."""
        rate = self.control.take(asked)
        past, total = self.progress.scheduled
        factor = SCHEDULES[rate.schedule](past, total, usual_warmup(total) if self.warmup is None else self.warmup)
        self._record(self.train_step.use_rate(rate, factor), self.step_number)
        return rate.lr is None and self.progress.is_settling(factor)

    def _record(self, events: list[Event], step: int) -> None:
        """Emits events that a part has returned, and passes them on to the parts that they concern."""
        if events:  # what is older comes first
            self._read()
        for event in events:
            if event.what in ("lr", "weights"):
                self.trend.expect_change()
            elif event.what == "diverged":
                self.progress.diverged = event.message
            self._emit("event", step=step, what=event.what, **event.details, message=event.message)
            if self.on_record is None and event.what in GRAVE and self.ranks.first:
                warnings.warn(event.message, stacklevel=2)

    def _emit(self, kind: str, **values: Any) -> Record:
        """Gives `on_record` a record, with the seconds since the process began."""
        record = {"kind": kind, **values, "seconds": round(process_seconds(), 3)}
        if self.on_record is not None and self.ranks.first:
            self.on_record(record)
        return record

    def record_event(self, what: str, message: str, **details: Any) -> None:
        """Emits an event at the next step. what: a word for programs; message: a sentence for people."""
        self._record([Event(what, message, details)], self.step_number)

    # many steps

    def fit(self, epochs: int | None = None, *, total_epochs: int | None = None) -> Record:
        """Trains → the end record, whose reason is "until", "epochs", "early_stop", "interrupted" or "diverged".

        epochs: train for so many more; total_epochs: train until the run has so many in all; without either, train to
        the end that was planned before. Ctrl-C and control.stop() end it after the current step, saved and ready to
        continue; a second Ctrl-C interrupts at once.
        """
        with self.alone, self._folder_at_work():
            self.progress.plan(epochs, total_epochs, self.epoch, len(self.cursor.data))
            self.progress.diverged, self.train_step.skips = None, 0
            if not self.progress.started:
                self.progress.started = True
                self._emit("start", settings=self._start_settings())
            try:
                with HeldInterrupt(self.control.stop):
                    try:
                        reason = self._train()
                    except LostRankError as error:
                        reason = "interrupted"
                        self.record_event("lost_rank", f"{error}: nothing of step {self.step_number} was learned")
                    if reason == "interrupted":
                        self._save()
                    return self.end(reason)
            finally:
                self.control.forget_stop()

    def end(self, reason: str) -> Record:
        """The record that closes a run. Needed by itself where a run was killed after its last state was saved."""
        self._read()
        return self._emit("end", reason=reason)

    def _folder_at_work(self) -> AbstractContextManager[None]:
        return nullcontext() if self.checkpointer is None else self.checkpointer.lock.at_work()

    def _train(self) -> str:
        """Trains, closes epochs and waits in pauses until there is a reason to stop → the reason."""
        while self.progress.diverged is None:
            if self.progress.closed_epochs < self.epoch:
                self._read()
            if self.progress.closed_epochs < self.epoch and (reason := self._close_epoch()) is not None:
                return reason
            asked = self._agree()
            if asked.paused and not asked.stopped:
                self.record_event("paused", "paused")
                asked = self._wait_while_paused()
                self.record_event("continued", "continued")
            done = self.progress.is_over and self.progress.closed_epochs == self.epoch
            if asked.stopped and not done:
                return "interrupted"
            if self.progress.is_over:
                return "epochs"
            self._step(asked)
        return "diverged"

    def _wait_while_paused(self) -> Asked:
        """Of several ranks only rank 0 knows when the pause ends, and tells the others from time to time."""
        while True:
            if self.ranks.first:
                self.control.wait_while_paused(PAUSE_TOLD)
            asked = self._agree()
            if asked.stopped or not asked.paused:
                return asked

    def _close_epoch(self) -> str | None:
        """Validates, records and saves the epoch that has ended → "until", "early_stop" or "diverged", else None.

        If the run is stopped during the validation the epoch stays open, and is closed when the run continues.
        """
        scores: dict[str, Any] = dict.fromkeys(METRICS, math.nan)
        if self.validation_data is not None:
            try:
                measured = self.validate(lambda: self.control.stopped)
            except NotFiniteError:
                message = "diverged: the averaged detector's answers are not finite any more. Go back to before it."
                self.record_event("diverged", message)
                return "diverged"
            if not measured:
                return None
            scores |= measured
        best = self.goal.update(scores)
        self._emit(
            "epoch",
            epoch=self.progress.closed_epochs,
            **scores,
            dfl_clipped=self.progress.clipped,
            train_seconds=round(self.progress.train_seconds, 3),
            **usage(self.device),
        )
        self.progress.closed_epochs += 1
        self.progress.clipped = 0
        self.progress.reached = self.goal.reason_to_stop(scores)
        self._save(scores if best else None)
        return self.progress.reached

    def validate(self, stopped: Callable[[], bool] = lambda: False) -> dict[str, float]:
        """map50, map, map75 and the losses val_box, val_cls, val_dfl, val_total of the averaged weights.

        Empty if `stopped` came true between two batches. UserError without validation data.
        """
        if self.validation_data is None:
            raise UserError("there is no validation data: hand it to the Trainer")
        measured = evaluate(
            self.ema, self.validation_data, self.criterion, stopped, self.ranks, self._tell_once, self._compare_walk
        )
        if measured is None:
            return {}
        scores, losses = measured
        means = {f"val_{name}": loss for name, loss in losses.items()}
        return {name: getattr(scores, name) for name in METRICS} | means

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self.record_event("validation", message)

    def _compare_walk(self, batches: int) -> None:
        """Scores of other pictures are not to be compared, and nothing else would tell."""
        try:
            expected = self._walked or len(self.validation_data)
        except TypeError:  # a stream does not know
            expected = batches
        self._walked = batches
        if batches != expected:
            message = f"the validation data gave {batches} batches, not {expected}: these scores are of other pictures"
            self.record_event("validation", message, batches=batches, expected=expected)

    def change_optimizer(self, name: str, lr: float | None = None) -> None:
        """Uses a new optimizer from the next step on, at its usual rate if none is given."""
        self.optimizer = make_optimizer(name, self.model, lr)
        base = self.train_step.base_rates[0]
        self.control.set(lr=base, schedule=self.control.schedule)
        self.record_event("optimizer", f"from here on the optimizer is {name}", optimizer=name, lr=base)

    # state

    def run_signature(self) -> dict[str, Any]:
        """What two trainers must have in common to train in the same way."""
        control, parameters = self.control.state_dict(), self.model.parameters()
        return {
            "optimizer": name_of(self.optimizer),
            "lr": control["base"],
            **{name: control[name] for name in ("schedule", "weights")},
            "batches": len(self.cursor.data),
            "parameters": sum(parameter.numel() for parameter in parameters),
        }

    def _start_settings(self) -> dict[str, Any]:
        """For the start record."""
        epochs = (self.progress.last_step or 0) // len(self.cursor.data)
        found = {"epochs": epochs, "device": str(self.device), "threads": self.machine.threads}
        return self.run_signature() | found | {key: value for key, value in self.settings.items() if value is not None}

    def _save(self, best: dict[str, float] | None = None) -> None:
        """The state, and the averaged weights if their scores are the best so far."""
        if self.checkpointer is not None:
            detector = self.train_step.description() | self.cursor.description()
            self._record(self.checkpointer.save(self.state_dict(), detector, best), self.step_number)

    def _parts(self) -> dict[str, Part]:
        """By their names in a state. The step is loaded before the control, which compares its loss weights with it."""
        first: dict[str, Part] = {"cursor": self.cursor, "train_step": self.train_step, "control": self.control}
        parts = {**first, "trend": self.trend, "goal": self.goal, "progress": self.progress, "machine": self.machine}
        return {**parts, "validation": ValidationData(self.validation_data)}

    def state_dict(self) -> dict[str, Any]:
        """A copy of the run's whole state, tensors and plain values."""
        with self.alone:
            self._read()
            return capture(self._parts())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state, bit for bit on the same machine. A warning names what differs.

        UserError if the state does not fit; the trainer is then as it was.
        """
        with self.alone, HeldInterrupt() as held:
            self._read()
            restore(self._parts(), state)
            if self.checkpointer is not None:
                self.checkpointer.continues = True
        if held.received:
            raise KeyboardInterrupt
