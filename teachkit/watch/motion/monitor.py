"""Looks on while a loop trains: the losses of each batch, and every few batches boxes on pictures and their F1."""

import base64
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice
from typing import Any, cast

import traitlets
from matplotlib.axes import Axes

from teachkit.errors import UserError, whole
from teachkit.feed.detector import Detector
from teachkit.scoring import f1_score
from teachkit.structures import LOSS_NAMES, Batch, GroundTruth, Losses, LossWeights, Predictions
from teachkit.watch.figures.colours import PALETTE, class_styles
from teachkit.watch.figures.images import png
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import LOSSES, NotebookFigure, draw_box, show_image
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.frontend.notebook import replace_widget_of_this_cell
from teachkit.watch.frontend.widget import Widget
from teachkit.watch.timeline.marks import word
from teachkit.watch.timeline.timeline import Curve, Found, rows_of

PICTURES, SCORED = 4, 32  # pictures that are shown, and that F1 is measured on
SURE, GUESSES = 0.25, 3  # the score from which a box counts, and how many are shown of a picture without such a box
MOST_LOOKS = 200
MOMENTS, IN_STRIP = 6, 2  # columns of the static image once there was a training, and its pictures
GUESSED = "#c9d1da"
PAUSE = 0.1  # s between two countings: counting must not slow the loop down


class TrainingMonitor(Widget):
    """Shows a training whose loop is written by hand, and changes nothing of it.

    The loop goes over `training_data` and calls `criterion` of this object, which hand on what the given ones say.
    model: of the loop; validation: batches with their truth, of which the first pictures are looked at, before the loop
    and after every `every` batches. Afterwards, and while the loop runs, the page plays what it has seen.
    UserError if `every` is not a whole number from 1.
    """

    _esm = front_end("motion/monitor.js")
    _css = front_end("motion/monitor.css")
    words = "A training as it goes: boxes on four pictures, three losses and F1 after every few batches"

    setup = traitlets.Dict().tag(sync=True)  # traits, not messages: a page may open while the loop keeps Python busy
    losses = traitlets.Dict().tag(sync=True)
    scores = traitlets.Dict().tag(sync=True)
    looks: Any = traitlets.List().tag(sync=True)  # [step, boxes that count, guesses], each of them Found
    told = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        model: Detector,
        training_data: Any,
        criterion: Callable[[Predictions, GroundTruth], Losses],
        validation: Iterable[Batch],
        every: int = 10,
    ) -> None:
        super().__init__()
        replace_widget_of_this_cell(self)
        self.model, self.every = model, whole("every", every, 1)
        self.training_data = Watched(self, _given(training_data))
        self.criterion = Heard(self, _given(criterion))
        self.validation = _first(validation, SCORED)
        self.steps = self.passes = 0
        self._curves = {"losses": Curve(("step", *LOSS_NAMES)), "scores": Curve(("step", "f1"))}
        self._listening = False
        pictures = self.validation[0].take(slice(PICTURES))
        self.classes = list(getattr(validation, "classes", [])) or [f"class {one}" for one in range(1000)]
        self.setup = {
            "classes": self.classes,
            "image_size": list(pictures.images.shape[-2:]),
            "truth": [pictures.ground_truth.image(one)[0].tolist() for one in range(len(pictures))],
            "pictures": [base64.b64encode(png(one)).decode() for one in pictures.images],
            "scored": sum(map(len, self.validation)),
        }
        self.told = f"{len(self.training_data)} batches in a pass, none taken yet"
        self.look()

    def look(self) -> None:
        """What the model finds now. A step that was looked at already is left alone."""
        if self.looks and self.looks[-1][0] == self.steps:
            return
        try:
            found = [self.model.detect(batch.images, SURE) for batch in self.validation]
            f1: float | None = f1_score(found, [batch.ground_truth for batch in self.validation], SURE)
            sure, guesses = self._shown()
        except UserError as broken:  # the loop is the student's, and goes on
            nothing: Found = [[] for _ in self.setup["truth"]]
            self.told, sure, guesses, f1 = str(broken), nothing, nothing, None
        self._curves["scores"].append(self.steps, f1)
        if len(self.looks) > MOST_LOOKS:
            self.looks = self.looks[::2]
        self.looks = [*self.looks, [self.steps, sure, guesses]]
        self.scores, self.losses = (self._curves[name].since(0) for name in ("scores", "losses"))

    def _shown(self) -> tuple[Found, Found]:
        """Of each picture the boxes that count; where there are none, the best few that do not."""
        images = self.validation[0].images[: len(self.setup["truth"])]
        sure = [rows_of(one) for one in self.model.detect(images, SURE)]
        guesses: Found = [[] for _ in sure]
        if not all(sure):
            best = self.model.detect(images, score_threshold=0, iou_threshold=0.5, limit=GUESSES)
            guesses = [[] if its else rows_of(one.take(slice(GUESSES))) for its, one in zip(sure, best, strict=True)]
        return sure, guesses

    def hear(self, losses: Losses) -> None:
        """Keeps the losses of the batch that the loop has in hand; others are not of the training."""
        if self._listening:
            values = dict(losses.items())
            self._curves["losses"].append(self.steps, *(values[name] for name in LOSS_NAMES))

    def batches(self, data: Any) -> Iterator[Batch]:
        """One pass over the data, looked at on the way."""
        told = time.monotonic()
        self._listening = True
        try:
            for taken, batch in enumerate(data):
                if self.steps % self.every == 0:
                    self.look()
                if time.monotonic() - told > PAUSE:
                    self.told, told = f"pass {self.passes + 1}: {taken} of {len(data)} batches", time.monotonic()
                yield batch
                self.steps += 1
            self.passes += 1
            self.told = f"pass {self.passes}: all {len(data)} batches"
            self.look()
        finally:  # also where the loop is stopped
            self._listening = False

    def figure(self) -> NotebookFigure:
        """Pictures at several moments, and below them the curves; before the loop the pictures alone."""
        moments = _spread(self.looks, MOMENTS)
        if len(moments) < 2:
            count = len(self.setup["truth"])
            figure = NotebookFigure(figsize=(2 * count, 2.3), alt=self.words, photo=True)
            for place, axes in enumerate(figure.subplots(1, count, squeeze=False)[0]):
                self._draw(axes, place, *self.looks[-1][1:])
            figure.suptitle("before the first batch: its best guesses (dotted), the truth (dashed)", fontsize=10)
            return figure
        figure = NotebookFigure(figsize=(9, 5.5), alt=self.words, photo=True)
        above, below = figure.subfigures(2, 1, height_ratios=[3.2, 2.3], squeeze=False)[:, 0]
        rows = above.subplots(min(IN_STRIP, len(self.setup["truth"])), len(moments), squeeze=False)
        for place, row in enumerate(rows):
            for axes, (step, *found) in zip(row, moments, strict=True):
                self._draw(axes, place, *found)
                if place == 0:
                    axes.set_title(f"batch {step}", fontsize=10)
        self._draw_curves(*below.subplots(1, 2))
        return figure

    def static_image(self) -> bytes:
        return self.figure().few_colours(256, rare=True)

    def _draw(self, axes: Axes, place: int, sure: Found, guesses: Found) -> None:
        axes.axis("off")
        show_image(axes, self.validation[0].images[place])
        for box in self.setup["truth"][place]:
            draw_box(axes, box, "white", dashed=True)
        for row in guesses[place]:
            draw_box(axes, row[:4], GUESSED, dotted=True)
        colours = [style.colour for style in class_styles(self.classes)]
        for *box, label, _ in reversed(sure[place]):
            draw_box(axes, box, colours[int(label)])
        named = [(row[:4], self.classes[int(row[4])], colours[int(row[4])]) for row in sure[place]]
        write_names(axes, named)

    def _draw_curves(self, losses: Axes, scores: Axes) -> None:
        column = lambda part, name: [math.nan if one is None else one for one in self._curves[part].since(0)[name]]  # noqa: E731
        for name, (colour, dash, _) in LOSSES.items():
            values = column("losses", "step"), column("losses", name)
            losses.plot(*values, color=colour, linestyle=dash, label=word(name))
        losses.set(yscale="log", xlabel="batch", ylabel="loss", title="the three losses, batch by batch")
        losses.legend(fontsize=9)
        scores.plot(column("scores", "step"), column("scores", "f1"), "o-", color=PALETTE[0])
        scores.set(ylim=(0, 1), xlabel="batch", ylabel="F1", title=f"F1 on {self.setup['scored']} pictures of the exam")
        for axes in (losses, scores):
            axes.grid(alpha=0.3)


class Watched:
    """Training data that a monitor looks on at."""

    def __init__(self, monitor: TrainingMonitor, given: Any) -> None:
        self.monitor, self.given = monitor, given

    def __len__(self) -> int:
        return len(cast(Sized, self.given))

    def __iter__(self) -> Iterator[Batch]:
        return self.monitor.batches(self.given)


class Heard:
    """A criterion that a monitor hears."""

    def __init__(self, monitor: TrainingMonitor, given: Any) -> None:
        self.monitor, self.given = monitor, given

    @property
    def weights(self) -> LossWeights:
        return cast(LossWeights, self.given.weights)

    def __call__(self, predictions: Predictions, ground_truth: GroundTruth) -> Losses:
        losses: Losses = self.given(predictions, ground_truth)
        self.monitor.hear(losses)
        return losses


def _given(one: Any) -> Any:
    """Without a monitor around it: a cell may be run twice."""
    return one.given if isinstance(one, Watched | Heard) else one


def _first(validation: Iterable[Batch], count: int) -> list[Batch]:
    """The first batches, until there are `count` pictures. UserError if there is none."""
    batches: list[Batch] = []
    for batch in islice(validation, count):
        batches.append(batch.take(slice(count - sum(map(len, batches)))))
        if sum(map(len, batches)) >= count:
            break
    if not batches:
        raise UserError("there is no validation picture to look at")
    return batches


def _spread(looks: list[Any], count: int) -> list[Any]:
    """The first look, the last one and some between: near each other at first, where the most happens."""
    last = len(looks) - 1
    places = {round(last * (one / (count - 1)) ** 1.5) for one in range(count)}
    return [looks[place] for place in sorted(places)]
