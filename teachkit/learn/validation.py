"""Scores and losses of a detector on data that it does not train on."""

import math
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from teachkit.errors import UserError
from teachkit.feed.decode import decode, eval_mode
from teachkit.learn.guard import LOSSES, NotFiniteError
from teachkit.learn.microbatch import TOO_SMALL, give_memory_back, is_out_of_memory, split
from teachkit.structures import Batch, Detections, Losses

if TYPE_CHECKING:
    from teachkit.scoring import Scores

# what evaluation keeps of the detections: nearly all, since a recall curve is to be seen to its end
SCORE_THRESHOLD, IOU_THRESHOLD, LIMIT = 0.001, 0.7, 100


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Iterable[Batch],
    criterion: Callable[..., Losses] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> "tuple[Scores, dict[str, float]] | None":
    """Scores, and box, cls, dfl and total as means over the images (none without a criterion); the mode is restored.

    None if `stopped` came true between two batches. NotFiniteError if the model's predictions are not finite. A batch
    with NaN in it is left out, and one too large for the memory is split into microbatches; a warning names both.
    UserError if the data promises batches and gives none.
    """
    from teachkit.scoring import score  # not before the first epoch has ended

    detections, truths, sums, images, count, batches = [], [], dict.fromkeys(LOSSES, 0.0), 0, 1, 0
    with eval_mode(model):
        for batches, batch in enumerate(data, start=1):  # noqa: B007 — counted, for data that is walked only once
            if stopped():
                return None
            if not is_finite(batch):
                names = ", ".join(batch.names)
                warnings.warn(f"pictures or boxes are not finite, left out of the validation: {names}", stacklevel=2)
                continue
            measured, count = in_microbatches(batch, count, partial(detect_and_measure, model, criterion))
            for microbatch, found, losses in measured:
                detections.append(found)
                truths.append(microbatch.ground_truth)
                images += len(microbatch)
                for name, value in losses.items():
                    sums[name] += value * len(microbatch)
    if not batches and getattr(data, "__len__", lambda: 1)():
        raise UserError("the validation data gives no batches any more: it must give them anew each time it is walked")
    means = {name: value / max(1, images) for name, value in sums.items()}
    return score(detections, truths, getattr(data, "classes", None)), means if criterion is not None else {}


Measured = tuple[Batch, list[Detections], dict[str, float]]


def detect_and_measure(model: nn.Module, criterion: Callable[..., Losses] | None, batch: Batch) -> Measured:
    """The batch, what is found on it, and its losses."""
    predictions = model(batch.images)
    if not (predictions.cls_logits.isfinite().all() and predictions.box_logits.isfinite().all()):
        raise NotFiniteError({"predictions": math.nan})
    height, width = batch.images.shape[-2:]
    found = decode(predictions, (height, width), SCORE_THRESHOLD, IOU_THRESHOLD, LIMIT)
    return batch, found, {} if criterion is None else dict(criterion(predictions, batch.ground_truth).items())


def in_microbatches(batch: Batch, count: int, measure: Callable[[Batch], Measured]) -> tuple[list[Measured], int]:
    """The results of `measure` for `count` microbatches, or more if the memory is too small, and their number."""
    while True:
        try:
            return [measure(microbatch) for _, microbatch in split(batch, count)], count
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            give_memory_back(error)
        if count >= len(batch):
            raise UserError(TOO_SMALL)
        count *= 2
        warnings.warn(f"out of memory: {len(batch)} pictures are now validated in {count} parts", stacklevel=3)


def is_finite(batch: Batch) -> bool:
    truth = batch.ground_truth
    return bool(batch.images.isfinite().all() and truth.boxes[truth.mask].isfinite().all())
