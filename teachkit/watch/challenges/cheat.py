"""Cheating a score: boxes thrown at random beside a detector's answers, and what four scores make of them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from teachkit.errors import UserError
from teachkit.experiments.recorded import detector
from teachkit.feed.decode import eval_mode
from teachkit.feed.loader import load_data
from teachkit.learn.validation import detect_and_measure
from teachkit.scoring import objects_found, score
from teachkit.structures import Batch, Detections
from teachkit.watch.figures.colours import PALETTE, class_styles
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import NotebookFigure, draw_box, show_image
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.chart import choice_of
from teachkit.watch.widgets.playground import Playground, between, one_of

EXAM, SHOWN, DRAWN = 24, 2, 120  # pictures of the exam, of them on the screen, boxes drawn in each
THROWN = (0, 1, 3, 10, 30, 100, 300)  # boxes a picture
SIZES = (1 / 8, 1 / 2)  # of a picture's side, as the objects of the built-in scenes
SURE = {"by dice": (0.0, 1.0), "hardly": (0.0011, 0.002)}  # how sure → confidences; evaluation keeps those above .001
SCORES = {"found": "found (recall)", "precision": "precision", "f1": "F1", "map50": "mAP50"}


class CheatPlayground(Playground):
    """A detector's answers above a threshold, and random boxes beside them: recall, precision, F1 and mAP50 follow.

    model: a Detector with its `classes`, by default that of the built-in shapes; batch: pictures with their truth, the
    first two are shown; threshold: 0–1; thrown: random boxes a picture, one of THROWN; sure: how confident they are, a
    name of SURE. UserError if a value is refused.
    """

    _esm = front_end("challenges/cheat.js")
    _css = front_end("challenges/cheat.css")
    title = "Cheat the score"
    words = "A detector's boxes and boxes thrown at random, with what found, precision, F1 and mAP50 make of them"

    def __init__(
        self,
        model: nn.Module | None = None,
        batch: Batch | None = None,
        classes: Sequence[str] | None = None,
        *,
        threshold: float = 0.25,
        thrown: int = 0,
        sure: str = "by dice",
    ) -> None:
        if model is None:
            model, classes = detector("shapes")
        if classes is None:
            raise UserError("a detector's classes must be known: CheatPlayground(model, batch, classes)")
        self.classes = list(classes)
        self.batch = next(iter(load_data("shapes", "val", EXAM, limit=EXAM, device="cpu"))) if batch is None else batch
        with torch.no_grad(), eval_mode(model):  # asked once: neither slider changes the answers
            self.answers_of_model = detect_and_measure(model, None, self.batch)[1]
        self.levers = {
            "threshold": between("threshold", 0, 1),
            "thrown": choice_of("thrown", THROWN),
            "sure": one_of("sure", SURE),
        }
        super().__init__(threshold=threshold, thrown=thrown, sure=sure)

    def detections(self) -> list[Detections]:
        """What is handed in for each picture of the exam: the same dice each time."""
        dice = torch.Generator().manual_seed(0)
        kept = [one.take(one.scores > self.values["threshold"]) for one in self.answers_of_model]
        return [_together(one, self._thrown(dice)) for one in kept]

    def scores(self) -> dict[str, float]:
        """The four scores, 0–1, of SCORES."""
        handed_in = self.detections()
        boxes = sum(map(len, handed_in))
        found, objects = objects_found(handed_in, self.batch.ground_truth)
        return {
            "found": found / objects,
            "precision": found / boxes if boxes else 0.0,
            "f1": 2 * found / (boxes + objects),
            "map50": score(handed_in, self.batch.ground_truth, self.classes).map50,
        }

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        shown = range(min(SHOWN, len(self.batch)))
        content = {
            "classes": self.classes,
            "image_size": list(self.batch.images.shape[-2:]),
            "truth": [self.batch.ground_truth.image(index)[0].tolist() for index in shown],
            "thrown": list(THROWN),
            "sure": list(SURE),
            "scores": SCORES,
        }
        return content, [png(self.batch.images[index]) for index in shown]

    def numbers(self) -> dict[str, Any]:
        """scores: of SCORES; boxes: the surest DRAWN of each shown picture, as [x1, y1, x2, y2, label, score]."""
        scores, handed_in = self.scores(), self.detections()
        told = ", ".join(f"{label} {scores[name]:.2f}" for name, label in SCORES.items())
        count = sum(map(len, handed_in))
        return {
            "scores": scores,
            "count": count,
            "boxes": [_rows(one) for one in handed_in[:SHOWN]],
            "words": f"{count} boxes on {len(self.batch)} pictures: {told}.",
        }

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(9, 3), alt=f"{self.title}. {now['words']}", photo=True)
        figure.suptitle(f"{self.title}: {now['words']}", fontsize=9)
        *pictures, bars = figure.subplots(1, SHOWN + 1)
        for axes, image, found in zip(pictures, self.batch.images, self.detections(), strict=False):
            axes.axis("off")
            show_image(axes, image)
            for *box, label, _ in reversed(_rows(found)):
                draw_box(axes, box, class_styles(self.classes)[int(label)].colour)
        bars.barh(list(SCORES.values()), list(now["scores"].values()), color=PALETTE[0])
        bars.set(xlim=(0, 1), ylim=(len(SCORES) - 0.5, -0.5))
        return figure

    def _thrown(self, dice: torch.Generator) -> Detections:
        """Random boxes inside a picture, of random classes."""
        count = int(self.values["thrown"])
        tall, wide = self.batch.images.shape[-2:]
        picture = torch.tensor([wide, tall])
        sides = _between(*SIZES, torch.rand(count, 2, generator=dice)) * picture
        corners = torch.rand(count, 2, generator=dice) * (picture - sides)
        scores = _between(*SURE[self.values["sure"]], torch.rand(count, generator=dice))
        labels = torch.randint(len(self.classes), (count,), generator=dice)
        return Detections(torch.cat([corners, corners + sides], 1), scores, labels)  # [count, 4]


def _between(low: float, high: float, share: Tensor) -> Tensor:
    return low + (high - low) * share


def _together(one: Detections, other: Detections) -> Detections:
    return Detections(*(torch.cat(pair) for pair in zip(vars(one).values(), vars(other).values(), strict=True)))


def _rows(found: Detections) -> list[list[float]]:
    best = found.take(found.scores.argsort(descending=True)[:DRAWN])
    rows = torch.cat([best.boxes, best.labels[:, None], best.scores[:, None]], 1)
    return [[round(value, 2) for value in row] for row in rows.tolist()]
