"""The learning-rate range test: on a copy of the training, the rate grows at each step until the losses blow up.

Smith 2017, arXiv 1506.01186, section 3.3. There the rate grows linearly and accuracy is plotted. Here the rate grows by
a constant factor, and each of the three losses has a curve.
"""

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from teachkit.errors import UserError
from teachkit.learn.control import LARGEST_RATE
from teachkit.learn.optimizer import set_rate
from teachkit.learn.resources import use_threads
from teachkit.learn.state import random_state, set_random_state
from teachkit.learn.trainer import Trainer
from teachkit.structures import LOSS_NAMES, Batch

REACH, LEAST = 4, 1e-9  # points to each side over which a curve is smoothed; least loss that has a logarithm
BLOWN_UP = 20.0  # times the first class loss: the test ends
DEAD = 0.01  # of the first box loss: a detector that answers nothing is asked for nothing, and loses nothing
SAFETY = 10.0  # the suggested rate is this factor below the harmful one: a run has more steps than a test


@dataclass(frozen=True)
class RangePoint:
    """The three unweighted losses before the step that uses lr."""

    lr: float
    box: float
    cls: float
    dfl: float


def range_points(trainer: Trainer, low: float, high: float, steps: int = 100) -> Iterator[RangePoint]:
    """Trains a copy of model and optimizer, with the next batches, at rates from low to high.

    It ends where the class loss blows up, or where the detector answers nothing any more.

    The trainer is left unchanged, bit for bit: weights, gradients, averages, optimizer, place in the data, random
    numbers. It must not be trained at the same time. UserError if rates or steps are out of range.
    """
    if not 0 < low < high <= LARGEST_RATE:
        raise UserError(f"a range test goes from a small rate to a larger one, at most {LARGEST_RATE:g}")
    if type(steps) is not int or not 10 <= steps <= 2000:
        raise UserError(f"a range test has 10 to 2000 steps, not {steps!r}")
    # copied together, so that the copied optimizer holds the parameters of the copied model
    model, optimizer, criterion = copy.deepcopy((trainer.model, trainer.optimizer, trainer.criterion))
    model.train()
    batches, first = _next_batches(trainer, steps), RangePoint(low, 0.0, math.inf, 0.0)
    own_random = random_state(trainer.device)
    for at in range(steps):
        lr = low * (high / low) ** (at / (steps - 1))
        set_rate(optimizer, lr, trainer.train_step.base_rates)
        use_threads(trainer.machine.threads)
        theirs = random_state(trainer.device)  # other code may draw numbers between two points
        set_random_state(own_random, trainer.device)
        try:
            losses = criterion(model(batches[at].images), batches[at].ground_truth)
            optimizer.zero_grad()
            losses.backward()
            optimizer.step()
        finally:
            own_random = random_state(trainer.device)
            set_random_state(theirs, trainer.device)
        point = RangePoint(lr, **{name: float(getattr(losses, name).detach()) for name in LOSS_NAMES})
        if not all(math.isfinite(getattr(point, name)) for name in LOSS_NAMES):
            return
        if point.box < DEAD * first.box and batches[at].ground_truth.mask.any():
            return
        yield point
        first = point if at == 0 else first
        if point.cls > BLOWN_UP * first.cls:
            return


def _next_batches(trainer: Trainer, count: int) -> list[Batch]:
    """The batches that the trainer would get next; its own place in the data does not change."""
    data: Any = trainer.cursor.data
    if hasattr(data, "batch"):  # a Loader: it can make any batch
        first = trainer.cursor.epoch * len(data) + trainer.cursor.batch_index
        return [data.batch(*divmod(first + at, len(data))) for at in range(count)]
    random, own = torch.get_rng_state(), getattr(data, "generator", None)
    own_state = own.get_state() if own is not None else None
    try:
        passes = itertools.chain.from_iterable(itertools.repeat(data))
        return list(itertools.islice(passes, count))
    finally:
        torch.set_rng_state(random)
        if own is not None:
            own.set_state(own_state)


@dataclass(frozen=True)
class RangeTest:
    """The points of a range test, in order of the rate."""

    points: list[RangePoint]

    def curve(self, loss: str) -> list[float]:
        """One loss, smoothed: the geometric mean of nine points, since batches differ."""
        logs = [math.log(max(getattr(point, loss), LEAST)) for point in self.points]
        around = [logs[max(0, at - REACH) : at + REACH + 1] for at in range(len(logs))]
        return [math.exp(sum(some) / len(some)) for some in around]

    def turn(self, loss: str) -> float | None:
        """The rate at which a loss is lowest and begins to rise; None if it still falls at the end."""
        values = self.curve(loss)
        lowest = min(range(len(values)), key=values.__getitem__, default=0)
        return self.points[lowest].lr if REACH < lowest < len(values) - 1 - REACH else None

    @property
    def largest(self) -> float | None:
        """The smallest rate at which one of the losses begins to rise; None if none does."""
        rates = [rate for rate in map(self.turn, LOSS_NAMES) if rate is not None]
        return min(rates) if rates else None

    @property
    def suggested(self) -> float | None:
        """A tenth of `largest`: a rule of thumb, to be tried out."""
        return None if self.largest is None else self.largest / SAFETY
