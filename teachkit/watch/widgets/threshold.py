"""The score threshold on pictures: which detections stay, how many objects are found, how many boxes are extra."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from teachkit.errors import UserError
from teachkit.experiments.recorded import trained_and_untrained
from teachkit.feed.decode import decode
from teachkit.feed.loader import first_images, load_data
from teachkit.scoring import objects_found
from teachkit.structures import Batch, Detections, Predictions
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import NotebookFigure, detection_grid
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of

DRAWN = 60  # boxes in a picture, the best: more would be a wall of lines, and are given as a number
USUAL_OVERLAP = 0.7


class ThresholdPlayground(Playground):
    """A slider for the score threshold: which answers stay, how many objects are found, how many boxes are extra.

    models: name → detector in eval mode, by default "trained" (on the built-in shapes) and "untrained"; batch: pictures
    with their truth, by default the first four of the built-in validation set; threshold, overlap: in 0–1, what
    `Detector.detect` calls score_threshold and iou_threshold; nms: also shows a slider for the overlap.
    UserError if no model is given, or a value is out of range.
    """

    _esm = front_end("widgets/threshold.js")
    _css = front_end("widgets/threshold.css")
    title = "How sure is sure enough? The score threshold"
    words = "Pictures with the answers whose score is above a threshold, over the true objects"

    def __init__(
        self,
        models: Mapping[str, nn.Module] | None = None,
        batch: Batch | None = None,
        classes: Sequence[str] | None = None,
        *,
        threshold: float = 0.25,
        overlap: float = USUAL_OVERLAP,
        nms: bool = False,
    ) -> None:
        if models is None:
            models, names = trained_and_untrained()
            classes = names if classes is None else classes
        if not models:
            raise UserError("give at least one detector")
        self.batch = first_images(load_data("shapes", "val", device="cpu"), 4) if batch is None else batch
        with torch.no_grad():  # asked once: a threshold changes which answers are looked at, not one of the answers
            self.predictions: dict[str, Predictions] = {name: one(self.batch.images) for name, one in models.items()}
        count = next(iter(self.predictions.values())).scores.shape[-1]
        self.classes = [str(one) for one in classes] if classes is not None else [f"class {n}" for n in range(count)]
        self.nms = nms
        self.levers = {
            "threshold": between("threshold", 0, 1),
            "overlap": between("overlap", 0, 1),
            "model": one_of("model", list(models)),
        }
        super().__init__(threshold=threshold, overlap=overlap, model=next(iter(models)))

    def detections(self) -> list[Detections]:
        """The detections of each picture above the threshold and after NMS, best first."""
        predictions = self.predictions[self.values["model"]]
        size = self.batch.images.shape[-2:]
        points = len(predictions.strides)  # no limit: a picture may show all that it has
        return decode(predictions, (size[0], size[1]), self.values["threshold"], self.values["overlap"], points)

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        truth = [self.batch.ground_truth.image(index)[0].tolist() for index in range(len(self.batch))]
        content = {
            "classes": self.classes,
            "image_size": list(self.batch.images.shape[-2:]),
            "truth": truth,
            "models": list(self.predictions),
            "nms": self.nms,
        }
        return content, [png(image) for image in self.batch.images]

    def numbers(self) -> dict[str, Any]:
        """answers: scores above the threshold; shown: boxes after NMS; found, of: true objects; extra: extra boxes.

        boxes: of each picture the best DRAWN as [x1, y1, x2, y2, label, score], in px.
        """
        predictions, left = self.predictions[self.values["model"]], self.detections()
        found, objects = objects_found(left, self.batch.ground_truth)
        shown = sum(map(len, left))
        boxes = []
        for one in left:
            rows = torch.cat([one.boxes, one.labels[:, None], one.scores[:, None]], 1)[:DRAWN]
            boxes.append([[round(value, 3) for value in row] for row in rows.tolist()])
        return {
            "all": predictions.scores.numel(),
            "answers": int((predictions.scores > self.values["threshold"]).sum()),
            "shown": shown,
            "found": found,
            "of": objects,
            "extra": shown - found,
            "boxes": boxes,
            "words": f"Above {self.values['threshold']:.3f}: {shown} boxes. {found} of {objects} objects found, "
            f"{shown - found} extra boxes.",
        }

    def figure(self) -> NotebookFigure:
        left = [one.take(slice(DRAWN)) for one in self.detections()]
        title = f"{self.values['model']}, {self.numbers()['words'][0].lower()}{self.numbers()['words'][1:]}"
        return detection_grid(self.batch.images, left, self.classes, self.batch.ground_truth, title=title)
