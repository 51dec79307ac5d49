"""How good the detector is on pictures that it does not train on."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import nn

from teachkit.feed.decode import decode, eval_mode
from teachkit.learn.guard import LOSSES, NotFiniteError
from teachkit.structures import Batch, Losses

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

    None if `stopped` came true between two batches. NotFiniteError if the model's answers are not numbers any more.
    """
    from teachkit.scoring import score  # not before the first epoch has ended

    detections, truths, sums, images = [], [], dict.fromkeys(LOSSES, 0.0), 0
    with eval_mode(model):
        for batch in data:
            if stopped():
                return None
            predictions = model(batch.images)
            if not (predictions.cls_logits.isfinite().all() and predictions.box_logits.isfinite().all()):
                raise NotFiniteError({"predictions": math.nan})
            height, width = batch.images.shape[-2:]
            detections.append(decode(predictions, (height, width), SCORE_THRESHOLD, IOU_THRESHOLD, LIMIT))
            truths.append(batch.ground_truth)
            images += len(batch)
            if criterion is not None:
                for name, value in criterion(predictions, batch.ground_truth).items():
                    sums[name] += value * len(batch)
    means = {name: value / max(1, images) for name, value in sums.items()}
    return score(detections, truths, getattr(data, "classes", None)), means if criterion is not None else {}
