"""Several trainings of one model in one pass: their parameters are stacked, and one step moves all of them.

A GPU that one small training leaves mostly idle takes eight of them in little more than the time of one. N runs,
B images, M objects (padded).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.optim import SGD, AdamW, Optimizer

from teachkit.learn.guard import LOSSES
from teachkit.learn.log import Record
from teachkit.learn.resources import process_seconds
from teachkit.learn.schedule import SCHEDULES, usual_warmup
from teachkit.learn.trainer import Trainer
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion
from teachkit.structures import LOSS_NAMES, Batch, GroundTruth, LossWeights


class OnePass:
    """Trains the models of several trainers, which are alike but for rate, seed and order of images, as each would.

    records: of each run's steps; diverged: why it has ended, else "". A run whose losses or gradient are not finite
    stands still from then on. The trainers' models get the weights by `hand_back`. device: where it is computed.
    """

    def __init__(self, trainers: Sequence[Trainer], device: str | torch.device) -> None:
        self.trainers, self.device = trainers, torch.device(device)
        self.records: list[list[Record]] = [[] for _ in trainers]
        self.diverged = [""] * len(trainers)
        self._model = trainers[0].model.to(self.device).train()
        self._model.channels_last = False  # type: ignore[assignment]
        self.parameters, self.buffers = stack_module_state([one.model.to(self.device) for one in trainers])  # type: ignore[arg-type]
        like = next(iter(self.parameters.values()))
        self._rates = like.new_tensor([one.train_step.base_rates[0] for one in trainers])
        self._weights = LossWeights(**trainers[0].train_step.weights or {})
        groups = trainers[0].optimizer.param_groups
        decays = {id(one): group["weight_decay"] for group in groups for one in group["params"]}
        self._decays = {name: decays[id(one)] for name, one in trainers[0].model.named_parameters()}
        self._directions = {name: nn.Parameter(torch.zeros_like(one)) for name, one in self.parameters.items()}
        self._optimizer = unit_step(trainers[0].optimizer, list(self._directions.values()))
        assigner = TaskAlignedAssigner()
        assigner.fixed_shapes, assigner.looks_at_labels = True, False  # vmap knows no shapes that hang on numbers
        self._criterion = Criterion(self._weights, assigner, [1.0] * int(trainers[0].model.num_classes))  # type: ignore[arg-type]

    def step(self, number: int) -> None:
        batches = [next(one.cursor) for one in self.trainers]
        images = torch.stack([one.images for one in batches]).to(self.device)  # [N, B, 3, H, W]
        truth = stacked([one.ground_truth for one in batches]).to(self.device)
        if number == 0:
            with torch.no_grad():  # keeps its anchor points, which vmap must not make
                self._model.eval()(images[0])
            self._model.train()
        before = {name: one.clone() for name, one in self.buffers.items()}

        # Feed and punish; the gradient of the sum holds that of each run.
        losses = vmap(self._losses)(self.parameters, self.buffers, images, truth.boxes, truth.labels, truth.mask)
        gradients = torch.autograd.grad(losses[:, LOSSES.index("total")].sum(), list(self.parameters.values()))
        square = sum(one.flatten(1).square().sum(1) for one in gradients)
        row = torch.cat([losses.detach(), torch.as_tensor(square).sqrt()[:, None]], 1)  # [N, 5]
        values = row.tolist()
        taken = [self._take(run, number, values[run], batches[run]) for run in range(len(values))]
        alive = torch.tensor(taken, device=self.device)

        # Learn
        self._learn(dict(zip(self.parameters, gradients, strict=True)), number, alive)
        for name, one in self.buffers.items():
            one.copy_(torch.where(each(alive, one), one, before[name]))

    def _losses(
        self,
        parameters: dict[str, Tensor],
        buffers: dict[str, Tensor],
        images: Tensor,
        boxes: Tensor,
        labels: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """Of one run: box, cls, dfl and total. [4]"""
        predictions = functional_call(self._model, (parameters, buffers), (images,))
        losses = self._criterion(predictions, GroundTruth(boxes, labels, mask))
        return torch.stack([getattr(losses, name) for name in LOSSES])

    @torch.no_grad()
    def _learn(self, gradients: dict[str, Tensor], number: int, alive: Tensor) -> None:
        """torch's optimizer gives each run's direction at rate 1; each goes along it at its own rate. alive: [N]."""
        coupled = isinstance(self._optimizer, SGD)  # its weight decay is part of the gradient
        for name, direction in self._directions.items():
            gradient = gradients[name].nan_to_num(0, 0, 0)
            direction.grad = gradient + self._decays[name] * self.parameters[name] if coupled else gradient
            direction.zero_()
        self._optimizer.step()
        rates = self._rates * self._factor(number) * alive
        for name, parameter in self.parameters.items():
            rate = each(rates, parameter)
            if not coupled:
                parameter.mul_(1 - rate * self._decays[name])
            parameter.add_(self._directions[name] * rate)

    def _factor(self, number: int) -> float:
        one = self.trainers[0]
        total = one.progress.last_step
        warmup = usual_warmup(total) if one.warmup is None else one.warmup
        return SCHEDULES[one.control.schedule](number, total, warmup)

    def _take(self, run: int, number: int, values: list[float], batch: Batch) -> bool:
        """Records the step of a run, if it has not diverged → whether it learns from it."""
        if self.diverged[run]:
            return False
        named = dict(zip((*LOSSES, "grad_norm"), values, strict=True))
        rate = float(self._rates[run]) * self._factor(number)
        step = {"kind": "step", "step": number, "epoch": 0, "lr": rate, **named, "weights": self._weights.as_dict()}
        self.records[run].append({**step, "seconds": round(process_seconds(), 3)})
        if not all(map(math.isfinite, values)):
            self.diverged[run] = "diverged: its losses or its gradient are not finite"
            return False
        losses = {name: named[name] for name in LOSS_NAMES}
        objects = bool(batch.ground_truth.mask.any())
        for event in self.trainers[run].trend.update(number, losses, self._weights.as_dict(), objects):
            self.diverged[run] = event.message if event.what == "diverged" else self.diverged[run]
        return True

    def hand_back(self) -> None:
        for run, trainer in enumerate(self.trainers):
            state = {name: one[run].detach() for name, one in {**self.parameters, **self.buffers}.items()}
            trainer.model.to("cpu").load_state_dict(state)


def unit_step(like: Optimizer, parameters: list[nn.Parameter]) -> Optimizer:
    """The same rule at the rate 1, without weight decay."""
    settings: dict[str, Any] = like.param_groups[0]
    if isinstance(like, AdamW):
        return AdamW(parameters, 1.0, settings["betas"], settings["eps"], weight_decay=0.0)
    return SGD(parameters, 1.0, settings["momentum"], nesterov=settings["nesterov"])


def stacked(truths: list[GroundTruth]) -> GroundTruth:
    """N of them in one, padded to the longest: boxes [N, B, M, 4], labels [N, B, M], mask [N, B, M]."""
    longest = max(one.boxes.shape[1] for one in truths)

    def pad(one: Tensor, value: float = 0) -> Tensor:
        return nn.functional.pad(one, (0, 0) * (one.ndim - 2) + (0, longest - one.shape[1]), value=value)

    names = ("boxes", "labels", "mask")
    boxes, labels, mask = (torch.stack([pad(getattr(one, name)) for one in truths]) for name in names)
    return GroundTruth(boxes, labels, mask)


def each(runs: Tensor, like: Tensor) -> Tensor:
    """[N] → [N, 1, …], to go with a stacked tensor."""
    return runs.view(-1, *[1] * (like.ndim - 1))
