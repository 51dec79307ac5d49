"""What stands between backward and step: the gradient is clipped, and one that is NaN or infinite is refused."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from teachkit.structures import LOSS_NAMES, Losses

LOSSES = (*LOSS_NAMES, "total")


class NotFiniteError(ArithmeticError):
    """Raised before a weight has changed. values: as from `clip_and_check`, some of them NaN or infinite."""

    def __init__(self, values: dict[str, float]) -> None:
        self.values = values
        self.bad = [name for name, value in values.items() if not math.isfinite(value)]
        super().__init__(f"{', '.join(self.bad)} not finite")


def clip_and_check(
    losses: Losses, parameters: Iterable[nn.Parameter], clip: float, counts: dict[str, Tensor]
) -> dict[str, float]:
    """Scales the gradient down to the norm `clip`, if it is larger.

    → box, cls, dfl, total, grad_norm (before clipping) and the counts, in one transfer from the device.
    NotFiniteError if any of them is NaN or infinite.
    """
    norm = nn.utils.clip_grad_norm_(list(parameters), clip)
    named = {name: getattr(losses, name).detach() for name in LOSSES} | {"grad_norm": norm} | counts
    row = torch.stack([value.to(norm.device, torch.float32) for value in named.values()])
    values = dict(zip(named, row.tolist(), strict=True))
    if not all(map(math.isfinite, values.values())):
        raise NotFiniteError(values)
    return values
