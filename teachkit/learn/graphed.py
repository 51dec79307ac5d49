"""The step as a CUDA graph: recorded once for each shape of a batch, then replayed without the host in between.

What changes from step to step, the batch, rate, loss weights and share of the average, lies in tensors on the device;
whether the step is finite is decided there; what it measured is read later. Nguyen et al. 2021, "Accelerating PyTorch
with CUDA Graphs", pytorch.org/blog.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 — the name everybody knows
from torch.optim import AdamW, Optimizer

from teachkit.errors import UserError
from teachkit.learn.guard import LOSSES, NotFiniteError
from teachkit.learn.log import Event
from teachkit.learn.optimizer import parameters_of
from teachkit.learn.train_step import StepResult, TrainStep, count_objects
from teachkit.structures import LOSS_NAMES, Batch, GroundTruth, Losses, LossWeights

WARM_UP = 3  # steps of each shape that are taken before one is recorded: torch allocates and chooses kernels in them
UNREAD = 32  # steps after which what they measured is read
OBJECTS = 8  # M is padded to a multiple of it, so that there are few shapes


def refuse_graph(model: nn.Module, optimizer: Optimizer, several: bool, strict: bool) -> None:
    """UserError where a step cannot be a CUDA graph."""
    device = next(model.parameters()).device
    reason = (
        f"the model is on {device.type}, and a CUDA graph is of a CUDA GPU"
        if device.type != "cuda"
        else "several ranks share a batch"
        if several
        else "strict determinism looks at each operation"
        if strict
        else why_not_captured(optimizer)
    )
    if reason:
        raise UserError(f"graphed=True: {reason}: leave it out")


def why_not_captured(optimizer: Optimizer) -> str:
    """Empty for an optimizer that takes its rate from the device, and skips a step by itself."""
    is_one = isinstance(optimizer, AdamW) and all(group["fused"] for group in optimizer.param_groups)
    return "" if is_one else "the optimizer is not the fused AdamW that `adamw` makes"


@dataclass
class Pending:
    """A step that has been taken, but whose numbers lie on the device. row: the values, in the order of `names`."""

    step: "GraphedStep"
    batch: Batch
    names: tuple[str, ...]
    row: Tensor
    events: list[Event] = field(default_factory=list)

    def read(self) -> StepResult:
        return self.step.result_of(self)


class GraphedStep(TrainStep):
    """A TrainStep whose `run` waits for nothing. Its result is to be read, in the order of the steps."""

    def __init__(
        self, model: nn.Module, criterion: Callable[..., Losses], optimizer: Optimizer, **settings: Any
    ) -> None:
        self._recorded: dict[tuple[int, ...], tuple[Any, Batch, tuple[str, ...], Tensor]] = {}
        self._taken: dict[tuple[int, ...], int] = {}
        super().__init__(model, criterion, optimizer, **settings)
        like = next(model.parameters()).detach().new_zeros(())
        self._rates = [like.clone() for _ in optimizer.param_groups]
        self._weights, self._updates = like.new_zeros(len(LOSS_NAMES)), like.clone()

    # what is recorded

    def _feed_punish(self, images: Tensor, truth: GroundTruth) -> Losses:
        predictions = self.model(images)
        return self.criterion(predictions, truth)

    def _total(self, losses: Losses) -> Tensor:
        return (self._weights * torch.stack([losses.box, losses.cls, losses.dfl])).sum()

    def _one(self, batch: Batch) -> tuple[tuple[str, ...], Tensor]:
        """Takes the step → names and values of what it measured. One that is not finite changes nothing."""
        before = [buffer.clone() for buffer in self._buffers]
        losses = self._feed_punish(batch.images, batch.ground_truth)
        total = self._total(losses)
        self.optimizer.zero_grad()
        total.backward()
        norm = nn.utils.clip_grad_norm_(parameters_of(self.optimizer), self.clip)
        measured = {name: getattr(losses, name) for name in LOSS_NAMES} | {"total": total, "grad_norm": norm}
        measured |= count_objects(batch)
        if losses.clipped is not None:
            measured["clipped"] = losses.clipped
        row = torch.stack([value.detach().to(norm.dtype) for value in measured.values()])
        bad = ~row.isfinite().all()
        with self._on_device(bad):
            self.optimizer.step()
        with torch.no_grad():
            for buffer, old in zip(self._buffers, before, strict=True):
                buffer.copy_(torch.where(bad, old, buffer))
            self.averaged.move(average_share(self._updates, self.averaged.decay) * ~bad)
            self._updates += ~bad
        return tuple(measured), row

    @contextmanager
    def _on_device(self, bad: Tensor) -> Iterator[None]:
        """Meanwhile the optimizer has its rates from the device, and does nothing where `bad` is true."""
        groups: Any = self.optimizer.param_groups
        plain = [(group["lr"], group["capturable"]) for group in groups]
        self.optimizer.found_inf, self.optimizer.grad_scale = bad.to(torch.float32), None  # type: ignore[attr-defined]
        for group, rate in zip(groups, self._rates, strict=True):
            group["lr"], group["capturable"] = rate, rate.is_cuda
        try:
            yield
        finally:
            del self.optimizer.found_inf, self.optimizer.grad_scale  # type: ignore[attr-defined]
            for group, (lr, capturable) in zip(groups, plain, strict=True):
                group["lr"], group["capturable"] = lr, capturable

    # around it

    def run(self, batch: Batch) -> Pending:  # type: ignore[override]
        self._image_size = tuple(batch.images.shape[-2:])
        if not self.model.training:
            self.model.train()
        events = self._fill_scalars()
        names, row = self._take(batch)
        return Pending(self, batch, names, row.clone(), events)

    def _fill_scalars(self) -> list[Event]:
        """Rates and weights of this step → an event if the weights are others than those of the last one."""
        for rate, group in zip(self._rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        weights = self.loss_weights()
        box, cls, dfl = self._weights
        self.losses = Losses(
            box, cls, dfl, LossWeights() if weights is None else weights
        )  # for its copy of the weights
        for place, value in enumerate(self.losses.weights.as_dict().values()):
            self._weights[place].fill_(value)
        events = self._changed_weights()
        self.losses = None
        return events

    def _take(self, batch: Batch) -> tuple[tuple[str, ...], Tensor]:
        batch = padded(batch)
        shape = (*batch.images.shape, batch.ground_truth.boxes.shape[1])
        taken = self._taken[shape] = self._taken.get(shape, 0) + 1
        if taken <= WARM_UP or not batch.images.is_cuda:
            return self._one(batch)
        if shape not in self._recorded:
            self._recorded[shape] = self._record(batch)
        graph, held, names, row = self._recorded[shape]
        copy_into(held, batch)
        graph.replay()
        return names, row

    def _record(self, batch: Batch) -> tuple[Any, Batch, tuple[str, ...], Tensor]:
        truth = batch.ground_truth
        held = GroundTruth(truth.boxes.clone(), truth.labels.clone(), truth.mask.clone())
        still = Batch(batch.images.clone(), held, list(batch.names))
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad()  # the gradients are to lie in the graph's own memory
        with torch.cuda.graph(graph):
            names, row = self._one(still)
        return graph, still, names, row

    def result_of(self, pending: Pending) -> StepResult:
        """What `TrainStep.run` would have told of this step."""
        values = dict(zip(pending.names, pending.row.tolist(), strict=True))
        values = {name: values[name] for name in (*LOSSES, "grad_norm", *values)}
        error = NotFiniteError(values)
        if error.bad:
            return StepResult(values, False, pending.events + self._skip(pending.batch, error))
        self.skips = 0
        self.averaged.n_averaged += 1
        return StepResult(values, True, pending.events + self._strange_data(pending.batch, values))

    # optimizer and state

    def use_optimizer(self, optimizer: Optimizer) -> None:
        if reason := why_not_captured(optimizer):
            raise UserError(f"graphed=True: {reason}")
        super().use_optimizer(optimizer)
        self._forget()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._updates.fill_(float(self.averaged.n_averaged))
        self._forget()

    def _forget(self) -> None:
        """What is recorded is of other tensors."""
        self._recorded.clear()
        self._taken.clear()


def average_share(updates: Tensor, decay: float) -> Tensor:
    """How far the average moves to the weights at this update, see `AveragedWeights`. updates: before it, 0-d."""
    decays = ((1 + updates) / (10 + updates)).clamp(max=decay)
    return 1 - torch.where(updates > 0, decays, 0.0)


def padded(batch: Batch) -> Batch:
    """With M rounded up to a multiple of OBJECTS, and at least one of it."""
    truth = batch.ground_truth
    more = -truth.boxes.shape[1] % OBJECTS if truth.boxes.shape[1] else OBJECTS
    grown = GroundTruth(
        F.pad(truth.boxes, (0, 0, 0, more)), F.pad(truth.labels, (0, more)), F.pad(truth.mask, (0, more))
    )
    return Batch(batch.images, grown, batch.names)


def copy_into(held: Batch, batch: Batch) -> None:
    held.images.copy_(batch.images)
    for name in ("boxes", "labels", "mask"):
        getattr(held.ground_truth, name).copy_(getattr(batch.ground_truth, name))
