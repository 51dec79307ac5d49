"""A predicted box over a true box: the IoU family, its losses, and the slope of each loss at every edge."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from teachkit.analysis.sliding_box import EDGES, LEAST_SIDE, MEASURES, STOPS, losses_and_slopes, slid, span
from teachkit.errors import UserError
from teachkit.watch.figures.boxes import LINES
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of

SLIDES = {"across": "move it left and right", "down": "move it up and down", "wide": "make it narrower and wider"}
CANVAS = (128, 128)  # height and width in px where there is no picture
FLAT = 1e-6  # per px: far less than an edge on the screen could show, and far more than rounding


def box_within(size: tuple[int, int]) -> Callable[[Any], list[float]]:
    """A lever that takes four numbers, or text with four numbers: a box inside a picture, size: (height, width) px."""
    height, width = size
    numbers = [between(name, 0, most) for name, most in zip(EDGES, (width, height) * 2, strict=True)]

    def check(value: Any) -> list[float]:
        parts = value.replace(",", " ").replace(";", " ").split() if isinstance(value, str) else value
        if isinstance(parts, Tensor):
            parts = parts.tolist()
        if not isinstance(parts, list | tuple) or len(parts) != len(EDGES):
            raise UserError(f"a box is four numbers, left, top, right and bottom in px, not {value!r}")
        box = [number(part) for number, part in zip(numbers, parts, strict=True)]
        if box[2] - box[0] < LEAST_SIDE or box[3] - box[1] < LEAST_SIDE:
            raise UserError(f"right must be at least {LEAST_SIDE:g} px past left, and bottom past top, not {value!r}")
        return box

    return check


class IoUPlayground(Playground):
    """The predicted box is dragged and resized; four measures, their losses and the slope at every edge follow.

    truth, predicted: xyxy px; measure: "iou", "giou", "diou" or "ciou", whose slope is drawn as arrows;
    slide: along which way the chart shows the losses, "across", "down" or "wide";
    picture: [3, H, W] float in 0–1 to lie under them, else an empty canvas of 128 × 128 px.
    """

    _esm = front_end("widgets/iou.js")
    _css = front_end("widgets/iou.css")
    title = "One box over the truth: the IoU family"
    words = (
        "A predicted box over a dashed true box, with the slope of a loss at each edge, and four losses along a slide"
    )

    def __init__(
        self,
        truth: Sequence[float] | Tensor = (24, 24, 104, 104),
        predicted: Sequence[float] | Tensor = (40, 52, 60, 72),
        measure: str = "ciou",
        slide: str = "across",
        picture: Tensor | None = None,
    ) -> None:
        if picture is not None and (picture.ndim != 3 or len(picture) != 3):
            raise UserError(f"a picture is [3, H, W], floats in 0–1, not {list(picture.shape)}")
        self.picture = None if picture is None else picture.detach().cpu().clamp(0, 1)
        self.size = CANVAS if picture is None else (picture.shape[1], picture.shape[2])
        self.truth = torch.tensor(box_within(self.size)(truth), dtype=torch.float64)
        self.levers = {
            "predicted": box_within(self.size),
            "measure": one_of("measure", MEASURES),
            "slide": one_of("slide", SLIDES),
        }
        super().__init__(predicted=predicted, measure=measure, slide=slide)

    def places(self) -> list[tuple[str, list[float]]]:
        """Predicted boxes that show something, by name: made for this true box, each inside the picture."""
        x1, y1, x2, y2 = self.truth.tolist()
        width, height, middle, level = x2 - x1, y2 - y1, (x1 + x2) / 2, (y1 + y2) / 2

        def centred(wide: float, high: float) -> list[float]:
            return [middle - wide / 2, level - high / 2, middle + wide / 2, level + high / 2]

        candidates = {
            "small, in the middle": centred(width / 4, height / 4),
            "small, in a corner": [x1 + width / 16, y1 + height / 16, x1 + width * 5 / 16, y1 + height * 5 / 16],
            "right shape, half the size": centred(width / 2, height / 2),
            "right middle, too long": centred(width / 1.1, height / 4),
            "apart": [0.0, 0.0, max(LEAST_SIDE, x1 * 0.7), max(LEAST_SIDE, y1 * 0.7)],
            "nearly right": [x1 + width / 20, y1 - height / 20, x2 + width / 20, y2 - height / 20],
        }
        kept = []
        for name, box in candidates.items():
            with contextlib.suppress(UserError):  # too near the picture's edge for this one
                kept.append((name, self.levers["predicted"]([round(value, 1) for value in box])))
        return kept

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "size": list(self.size),
            "truth": self.truth.tolist(),
            "least": LEAST_SIDE,
            "measures": {key: name for key, (name, _) in MEASURES.items()},
            "slides": list(SLIDES.items()),
            "places": self.places(),
        }
        return content, [] if self.picture is None else [png(self.picture)]

    def numbers(self) -> dict[str, Any]:
        """measures: value, loss, slopes per px of its four edges, of moving (→, ↓) and of growing (wider, taller)."""
        predicted = torch.tensor(self.values["predicted"], dtype=torch.float64)
        losses, slopes = losses_and_slopes(predicted, self.truth)
        table = {
            key: {
                "value": 1 - loss,
                "loss": loss,
                "slopes": [left, top, right, bottom],
                "move": [left + right, top + bottom],
                "grow": [(right - left) / 2, (bottom - top) / 2],
            }
            for key, loss, (left, top, right, bottom) in zip(MEASURES, losses.tolist(), slopes.tolist(), strict=True)
        }
        low, high = span(self.values["predicted"], self.values["slide"], self.size)
        at = torch.linspace(low, high, STOPS, dtype=torch.float64)
        along = slid(self.values["predicted"], self.values["slide"], at)
        sentence = self.sentence(table[self.values["measure"]])
        values = ", ".join(f"{name} {table[key]['value']:.2f}" for key, (name, _) in MEASURES.items())
        return {
            "measures": table,
            "chart": {key: (1 - measure(along, self.truth)).tolist() for key, (_, measure) in MEASURES.items()},
            "range": [low, high],
            "said": sentence,
            "words": f"{values}. {sentence}",
        }

    def sentence(self, chosen: dict[str, Any]) -> str:
        """What the slopes of the chosen loss mean, in a sentence."""
        name = MEASURES[self.values["measure"]][0]
        if chosen["loss"] < FLAT:
            return f"The box lies on the truth: the {name} loss is 0, and nothing is left to do."
        if max(map(abs, chosen["slopes"])) < FLAT:
            return f"The {name} loss has no slope at all here: no step, however long, would move this box."
        if max(map(abs, chosen["move"])) < FLAT:
            return f"The {name} loss asks for another size; to where the box lies, it is blind: moving has slope 0."
        steepest = max(range(len(EDGES)), key=lambda edge: abs(chosen["slopes"][edge]))
        return (
            f"The {name} loss is {chosen['loss']:.3f}; steepest at the {EDGES[steepest]} edge, "
            f"{abs(chosen['slopes'][steepest]):.4f} per px. An arrow shows where a step would move its edge."
        )

    def figure(self) -> NotebookFigure:
        now, key = self.numbers(), self.values["measure"]
        figure = NotebookFigure(figsize=(9, 3.6), alt=f"{self.words}. {now['words']}")
        stage, chart = figure.subplots(1, 2, width_ratios=(1, 1.35))
        height, width = self.size
        if self.picture is not None:
            stage.imshow(self.picture.permute(1, 2, 0).numpy(), extent=(0, width, height, 0))
        for box, dash, colour in ((self.truth.tolist(), "--", "black"), (self.values["predicted"], "-", PALETTE[0])):
            sides = (box[2] - box[0], box[3] - box[1])
            stage.add_patch(Rectangle(tuple(box[:2]), *sides, fill=False, linewidth=4, edgecolor="white"))
            stage.add_patch(
                Rectangle(tuple(box[:2]), *sides, fill=False, linewidth=2, linestyle=dash, edgecolor=colour)
            )
        x1, y1, x2, y2 = self.values["predicted"]
        anchors = ((x1, (y1 + y2) / 2), ((x1 + x2) / 2, y1), (x2, (y1 + y2) / 2), ((x1 + x2) / 2, y2))
        for edge, (start, slope) in enumerate(zip(anchors, now["measures"][key]["slopes"], strict=True)):
            step = [0.0, 0.0]
            step[edge % 2] = max(-0.25, min(0.25, -25 * slope)) * width
            if abs(slope) > FLAT:
                end = (start[0] + step[0], start[1] + step[1])
                stage.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": PALETTE[1], "linewidth": 2})
        stage.set(xlim=(0, width), ylim=(height, 0), xlabel="px", title="dashed: truth, solid: predicted")
        stage.set_aspect("equal")
        low, high = now["range"]
        at = torch.linspace(low, high, STOPS).tolist()
        for name, (colour, dash) in LINES.items():
            chart.plot(at, now["chart"][name], color=colour, linestyle=dash, linewidth=2, label=MEASURES[name][0])
        chart.axvline(self.along(), color="black", linewidth=1)
        chart.set(
            xlabel=f"px: {SLIDES[self.values['slide']]}",
            ylabel="loss",
            title=f"{MEASURES[key][0]} loss {now['measures'][key]['loss']:.3f}",
        )
        chart.legend(fontsize=9)
        return figure

    def along(self) -> float:
        """Where on the chosen slide the box is, px."""
        x1, y1, x2, _ = self.values["predicted"]
        return {"across": x1, "down": y1, "wide": x2 - x1}[self.values["slide"]]
