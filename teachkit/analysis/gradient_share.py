"""Which loss pulls how hard, and which way: gradients on the features that all heads share."""

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from teachkit.feed.detector import Detector
from teachkit.learn.recovery import put_back
from teachkit.punish.criterion import Criterion
from teachkit.structures import LOSS_NAMES, Batch, LossWeights


@dataclass(frozen=True)
class GradientShare:
    """norms: ‖∂L/∂features‖ of each unweighted loss; cosines: of box–cls, box–dfl, cls–dfl, NaN beside a zero gradient.

    A weight scales its own gradient and nothing else here, so `shares` needs no new backward pass when one is moved.
    """

    norms: dict[str, float]
    cosines: dict[tuple[str, str], float]

    def shares(self, weights: LossWeights | dict[str, float]) -> dict[str, float]:
        """w · norm over the sum of the three, 0–1; all NaN if nothing pulls."""
        by_name = weights if isinstance(weights, dict) else weights.as_dict()
        pulls = {name: by_name[name] * norm for name, norm in self.norms.items()}
        total = sum(pulls.values())
        return {name: pull / total if total else math.nan for name, pull in pulls.items()}

    def angles(self) -> dict[tuple[str, str], float]:
        """Degrees, 0 (pull together) to 180 (against each other); NaN beside a zero gradient."""
        return {pair: math.degrees(math.acos(cosine)) for pair, cosine in self.cosines.items()}


@contextmanager
def statistics_kept(model: torch.nn.Module) -> Iterator[None]:
    """A forward pass in training mode moves the batch norms' running statistics: they are put back."""
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        put_back(buffers, before)


def loss_gradients(model: Detector, criterion: Criterion, batch: Batch) -> dict[str, Tensor]:
    """∂L/∂features of each unweighted loss, all strides in one row [F]. The model is left as it was."""
    with statistics_kept(model):
        with torch.no_grad():
            maps = model.features(batch.images)
        maps = [one.detach().requires_grad_() for one in maps]
        losses = criterion(model.head(maps), batch.ground_truth)
        each = [getattr(losses, name) for name in LOSS_NAMES]
        gradients = [torch.autograd.grad(loss, maps, retain_graph=True, allow_unused=True) for loss in each]
    return {name: _row(gradient, maps) for name, gradient in zip(LOSS_NAMES, gradients, strict=True)}


def _row(gradient: tuple[Tensor | None, ...], maps: list[Tensor]) -> Tensor:
    """None stands for a loss that does not depend on that map."""
    pairs = zip(gradient, maps, strict=True)
    return torch.cat([(torch.zeros_like(one) if slope is None else slope).float().flatten() for slope, one in pairs])


def gradient_share(model: Detector, criterion: Criterion, batch: Batch) -> GradientShare:
    """Norms and angles of the three losses' gradients at this batch; nothing is changed."""
    rows = torch.stack(list(loss_gradients(model, criterion, batch).values()))  # [3, F]
    products = (rows @ rows.T).double().cpu()  # one transfer from the device
    norms = products.diagonal().sqrt().tolist()
    cosines = (products / torch.tensor(norms).outer(torch.tensor(norms))).clamp(-1, 1)  # 0 / 0 is NaN, and stays it
    pairs = {(LOSS_NAMES[a], LOSS_NAMES[b]): float(cosines[a, b]) for a, b in itertools.combinations(range(3), 2)}
    return GradientShare(dict(zip(LOSS_NAMES, norms, strict=True)), pairs)
