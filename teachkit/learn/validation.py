"""Scores and losses of a detector on data that it does not train on."""

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from teachkit.errors import UserError
from teachkit.feed.decode import decode, eval_mode
from teachkit.feed.detector import strange_pixels
from teachkit.learn.guard import LOSSES, NotFiniteError, check_batch, strange_boxes
from teachkit.learn.microbatch import TOO_SMALL, give_memory_back, is_out_of_memory, split
from teachkit.learn.ranks import ALONE, Ranks
from teachkit.structures import Batch, Detections, GroundTruth, Losses

if TYPE_CHECKING:
    from teachkit.scoring import Scores

# what evaluation keeps of the detections: nearly all, since a recall curve is to be seen to its end
SCORE_THRESHOLD, IOU_THRESHOLD, LIMIT = 0.001, 0.7, 100
FEW_TO_CHOOSE_BY = 20  # pictures; one object more or less moves the score of so few by several hundredths


def too_few_to_choose_by(data: Any) -> str:
    """A warning, if this validation data, a Loader, has too few pictures to choose the best weights by; else ""."""
    pictures = len(data.names)
    if not 0 < pictures < FEW_TO_CHOOSE_BY:
        return ""
    few = f"{pictures} picture{'s' * (pictures > 1)} to choose the best weights by"
    return f"{data.split} has {few}: the score will jump, add more"


@dataclass
class Part:
    """What was measured on some of the batches: of each its index, its size, what was found, the truth, its losses."""

    rows: list[tuple[int, int, list[Detections], GroundTruth, dict[str, float]]] = field(default_factory=list)
    batches: int = 0
    stopped: bool = False
    finite: bool = True
    told: list[str] = field(default_factory=list)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    data: Iterable[Batch],
    criterion: Callable[..., Losses] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
    tell: Callable[[str], None] = warnings.warn,
    walked: Callable[[int], None] = lambda batches: None,
) -> "tuple[Scores, dict[str, float]] | None":
    """Scores, and box, cls, dfl and total as means over the images (none without a criterion); the mode is restored.

    None if `stopped` came true between two batches. NotFiniteError if the model's predictions are not finite. A batch
    with NaN or inverted boxes in it is left out; `tell` is given that, and what else is hardly meant. One too large for
    the memory is split into microbatches, with a warning.
    UserError if the data promises batches and gives none. walked: is called with the number of batches.
    Of several ranks each measures its share of the batches, and rank 0 scores them all.
    """
    parts = ranks.collected(measure(model, data, criterion, stopped, ranks))
    for message in dict.fromkeys(message for part in parts for message in part.told):
        tell(message)
    finite, stops = all(part.finite for part in parts), any(part.stopped for part in parts)
    whole = None
    if finite and not stops and ranks.first:
        whole = scored(parts, data, criterion is not None)
        walked(max(part.batches for part in parts))
    finite, whole = ranks.told((finite, whole))
    if not finite:
        raise NotFiniteError({"predictions": math.nan})
    return whole


def measure(
    model: nn.Module,
    data: Iterable[Batch],
    criterion: Callable[..., Losses] | None,
    stopped: Callable[[], bool],
    ranks: Ranks,
) -> Part:
    part, count = Part(), 1
    with eval_mode(model):
        for part.batches, batch in own_batches(data, ranks):
            check_batch("the validation data", batch)
            if stopped():
                part.stopped = True
                break
            if (fault := fault_of(batch)) is not None:
                part.told.append(f"{fault}, left out of the validation: {', '.join(batch.names)}")
                continue
            if (strange := strange_pixels(batch.images) or strange_boxes(batch)) is not None:
                part.told.append(f"{strange} ({', '.join(batch.names)})")
            try:
                measured, count = in_microbatches(batch, count, partial(detect_and_measure, model, criterion))
            except NotFiniteError:
                part.finite = False
                break
            for one, found, losses in measured:
                truth = one.ground_truth
                if ranks.count > 1:  # to be sent
                    found, truth = [each.to("cpu") for each in found], truth.to("cpu")
                part.rows.append((part.batches, len(one), found, truth, losses))
    return part


def own_batches(data: Any, ranks: Ranks) -> Iterator[tuple[int, Batch]]:
    """This rank's batches and their numbers, from 1. Of a plain Loader no others are read, other data is walked."""
    if ranks.count > 1 and hasattr(data, "share") and data.augment is None and not data.shuffle:
        for place in range(ranks.rank, len(data), ranks.count):
            yield place + 1, data.batch(0, place, (0, 1))
    else:
        yield from islice(enumerate(data, start=1), ranks.rank, None, ranks.count)


def scored(parts: list[Part], data: Any, with_losses: bool) -> "tuple[Scores, dict[str, float]]":
    """In the order of the batches, as if one process had measured them."""
    from teachkit.scoring import score  # not before the first epoch has ended

    if not any(part.batches for part in parts) and getattr(data, "__len__", lambda: 1)():
        raise UserError("the validation data gives no batches any more: it must give them anew each time it is walked")
    rows = sorted((row for part in parts for row in part.rows), key=lambda row: row[0])
    images, sums = sum(row[1] for row in rows), dict.fromkeys(LOSSES, 0.0)
    for _, count, _, _, losses in rows:
        for name, value in losses.items():
            sums[name] += value * count
    means = {name: value / max(1, images) for name, value in sums.items()}
    detections, truths = [row[2] for row in rows], [row[3] for row in rows]
    return score(detections, truths, getattr(data, "classes", None)), means if with_losses else {}


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


def fault_of(batch: Batch) -> str | None:
    """Why nothing can be measured on it, or None."""
    truth = batch.ground_truth
    if truth.mask.dtype != torch.bool:
        raise UserError(f"the mask of a ground truth must be torch.bool, not {truth.mask.dtype}")
    boxes = truth.boxes[truth.mask]
    if not (batch.images.isfinite().all() and boxes.isfinite().all()):
        return "pictures or boxes are not finite"
    return "boxes have x2 < x1 or y2 < y1" if (boxes[:, 2:] < boxes[:, :2]).any() else None
