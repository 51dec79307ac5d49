"""Checks of a step: gradients must be finite and, in strict mode, operations deterministic."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from teachkit.errors import UserError
from teachkit.learn.log import Event
from teachkit.learn.ranks import ALONE, Ranks
from teachkit.structures import LOSS_NAMES, Batch, Losses

LOSSES = (*LOSS_NAMES, "total")
NAMES_SHOWN = 16
TELLTALE = "deterministic"
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"  # teachkit sets it, unless torch was used on a GPU before


class NotFiniteError(ArithmeticError):
    """Raised before a weight has changed. values: as from `clip_and_check`, some of them NaN or infinite."""

    def __init__(self, values: dict[str, float]) -> None:
        self.values = values
        self.bad = [name for name, value in values.items() if not math.isfinite(value)]
        super().__init__(f"{', '.join(self.bad)} not finite")


def clip_and_check(
    losses: Losses,
    parameters: Iterable[nn.Parameter],
    clip: float,
    counts: dict[str, Tensor],
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Scales the gradient down to the norm `clip`, if it is larger.

    → box, cls, dfl, total, grad_norm (before clipping) and the counts of all ranks, in one transfer from the device.
    NotFiniteError if any of them is NaN or infinite.
    """
    norm = clip_gradient(list(parameters), clip)
    named = {name: getattr(losses, name).detach() for name in LOSSES} | {"grad_norm": norm}
    if ranks.count > 1:  # these are sums, the rest are means
        counts = {name: ranks.count * count for name, count in counts.items()}
    named |= counts
    row = ranks.mean(torch.stack([value.to(norm.device, torch.float32) for value in named.values()]))
    values = dict(zip(named, row.tolist(), strict=True))
    if not all(map(math.isfinite, values.values())):
        raise NotFiniteError(values)
    return values


def clip_gradient(parameters: list[nn.Parameter], clip: float) -> Tensor:
    """As `clip_grad_norm_`, which multiplies each gradient, most often by 1. → the norm before it, 0-d."""
    norm = nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])
    if norm.device.type != "cpu" or not clip / (norm + 1e-6) >= 1:  # a look would wait for the device
        nn.utils.clip_grads_with_norm_(parameters, clip, norm)
    return norm


def check_batch(source: str, batch: object) -> None:
    """UserError, naming the source, unless it is a Batch of tensors and names."""
    if not isinstance(batch, Batch):
        raise UserError(f"{source} must give a Batch each time, not a {type(batch).__name__}")
    for owner, name in ((batch, "images"), *((batch.ground_truth, name) for name in ("boxes", "labels", "mask"))):
        if not isinstance(one := getattr(owner, name, None), Tensor):
            raise UserError(f"{name} of a batch of {source} must be a tensor, not a {type(one).__name__}")
    if not isinstance(batch.names, list | tuple) or not all(isinstance(one, str) for one in batch.names):
        raise UserError(f"names of a batch of {source} must be a list of texts, not {batch.names!r:.60}")


def count_objects(batch: Batch) -> dict[str, Tensor]:
    """objects; of these inverted: a side is negative; tiny: within the first pixel, or flat; outside: the centre is.

    Each 0-d, on the device.
    """
    boxes, mask, (height, width) = batch.ground_truth.boxes, batch.ground_truth.mask, batch.images.shape[-2:]
    low, high = boxes.chunk(2, -1)
    inverted = (high < low).any(-1)  # [B, M]
    tiny = (boxes.abs() <= 1).all(-1) | (high == low).any(-1)
    centre = low + high  # twice that
    x, y = centre.unbind(-1)
    outside = (centre < 0).any(-1) | (x > 2 * width) | (y > 2 * height)
    found = torch.stack([mask, inverted, tiny, outside]) & mask  # [4, B, M]
    return dict(zip(("objects", "inverted", "tiny", "outside"), found.sum((1, 2)).unbind(), strict=True))


def strange_boxes(batch: Batch, counts: Mapping[str, float] | None = None) -> str | None:
    """Why these are hardly boxes in pixels of the images, in a sentence; None if they may be.

    counts: as from `count_objects`; None to count now, which waits for the device.
    """
    if counts is None:
        tensors = count_objects(batch)
        counts = dict(zip(tensors, torch.stack(list(tensors.values())).tolist(), strict=True))
    objects, inverted, tiny, outside = (int(counts.get(name, 0)) for name in ("objects", "inverted", "tiny", "outside"))
    if inverted:
        return f"{inverted} of {objects} boxes have x2 < x1 or y2 < y1: boxes are left, top, right, bottom"
    if tiny == objects > 0:
        return (
            f"all {objects} boxes are flat or lie within one pixel: boxes are in pixels, not in fractions of the image"
        )
    if outside == objects > 0:
        height, width = batch.images.shape[-2:]
        return f"all {objects} boxes lie outside the images of {width} × {height} px: boxes are in their pixels"
    return None


def skipped(batch: Batch, names: list[str], error: NotFiniteError, classes: int | None = None) -> Event:
    """names: of the whole batch; classes: how many the model has, None if it does not say."""
    shown = ", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else "")
    return Event(
        "skipped",
        f"step skipped, the weights stay as they are: {error} ({shown}). "
        + (_foreign_label(batch, classes) or "If these files are sound, lower the learning rate."),
        {"names": names, "not_finite": error.bad},
    )


def _foreign_label(batch: Batch, classes: int | None) -> str | None:
    """A sentence on a label that is no class: on a GPU the criterion cannot look, and answers NaN."""
    truth = batch.ground_truth
    labels = truth.labels[truth.mask].tolist()
    foreign = [label for label in labels if classes is not None and not 0 <= label < classes]
    return (
        f"There is a label {foreign[0]}, but there are {classes} classes: mend it, or the model." if foreign else None
    )


@contextmanager
def only_deterministic(strict: bool) -> Iterator[None]:
    """If strict, an operation whose result may differ from run to run raises a UserError that names it.

    torch's own setting is restored at the end.
    """
    if not strict:
        yield
        return
    before, warned_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if TELLTALE not in str(error):
            raise
        if WORKSPACE in str(error):
            raise UserError(
                f"strict determinism: start Python with {WORKSPACE}=:4096:8, torch looks no later"
            ) from error
        raise UserError(
            f"strict determinism: {str(error).splitlines()[0].split('. ')[0]}: replace it, or turn strict mode off"
        ) from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned_only)
