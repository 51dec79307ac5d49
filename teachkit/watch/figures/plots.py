"""Figures of a run and of detections. Pure functions: records or tensors in, a figure out.

Figures are made without pyplot, which keeps every figure alive and is not safe in threads.
"""

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Tick
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image
from torch import Tensor

from teachkit.structures import Detections, GroundTruth
from teachkit.watch.figures.colours import PALETTE, ClassStyle, class_styles
from teachkit.watch.figures.letters import write_plainly
from teachkit.watch.figures.names import write_names

LOSSES = {"box": (PALETTE[0], "-", "o"), "cls": (PALETTE[1], "--", "s"), "dfl": (PALETTE[2], "-.", "^")}
SCORES = {"map50": (PALETTE[0], "-", "o"), "map": (PALETTE[1], "--", "s"), "map75": (PALETTE[2], "-.", "^")}
CROWDED = 10  # detections in a picture, above which names would hide them
EVENTS = {"spike": "spike", "skipped": "skipped step", "plateau": "plateau", "diverged": "diverged"}


class NotebookFigure(Figure):
    """A matplotlib Figure that a notebook shows by itself. alt: a description for those who cannot see it.

    photo: stores it as a JPEG, which takes a tenth of a PNG's size where it holds pictures.
    """

    def __init__(self, *args: Any, alt: str, layout: Any = "constrained", photo: bool = False, **settings: Any) -> None:
        super().__init__(*args, layout=layout, **settings)
        self.alt, self.photo = alt, photo

    def draw(self, renderer: Any) -> None:
        found = self.findobj(lambda one: isinstance(one, Tick | Text))  # once: it takes as long as drawing one chart
        ticks = {label for tick in found if isinstance(tick, Tick) for label in (tick.label1, tick.label2)}
        for text in (one for one in found if isinstance(one, Text)):
            if text not in ticks or not text.get_text().isascii():  # 10⁻³ on a logarithmic axis is a formula of its own
                write_plainly(text)
        super().draw(renderer)

    def png(self, **metadata: str) -> bytes:
        """metadata: text to be kept in the file, as Software and Comment."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", metadata=metadata or None)
        return buffer.getvalue()

    def jpeg(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="jpeg", pil_kwargs={"quality": 85})
        return buffer.getvalue()

    def few_colours(self, count: int, rare: bool = False) -> bytes:
        """A PNG with a palette of `count` colours, a third or a quarter of the size.

        rare: keeps a colour that few pixels have, such as that of a curve beside photos.
        """
        method = Image.Quantize.MAXCOVERAGE if rare else Image.Quantize.MEDIANCUT
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self.png())) as image:
            image.convert("RGB").quantize(count, method).save(buffer, format="png", optimize=True)
        return buffer.getvalue()

    def stored(self) -> bytes:
        """The PNG that a notebook keeps. A chart needs no more than 128 colours."""
        return self.png() if any(axes.images for axes in self.axes) else self.few_colours(128)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """The image, and text that is the same on every machine for pages that cannot show it."""
        kind = "image/jpeg" if self.photo else "image/png"
        image = base64.b64encode(self.jpeg() if self.photo else self.stored()).decode()
        return {kind: image, "text/plain": self.alt}, {kind: {"alt": self.alt}}


def curves(records: Sequence[dict[str, Any]]) -> NotebookFigure:
    """The course of a run: its three unweighted losses, validation scores, learning rate and incidents.

    records: what a Trainer hands out, or the lines of a `--log` file, in order.
    """
    steps = [record for record in records if record["kind"] == "step"]
    epochs = [record for record in records if record["kind"] == "epoch"]
    last_step = {record.get("epoch"): record["step"] for record in steps}
    ends = [last_step.get(record["epoch"], 0) for record in epochs]

    figure = NotebookFigure(figsize=(11, 3.4), alt="Curves of a training run: losses, scores and learning rate by step")
    losses, scores, rate = figure.subplots(1, 3)
    for name, (colour, dash, marker) in LOSSES.items():
        at, values = _finite([record["step"] for record in steps], [record.get(name) for record in steps])
        losses.plot(at, values, color=colour, alpha=0.25, linewidth=0.8)
        losses.plot(at, _smooth(values), color=colour, linestyle=dash, label=name)
        at, values = _finite(ends, [record.get(f"val_{name}") for record in epochs])
        losses.plot(at, values, color=colour, linestyle="none", marker=marker, markersize=5, clip_on=False)
    for name, (colour, dash, marker) in SCORES.items():
        at, values = _finite(ends, [record.get(name) for record in epochs])
        scores.plot(at, values, color=colour, linestyle=dash, marker=marker, markersize=4, label=name, clip_on=False)
    rate.plot(*_finite([record["step"] for record in steps], [record.get("lr") for record in steps]), color=PALETTE[0])
    _mark_events(losses, records)

    losses.set(title="losses (line: training, mark: validation)", ylabel="unweighted loss")
    scores.set(title="scores on validation", ylabel="average precision", ylim=(0, 1))
    rate.set(title="learning rate", ylabel="learning rate")
    for axes in (losses, scores, rate):
        axes.set(xlabel="step", xlim=(0, max(1, len(steps))))
        axes.grid(alpha=0.3)
    for axes in (losses, rate):  # a logarithm shows progress that a linear axis squeezes into the floor
        if any(value > 0 for line in axes.lines for value in line.get_ydata()):
            axes.set_yscale("log", nonpositive="mask")  # a loss of 0 has no place there
    losses.legend(loc="upper right", fontsize=9)
    scores.legend(loc="lower right", fontsize=9)
    return figure


def detection_grid(
    images: Sequence[Tensor] | Tensor,
    detections: Sequence[Detections] | None,
    classes: Sequence[str],
    ground_truth: GroundTruth | None = None,
    columns: int = 4,
    title: str = "",
) -> NotebookFigure:
    """Pictures with their detections, solid and named with their scores, over the true boxes, white and dashed.

    True boxes are named only where no detections are drawn: two names on top of each other cannot be read.
    images: B of [3, H, W], float in 0–1 or uint8; detections and ground_truth: of the same B images, or None.
    """
    count = len(images)
    columns = max(1, min(columns, count))
    rows = max(1, math.ceil(count / columns))
    height, width = images[0].shape[-2:] if count else (1, 1)
    crowded = detections is not None and any(len(found) > CROWDED for found in detections)
    spare = (0.35 if title else 0) + (0.3 if crowded else 0)
    alt = f"{title or 'Pictures with detected boxes'}: detections are solid, true objects are dashed"
    side = min(3.4, max(2.3, 11 / columns))  # in: as large as a cell's width lets it be
    figure = NotebookFigure(figsize=(side * columns, side * rows * height / width + spare), alt=alt, photo=True)
    figure.suptitle(title, parse_math=False)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    for index, (axes, image) in enumerate(zip(grid, images, strict=False)):
        show_image(axes, image)
        if ground_truth is not None:
            truth = list(zip(*(part.tolist() for part in ground_truth.image(index)), strict=True))
            for box, _ in truth:
                draw_box(axes, box, "white", dashed=True)
            if detections is None:
                write_names(axes, [(box, classes[label], "white") for box, label in truth])
        if detections is not None:
            draw_detections(axes, detections[index], classes, brief=crowded)
    if crowded:
        keys = [_key(name, style) for name, style in zip(classes, class_styles(classes), strict=True)]
        figure.legend(handles=keys, loc="outside lower center", ncols=min(len(keys), 2 * columns), frameon=False)
    return figure


def annotated(image: Tensor, found: Detections, classes: Sequence[str]) -> NotebookFigure:
    """One picture, pixel for pixel, with its detections. image: [3, h, w], float in 0–1 or uint8."""
    height, width = image.shape[-2:]
    dpi = max(100.0, max(height, width) / 6.4)  # lines and letters grow with a large picture
    alt = f"A picture with {len(found)} detected boxes"
    figure = NotebookFigure(figsize=(width / dpi, height / dpi), dpi=dpi, alt=alt, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    show_image(axes, image)
    draw_detections(axes, found, classes)
    return figure


def draw_detections(axes: Axes, found: Detections, classes: Sequence[str], brief: bool = False) -> None:
    """Draws each detection in its class's colour with name and score, the best on top. brief: initials only."""
    rows = list(zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True))
    colours = [style.colour for style in class_styles(classes)]
    for box, _, label in reversed(rows):
        draw_box(axes, box, colours[label])
    text = "{name:.1}" if brief else "{name} {score:.2f}"
    write_names(axes, [(box, text.format(name=classes[one], score=score), colours[one]) for box, score, one in rows])


def _key(name: str, style: ClassStyle) -> Line2D:
    """For a legend: the colour of a class's boxes, and its marker."""
    return Line2D([], [], color=style.colour, linewidth=3, marker=style.letter, markersize=8, mec="black", label=name)


def draw_box(axes: Axes, box: Sequence[float], colour: str, dashed: bool = False, dotted: bool = False) -> None:
    x1, y1, x2, y2 = box
    # On a dark line of its own: a white dash is lost on a bright picture, a coloured line on one of its colour.
    for edge, width, dash in (("black", 2.4, "-"), (colour, 1.4, "--" if dashed else ":" if dotted else "-")):
        frame = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=edge, linewidth=width, linestyle=dash)
        axes.add_patch(frame)


def show_image(axes: Axes, image: Tensor) -> None:
    height, width = image.shape[-2:]
    axes.imshow(image.detach().cpu().permute(1, 2, 0).numpy(), extent=(0, width, height, 0), interpolation="nearest")
    axes.set(xlim=(0, width), ylim=(height, 0))


def _mark_events(axes: Axes, records: Sequence[dict[str, Any]]) -> None:
    """A dotted line at each incident, named once in the legend."""
    named: set[str] = set()
    for record in records:
        if record["kind"] == "event" and record.get("what") in EVENTS:
            name = EVENTS[record["what"]]
            label = None if name in named else name
            colour = PALETTE[3 + list(EVENTS.values()).index(name)]
            axes.axvline(record["step"], color=colour, linestyle=":", linewidth=1.2, label=label)
            named.add(name)


def _finite(at: Sequence[float], values: Sequence[float | None]) -> tuple[list[float], list[float]]:
    """The pairs that can be drawn: a value may be None or not finite."""
    pairs = [(x, y) for x, y in zip(at, values, strict=True) if y is not None and math.isfinite(y)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _smooth(values: Sequence[float]) -> list[float]:
    """Running mean with exponentially fading memory of about nine steps."""
    mean, result, keep = 0.0, [], 0.8
    for count, value in enumerate(values, start=1):
        mean = keep * mean + (1 - keep) * value
        result.append(mean / (1 - keep**count))  # else it starts at 0
    return result
