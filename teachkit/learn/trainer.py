"""The loop: feed, punish, learn; and around it what makes a training one to watch, to steer and to go on with."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from teachkit.errors import UserError
from teachkit.learn import loop
from teachkit.learn import state as run_state
from teachkit.learn.control import Control, check_number
from teachkit.learn.data_cursor import Passes
from teachkit.learn.determinism import only_deterministic
from teachkit.learn.ema import AveragedWeights
from teachkit.learn.goal import Goal
from teachkit.learn.guard import LOSSES, clip_and_check
from teachkit.learn.interrupts import HeldInterrupt
from teachkit.learn.microbatch import Gathered, split
from teachkit.learn.optimizer import make_optimizer, parameters_of, rates
from teachkit.learn.ranks import refuse_ranks
from teachkit.learn.records import Record, Recorder
from teachkit.learn.recovery import learn_from
from teachkit.learn.saving import Saver
from teachkit.learn.steering import observe, take_control
from teachkit.learn.threads import OneAtATime, choose_threads, use_threads
from teachkit.learn.trend import Trend
from teachkit.structures import Batch, Losses


class Trainer:
    """Trains a model on batches; every step is a record for `on_record`.

    training_data, validation_data: iterables of Batch with len; optimizer: "adamw" (None), "sgd" or one of torch.optim;
    lr, weight_decay: of an optimizer by name; schedule: a name of SCHEDULES, for `epochs` passes or as many as `fit` is
    asked for; warmup: steps; ema: decay of the averaged weights; clip: largest norm of the gradient; until: a metric
    and the score at which to stop; early_stop: epochs without a better one; save_dir: where the states go; settings:
    plain values kept with them; max_skips: steps in a row without a finite gradient before the run counts as diverged;
    threads: None chooses; strict_determinism: see `only_deterministic`. UserError where these do not fit together.
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
    ) -> None:
        refuse_ranks()
        if isinstance(optimizer, Optimizer) and (lr, weight_decay) != (None, None):
            raise UserError("lr and weight_decay are set in the optimizer that is handed over, not here")
        self.model, self.criterion, self.validation_data = model, criterion, validation_data
        self.passes = Passes(training_data)
        self.optimizer = (
            optimizer
            if isinstance(optimizer, Optimizer)
            else make_optimizer(optimizer or "adamw", model, lr, weight_decay)
        )
        self.base_rates = rates(self.optimizer)
        self.averaged = AveragedWeights(model, check_number("ema", ema, 1.0))
        self.buffers = list(model.buffers())
        self.control = Control(self.base_rates[0], schedule, getattr(criterion, "weights", None))
        self.trend, self.goal, self.recorder = Trend(), Goal(until, early_stop), Recorder(on_record)
        self.warmup, self.max_skips, self.strict_determinism = warmup, max_skips, strict_determinism
        self.clip = check_number("clip", math.inf if clip is None else clip, math.inf)
        self.settings = settings or {}
        self.saver = None if save_dir is None else Saver(Path(save_dir))
        self.threads, self.threads_given = threads or choose_threads(), threads is not None

        self.step_number = self.first_step = 0  # of the step to come; where the schedule begins
        self.last_step = None if epochs is None else epochs * len(training_data)  # the one after the last
        self.closed_epochs = 0  # validated and saved
        self.parts, self.skips, self.clipped, self.train_seconds = 1, 0, 0, 0.0
        self.diverged: str | None = None  # why, in a sentence
        self.started = self.fitting = False
        self.alone = OneAtATime()
        self.batch: Batch | None = None
        self.losses: Losses | None = None
        self.values: dict[str, float] = {}
        self.rate = self.control.take()  # in force at the last step, as are the weights
        self.weights: dict[str, float] | None = self.control.weights.as_dict() or None
        use_threads(self.threads)

    # what is often asked for

    @property
    def ema(self) -> nn.Module:
        """The averaged model, in eval mode."""
        return self.averaged.module

    @property
    def epoch(self) -> int:
        """Of the batch to come."""
        return self.passes.epoch

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def on_record(self) -> Callable[[Record], None] | None:
        return self.recorder.on_record

    @on_record.setter
    def on_record(self, listener: Callable[[Record], None] | None) -> None:
        self.recorder.on_record = listener

    # one step

    def _feed_punish_learn(self, batch: Batch) -> None:
        # Feed
        predictions = self.model(batch.images)

        # Punish
        self.losses = self.criterion(predictions, batch.ground_truth)

        # Learn
        self.optimizer.zero_grad()
        self.losses.backward()
        self.optimizer.step()

    def _feed_punish_learn_in_parts(self, batch: Batch) -> None:
        """The same where a batch does not fit: the slope of each part counts by its share of the images."""
        gathered = Gathered()
        self.optimizer.zero_grad()
        for share, part in split(batch, self.parts):
            losses = self.criterion(self.model(part.images), part.ground_truth)
            (share * losses.total).backward()
            gathered.add(share, losses)
        self.losses = gathered.losses
        self.optimizer.step()

    def update(self, batch: Batch) -> None:
        """Changes the weights, or raises before it has: NotFiniteError where the gradient is no number."""
        guard = self.optimizer.register_step_pre_hook(self._before_step)
        try:
            if self.parts == 1:
                self._feed_punish_learn(batch)
            else:
                self._feed_punish_learn_in_parts(batch)
        finally:
            guard.remove()
        self.averaged.update_parameters(self.model)

    def _before_step(self, optimizer: Optimizer, *_: Any) -> None:
        """Called by torch between backward and step."""
        assert self.losses is not None
        assert self.batch is not None
        counts = {"objects": self.batch.ground_truth.mask.sum()}
        if self.losses.clipped is not None:
            counts["clipped"] = self.losses.clipped
        self.values = clip_and_check(self.losses, parameters_of(optimizer), self.clip, counts)

    def step(self) -> Record:
        """Learns from the next batch → the step's record. Ctrl-C waits until the step is done."""
        with self.alone, nullcontext() if self.fitting else HeldInterrupt() as held:
            record = self._step()
        if held is not None and held.received:
            raise KeyboardInterrupt
        return record

    def _step(self) -> Record:
        use_threads(self.threads)  # torch counts them for each thread apart
        began, step, epoch = time.perf_counter(), self.step_number, self.epoch
        settling = take_control(self)
        self.batch = next(self.passes)
        try:
            if not self.model.training:
                self.model.train()
            with only_deterministic(self.strict_determinism):
                updated = learn_from(self, self.batch)
            observe(self, updated, settling)
        finally:
            self.losses, self.step_number = None, step + 1
            self.train_seconds += time.perf_counter() - began
        return self.recorder.emit(
            "step",
            step=step,
            epoch=epoch,
            lr=self.optimizer.param_groups[0]["lr"],
            **{name: self.values[name] for name in LOSSES},
            weights=dict(self.weights or {}),
            grad_norm=self.values["grad_norm"],
        )

    def tell(self, what: str, message: str, **details: Any) -> None:
        """An event at the step at hand."""
        self.recorder.event(self.step_number, what, message, **details)

    def call_diverged(self, message: str, **details: Any) -> None:
        """`fit` will end; what is saved is from before."""
        self.diverged = message
        self.tell("diverged", message, **details)

    # many steps

    def fit(self, epochs: int | None = None, *, total_epochs: int | None = None) -> Record:
        """Trains → the end record, whose reason is "until", "epochs", "early_stop", "interrupted" or "diverged".

        epochs: so many more passes; without it, what is left of the run, or with total_epochs up to its so manieth.
        Ctrl-C and control.stop() end it after the step at hand, saved and ready to go on; a second Ctrl-C breaks off.
        """
        with self.alone:
            return loop.fit(self, epochs, total_epochs)

    def validate(self) -> dict[str, float]:
        """map50, map, map75 and the losses val_box, val_cls, val_dfl, val_total of the averaged weights."""
        if self.validation_data is None:
            raise UserError("there is no validation data: hand it to the Trainer")
        return loop.validate(self) or {}

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that the run consists of, tensors and plain values."""
        with self.alone:
            return run_state.capture(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from there, bit for bit on the same machine; a warning names what differs. UserError if it cannot."""
        with self.alone, HeldInterrupt() as held:
            run_state.restore(self, state)
        if held.received:
            raise KeyboardInterrupt

    def change_optimizer(self, name: str, lr: float | None = None) -> None:
        """A fresh optimizer for the same weights, from the next step on, at its usual rate if none is given."""
        self.optimizer = make_optimizer(name, self.model, lr)
        self.base_rates = rates(self.optimizer)
        self.control.set(lr=self.base_rates[0], schedule=self.control.schedule)
        self.tell("optimizer", f"from here on the optimizer is {name}", optimizer=name, lr=self.base_rates[0])
