"""Counting by hand against a detector: your error beside its error, at a score threshold that is moved."""

from typing import Any

import torch
from torch import nn

from teachkit.errors import UserError
from teachkit.feed.decode import eval_mode
from teachkit.learn.validation import detect_and_measure
from teachkit.scoring import counts
from teachkit.structures import Batch, Detections
from teachkit.watch.figures.colours import NO_CLASS
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import NotebookFigure, draw_box, show_image
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, rounded

MOST = 999  # a count
OPEN = -1  # not counted yet


class DoctorPlayground(Playground):
    """One picture, to be counted by hand. Then the detector's boxes above a threshold, the labels, and both errors.

    model: a Detector; batch: pictures with labels; classes: its class names; counted: the class to count, None for all
    objects; threshold: 0–1. UserError for an unknown class or a refused value.
    """

    _esm = front_end("challenges/doctor.js")
    _css = front_end("challenges/doctor.css")
    title = "Be the doctor: count"
    words = "A picture to be counted by hand, before a detector's count and the labels are shown"

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        classes: list[str],
        counted: str | None = None,
        threshold: float = 0.25,
    ) -> None:
        if counted is not None and counted not in classes:
            raise UserError(f"there is no class {counted!r}: choose from {', '.join(classes)}")
        self.batch, self.counted = batch, counted
        self.label = None if counted is None else classes.index(counted)
        with torch.no_grad(), eval_mode(model):
            self.detections = [one.to("cpu") for one in detect_and_measure(model, None, batch)[1]]
        self.yours: dict[int, int] = {}  # picture → your count
        self.levers = {
            "picture": rounded("picture", 0, len(batch) - 1),
            "count": rounded("count", OPEN, MOST),
            "threshold": between("threshold", 0.01, 0.99),
        }
        super().__init__(picture=0, count=OPEN, threshold=threshold)
        self.answers["reset"] = lambda message: self.reset()

    def reset(self) -> None:
        """Forgets all counts."""
        self.yours.clear()
        self.values, self.refused, self.error = dict(self._first), "", ""
        self._show()

    def set(self, **values: Any) -> None:
        """A first count stands; another picture has none until it is given."""
        now = self.values | self._checked(values)
        if now["picture"] != self.values["picture"]:
            values["count"] = self.yours.get(now["picture"], OPEN)
        elif self.values["count"] != OPEN and "count" in values:
            values["count"] = self.values["count"]
        elif now["count"] != OPEN:
            self.yours[now["picture"]] = now["count"]
        super().set(**values)

    def numbers(self) -> dict[str, Any]:
        """Nothing of the detector and the labels before the picture is counted.

        pictures: those counted so far; your_error, its_error: mean absolute error of the count over them.
        """
        picture, count = self.values["picture"], self.values["count"]
        what = self.counted or "objects"
        if count == OPEN:
            return {"boxes": [], "truth": [], "words": f"Picture {picture + 1}: how many {what} do you see?"}
        found, there = counts(self.detections, self.batch.ground_truth, self.values["threshold"], self.label)
        told = list(self.yours)
        mine = sum(abs(self.yours[one] - int(there[one])) for one in told) / len(told)
        its = float(abs(found - there)[told].mean())
        return {
            "boxes": self._boxes(picture),
            "truth": self._truth(picture),
            "yours": count,
            "found": int(found[picture]),
            "there": int(there[picture]),
            "pictures": len(told),
            "your_error": mine,
            "its_error": its,
            "words": f"You counted {count}, the detector {found[picture]}, the labels say {there[picture]} {what}. "
            f"Wrong by, over {len(told)} picture{'s' * (len(told) > 1)}: you {mine:.1f}, the detector {its:.1f}.",
        }

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "what": self.counted or "objects",
            "pictures": len(self.batch),
            "image_size": list(self.batch.images.shape[-2:]),
        }
        return content, [png(image) for image in self.batch.images]

    def figure(self) -> NotebookFigure:
        words, picture = self.numbers()["words"], self.values["picture"]
        figure = NotebookFigure(figsize=(5, 5.3), alt=f"{self.title}. {words}", photo=True)
        axes = figure.subplots()
        axes.axis("off")
        axes.set_title(words, fontsize=9, wrap=True)
        show_image(axes, self.batch.images[picture])
        for box in self.numbers()["boxes"]:
            draw_box(axes, box, NO_CLASS)
        return figure

    def _boxes(self, picture: int) -> list[list[float]]:
        found: Detections = self.detections[picture]
        mine = found.scores > self.values["threshold"]
        if self.label is not None:
            mine &= found.labels == self.label
        return [[round(side, 2) for side in box] for box in found.boxes[mine].tolist()]

    def _truth(self, picture: int) -> list[list[float]]:
        boxes, labels = self.batch.ground_truth.image(picture)
        return (boxes if self.label is None else boxes[labels == self.label]).tolist()
