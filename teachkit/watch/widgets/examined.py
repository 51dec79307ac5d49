"""A data set with a detector's answers, kept in memory for browsing: pictures, labels and detections."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from teachkit.errors import UserError
from teachkit.learn.validation import IOU_THRESHOLD, LIMIT, SCORE_THRESHOLD
from teachkit.structures import Batch, Detections, GroundTruth
from teachkit.watch.figures.images import as_bytes

BROWSED_PIXELS = 400e6  # of all pictures together: they are held in memory


@dataclass(frozen=True)
class Examined:
    """B pictures uint8 [3, H, W], their names, labels, and detections above 0.001; none without a model."""

    images: list[Tensor]
    names: list[str]
    boxes: list[Tensor]
    labels: list[Tensor]
    classes: list[str]
    detections: list[Detections] | None

    @property
    def ground_truth(self) -> GroundTruth:
        return GroundTruth.from_lists(self.boxes, self.labels)


def examine(data: Iterable[Batch], model: Any = None) -> Examined:
    """One pass over the data, `model.detect` as evaluation calls it. data: has `.classes`.

    UserError if it has none, has no pictures, or too many of them to be held in memory.
    """
    if not hasattr(data, "classes"):
        raise UserError("the data must know its classes: make it by tk.load_data")
    seen = Examined([], [], [], [], list(data.classes), None if model is None else [])
    pixels = 0
    for batch in data:
        if seen.detections is not None:
            seen.detections.extend(
                one.to("cpu") for one in model.detect(batch.images, SCORE_THRESHOLD, IOU_THRESHOLD, LIMIT)
            )
        pixels += batch.images.numel()
        if pixels > BROWSED_PIXELS:
            raise UserError("too many pictures to be browsed at once: pass `limit` to tk.load_data")
        truth = batch.ground_truth.to("cpu")
        for place in range(len(batch)):
            boxes, labels = truth.image(place)
            seen.images.append(as_bytes(batch.images[place]))
            seen.boxes.append(boxes)
            seen.labels.append(labels)
        seen.names.extend(batch.names)
    if not seen.images:
        raise UserError("there are no pictures to browse")
    return seen
