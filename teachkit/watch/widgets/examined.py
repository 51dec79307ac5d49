"""A data set with a detector's answers, kept in memory for browsing: pictures, labels and detections."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.decode import eval_mode
from teachkit.learn.validation import detect_and_measure
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
    """One pass over the data. data: has `.classes`; model: any that gives Predictions, decoded as evaluation does it.

    UserError if the data has no classes, another number or order of them than the model's own `.classes`, no pictures,
    or too many of them to be held in memory.
    """
    if not hasattr(data, "classes"):
        raise UserError("the data must know its classes: make it by tk.load_data")
    known = list(getattr(model, "classes", data.classes))
    if len(known) != len(data.classes) or (known != list(data.classes) and set(known) == set(data.classes)):
        raise UserError(
            f"the detector knows {', '.join(known)}, the data {', '.join(data.classes)}: "
            "load the data by tk.load_data(…, classes=model.classes)"
        )
    seen = Examined([], [], [], [], list(data.classes), None if model is None else [])
    pixels = 0
    for batch in data:
        if seen.detections is not None:
            with torch.no_grad(), eval_mode(model):
                found = detect_and_measure(model, None, batch)[1]
            seen.detections.extend(one.to("cpu") for one in found)
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
