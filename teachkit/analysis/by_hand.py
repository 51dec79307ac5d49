"""An update rule written by hand beside an optimizer of torch, on every weight of a real detector."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Optimizer

from teachkit.feed.detector import Detector
from teachkit.punish.criterion import Criterion
from teachkit.structures import Batch

Rule = Callable[..., tuple[Tensor, ...]]


def same_steps(
    model: Detector, batch: Batch, optimizer: Optimizer, rule: Rule, memory: int = 0, steps: int = 3
) -> bool:
    """Whether the rule takes each weight to where the optimizer takes it, at each of so many steps, to 1e-6.

    optimizer: over model.parameters(), which it trains; rule(w, g, t, *memory) → (w, *memory), with g the gradient and
    t = 1 at the first step; memory: how many tensors the rule keeps for a weight from step to step, all 0 at first.
    """
    criterion, weights = Criterion(), list(model.parameters())
    kept: list[tuple[Tensor, ...]] = [(torch.zeros_like(one),) * memory for one in weights]
    for t in range(1, steps + 1):
        optimizer.zero_grad()
        criterion(model(batch.images), batch.ground_truth).backward()
        # a copy: the optimizer moves its weights in place, and a rule that does nothing must not be moved along
        ours = [rule(one.detach().clone(), one.grad, t, *mine) for one, mine in zip(weights, kept, strict=True)]
        optimizer.step()
        if not all(torch.allclose(one[0], its, atol=1e-6) for one, its in zip(ours, weights, strict=True)):
            return False
        kept = [one[1:] for one in ours]
    return True
