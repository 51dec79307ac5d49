"""One training step: feed, punish, learn. A step that fails leaves the model as it was."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn
from torch.optim import Optimizer

from teachkit.errors import UserError, check_number
from teachkit.feed.detector import strange_pixels
from teachkit.learn.control import Rate
from teachkit.learn.ema import AveragedWeights
from teachkit.learn.guard import (
    NAMES_SHOWN,
    NotFiniteError,
    check_batch,
    clip_and_check,
    count_objects,
    only_deterministic,
    skipped,
    strange_boxes,
)
from teachkit.learn.log import Event
from teachkit.learn.microbatch import (
    TOO_SMALL,
    TOO_SMALL_RANK,
    Gathered,
    give_memory_back,
    halved,
    is_out_of_memory,
    split,
)
from teachkit.learn.optimizer import check_optimizer_state, make_optimizer, name_of, parameters_of, rates, set_rate
from teachkit.learn.ranks import ALONE, Ranks
from teachkit.learn.state import cloned, copy_all
from teachkit.structures import Batch, Losses, LossWeights


@dataclass(frozen=True)
class StepResult:
    """values: box, cls, dfl, total, grad_norm, objects, and clipped where the criterion counts it.

    updated: False if the step was skipped, its values then hold NaN or infinity.
    """

    values: dict[str, float]
    updated: bool
    events: list[Event] = field(default_factory=list)


def check_criterion(criterion: Callable[..., Losses]) -> Callable[..., Losses]:
    if not callable(criterion) or isinstance(criterion, type):
        raise UserError(f"the criterion must be one such as Criterion(), not {criterion!r:.60}")
    return criterion


class TrainStep:
    """Learns from one batch at a time. ema: decay of the averaged weights; clip: largest norm of the gradient.

    max_skips: steps in a row without a finite gradient before the run counts as diverged. base_rates: learning rates of
    the optimizer's groups when it was handed over; rate, weights: learning rate and loss weights of the last step;
    accumulation_steps: into how many microbatches a batch is split; skips: in a row.

    ranks: where several share a batch, `model` is what is called, and `module` the model in it; losses, gradients and
    counts are those of the whole batch. sync_batch_norm: see `Ranks.ready`.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Callable[..., Losses],
        optimizer: Optimizer,
        *,
        ema: float = 0.995,
        clip: float | None = 10.0,
        max_skips: int = 5,
        strict_determinism: bool = False,
        ranks: Ranks = ALONE,
        sync_batch_norm: bool = True,
    ) -> None:
        self.module, self.ranks = model, ranks
        self.model, self.criterion = ranks.ready(model, sync_batch_norm), check_criterion(criterion)
        self.use_optimizer(optimizer)
        self.averaged = AveragedWeights(model, check_number("ema", ema, 1.0))
        self.clip = check_number("clip", math.inf if clip is None else clip, math.inf)
        if not self.clip:
            raise UserError("clip=0 would leave nothing of the gradient: take None for no clipping")
        self.max_skips, self.strict_determinism = max_skips, strict_determinism
        self.accumulation_steps, self.skips, self.boxes_told, self.pictures_seen = 1, 0, False, False
        self.rate = Rate(self.base_rates[0], "constant")
        weights = self.loss_weights()
        self.weights = None if weights is None else weights.as_dict()
        self.losses: Losses | None = None  # of the step at hand
        self._buffers = list(model.buffers())
        self._statistics = [buffer.detach().clone() for buffer in self._buffers]  # as they were before the step
        self._image_size: tuple[int, ...] = (0, 0)

    def loss_weights(self) -> LossWeights | None:
        """The criterion's, as they are now; they are kept nowhere else. None if it has none, or other weights."""
        weights = getattr(self.criterion, "weights", None)
        return weights if isinstance(weights, LossWeights) else None

    # the loop

    def _feed_punish_learn(self, batch: Batch) -> None:
        # Feed
        predictions = self.model(batch.images)

        # Punish
        self.losses = self.criterion(predictions, batch.ground_truth)

        # Learn
        self.optimizer.zero_grad()
        self.losses.backward()
        self.optimizer.step()

    def _feed_punish_learn_in_microbatches(self, batch: Batch, count: int) -> None:
        """The same for a batch too large for the memory: gradients add up, weighted by their share of the images."""
        gathered = Gathered()
        self.optimizer.zero_grad()
        for share, microbatch in split(batch, count):
            losses = self.criterion(self.model(microbatch.images), microbatch.ground_truth)
            (share * losses.total).backward()
            gathered.add(share, losses)
        self.losses = gathered.losses
        self.optimizer.step()

    def _update(self, batch: Batch, accumulation_steps: int) -> dict[str, float]:
        """Changes the weights → the step's values. NotFiniteError before that, if one of them is not finite."""
        values: dict[str, float] = {}

        def check(optimizer: Optimizer, *_: Any) -> None:  # torch calls it between backward and step
            assert self.losses is not None
            counts = count_objects(batch)
            if self.losses.clipped is not None:
                counts["clipped"] = self.losses.clipped
            values.update(clip_and_check(self.losses, parameters_of(optimizer), self.clip, counts, self.ranks))

        hook = self.optimizer.register_step_pre_hook(check)
        try:
            if accumulation_steps == 1:
                self._feed_punish_learn(batch)
            else:
                self._feed_punish_learn_in_microbatches(batch, accumulation_steps)
        finally:
            hook.remove()
        self.averaged.update_parameters(self.module)
        return values

    # around it

    def run(self, batch: Batch) -> StepResult:
        """Updates the weights once, or skips the step if its losses or gradient are not finite.

        A batch too large for the memory is split into microbatches, twice as many until it fits. UserError if a single
        image is too large. An error in the forward or backward pass leaves the model as it was.
        """
        check_batch("the training data", batch)
        self._image_size = tuple(batch.images.shape[-2:])
        if not self.model.training:
            self.model.train()
        try:
            with only_deterministic(self.strict_determinism):
                result = self._run(batch)
            result.events.extend(self._changed_weights())
            if result.updated:
                result.events.extend(self._strange_data(batch, result.values))
            return result
        finally:
            self.losses = None  # and with it the graph

    def _run(self, batch: Batch) -> StepResult:
        events: list[Event] = []
        accumulation_steps = self.accumulation_steps
        while True:
            # the forward pass moves the running statistics of the norms, long before anything can be refused
            copy_all(self._statistics, self._buffers)
            try:
                values = self._update(batch, accumulation_steps)
                self.accumulation_steps, self.skips = accumulation_steps, 0
                return StepResult(values, True, events)
            except NotFiniteError as error:
                copy_all(self._buffers, self._statistics)
                self.accumulation_steps = accumulation_steps
                return StepResult(error.values, False, events + self._skip(batch, error))
            except Exception as error:
                copy_all(self._buffers, self._statistics)
                if not is_out_of_memory(error):
                    raise
                if self.ranks.count > 1:  # the others would wait for its share
                    raise UserError(TOO_SMALL_RANK.format(self.ranks.rank)) from None
                self.losses = None
                self.optimizer.zero_grad()
                give_memory_back(error)
            if accumulation_steps >= len(batch):
                raise UserError(TOO_SMALL)
            accumulation_steps *= 2
            events.append(halved(batch, accumulation_steps))

    def _skip(self, batch: Batch, error: NotFiniteError) -> list[Event]:
        self.optimizer.zero_grad()
        self.skips += 1
        names = [name for names in self.ranks.gathered(batch.names) for name in names]
        event = skipped(batch, names, error, getattr(self.module, "num_classes", None))
        if self.skips != self.max_skips:
            return [event]
        message = f"diverged: {self.skips} steps in a row gave no finite gradient. "
        return [event, Event("diverged", message + "Go back to before it and lower the learning rate.")]

    def _changed_weights(self) -> list[Event]:
        """An event if this step used other loss weights than the last one, however they were set."""
        assert self.losses is not None
        before, self.weights = self.weights, self.losses.weights.as_dict()
        if before is None or self.weights == before:
            return []
        moved = ", ".join(f"{name} {value:g}" for name, value in self.weights.items() if value != before[name])
        details = {"weights": dict(self.weights), "before": before}
        return [Event("weights", f"from here on the loss weights are: {moved}", details)]

    def _strange_data(self, batch: Batch, values: dict[str, float]) -> list[Event]:
        """Whether pictures, of the first step, or boxes, once in a run, are hardly meant as they stand."""
        events, names = [], ", ".join(batch.names[:NAMES_SHOWN])
        if not self.pictures_seen and len(batch):
            self.pictures_seen = True
            if (reason := strange_pixels(batch.images)) is not None:
                events.append(Event("pictures", f"{reason} ({names})", {"names": list(batch.names)}))
        if not self.boxes_told and (reason := strange_boxes(batch, values)) is not None:
            self.boxes_told = True
            message = f"nothing can be learned from such boxes: {reason} ({names})"
            events.append(Event("boxes", message, {"names": list(batch.names)}))
        return events

    # learning rate and optimizer

    def use_rate(self, rate: Rate, factor: float) -> list[Event]:
        """Sets the learning rate of the next step → an event if another rate was asked for. factor: of the schedule."""
        lr = rate.base * factor if rate.lr is None else rate.lr
        set_rate(self.optimizer, lr, self.base_rates)
        before, self.rate = self.rate, rate
        if rate == before:
            return []
        fixed = rate.lr is not None
        how = f"is {lr:g}" if fixed else f"follows the schedule {rate.schedule} from {rate.base:g}"
        details = {"schedule": "constant"} if fixed else {"schedule": rate.schedule, "base": rate.base}
        return [Event("lr", f"from here on the learning rate {how}", {"lr": lr, **details})]

    def use_optimizer(self, optimizer: Optimizer) -> None:
        """Uses it from the next step on. Its learning rates become the base rates.

        UserError if it is of another model.
        """
        known = {
            id(one)
            for part in (self.module, self.criterion)
            if isinstance(part, nn.Module)
            for one in part.parameters()
        }
        strange = [one for one in parameters_of(optimizer) if id(one) not in known]
        if strange:
            raise UserError(
                f"this optimizer is of another model, with {len(strange)} parameters that this one has not: "
                "make it of model.parameters()"
            )
        self.optimizer, self.base_rates = optimizer, rates(optimizer)
        self._handed_over = optimizer

    # state

    def description(self) -> dict[str, Any]:
        """model: settings that rebuild it, None if it has none; image_size: (height, width) of the last batch, px."""
        settings = getattr(self.module, "settings", None)
        return {"model": None if settings is None else settings(), "image_size": list(self._image_size)}

    def state_dict(self) -> dict[str, Any]:
        """A copy that no later step changes; tensors and plain values only."""
        return {
            "model": cloned(dict(self.module.state_dict())),
            "ema": {
                "model": cloned(dict(self.averaged.module.state_dict())),
                "count": int(self.averaged.n_averaged),
            },
            "optimizer": {
                "name": name_of(self.optimizer),
                "base_rates": list(self.base_rates),
                "state": cloned(self.optimizer.state_dict()),
            },
            "in_force": {"rate": asdict(self.rate), "weights": cloned(self.weights)},
            "accumulation_steps": self.accumulation_steps,
            "skips": self.skips,
            "boxes_told": self.boxes_told,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Makes a new optimizer if the state is of another kind, unless the one handed over is of that kind."""
        name, own = state["optimizer"]["name"], self._handed_over
        if name != name_of(self.optimizer):
            self.optimizer = own if name == name_of(own) else make_optimizer(name, self.module)
        self.module.load_state_dict(state["model"])
        self.averaged.module.load_state_dict(state["ema"]["model"])
        check_optimizer_state(self.optimizer, state["optimizer"]["state"])
        # cloned, because the optimizer goes on with the very tensors that it is given
        self.optimizer.load_state_dict(cloned(state["optimizer"]["state"]))
        self.base_rates = list(state["optimizer"]["base_rates"])
        self.averaged.n_averaged.fill_(state["ema"]["count"])
        self.rate, self.weights = Rate(**state["in_force"]["rate"]), cloned(state["in_force"]["weights"])
        weights = self.loss_weights()
        for loss, value in (self.weights or {}).items() if weights is not None else ():
            setattr(weights, loss, value)
        self.accumulation_steps = 1 if self.ranks.count > 1 else state["accumulation_steps"]
        self.skips = state["skips"]
        self.boxes_told = state.get("boxes_told", False)  # states from before it was kept have none
