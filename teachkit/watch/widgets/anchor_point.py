"""One anchor point of a detector: what it sees, its place in the feature map, its bins, its box and its scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from teachkit.boxes import expected_bin
from teachkit.errors import UserError
from teachkit.experiments.recorded import trained_and_untrained
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.structures import Predictions
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.figures.images import png
from teachkit.watch.figures.inside import SIDES, draw_decoded
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of, rounded

NUMBER = 6  # of the picture in the built-in validation set that is shown if none is given
CELL = 4  # px: the side of the squares in which the influence of pixels is shown


class AnchorPointPlayground(Playground):
    """A point of a picture is chosen: its receptive window lights up, and its numbers become a box and scores.

    models: name → detector in eval mode on the CPU, by default "trained" (on the built-in shapes) and "untrained";
    image: [3, H, W] in 0–1, by default one of the built-in validation set; x, y: px, of which the nearest anchor point
    of the stride is taken, by default the one that the first detector is surest at; channel: of the feature map, by
    default the one that stands out most there. UserError if there is no model, or a value is out of range.
    """

    _esm = front_end("widgets/anchor_point.js")
    _css = front_end("widgets/anchor_point.css")
    title = "One anchor point and its answer"
    words = "An anchor point of a picture: its receptive window, a feature map, its bins, its box and its scores"

    def __init__(
        self,
        models: Mapping[str, Detector] | None = None,
        image: Tensor | None = None,
        classes: Sequence[str] | None = None,
        **values: Any,
    ) -> None:
        if models is None:
            models, names = trained_and_untrained()
            classes = names if classes is None else classes
        if not models:
            raise UserError("give at least one detector")
        self.models = dict(models)
        if image is None:
            image = next(iter(load_data("shapes", "val", device="cpu", limit=NUMBER + 1))).images[NUMBER]
        self.image = image.detach().cpu()
        with torch.no_grad():
            self.maps = {name: one.features(self.image[None]) for name, one in self.models.items()}
            self.predictions: dict[str, Predictions] = {n: one.head(self.maps[n]) for n, one in self.models.items()}
        first = next(iter(self.models))
        asked = self.predictions[first]
        count = asked.cls_logits.shape[-1]
        self.classes = [str(one) for one in classes] if classes is not None else [f"class {n}" for n in range(count)]
        self.strides = [f"{stride:g}" for stride in asked.strides.unique().tolist()]
        height, width = self.image.shape[-2:]
        self.levers = {
            "x": between("x", 0, width),
            "y": between("y", 0, height),
            "stride": one_of("stride", self.strides),
            "channel": rounded("channel", 0, self.maps[first][0].shape[1] - 1),
            "model": one_of("model", list(self.models)),
        }
        surest = int(asked.scores[0].amax(1).argmax())
        x, y = asked.anchor_points[surest].tolist()
        start = {"x": x, "y": y, "stride": f"{asked.strides[surest]:g}", "channel": 0, "model": first}
        super().__init__(**(start | values))
        if "channel" not in values:
            self.values["channel"] = self._first["channel"] = self._outstanding()

    @property
    def point(self) -> int:
        """The index of the anchor point that is chosen."""
        asked = self.predictions[self.values["model"]]
        place = torch.tensor([self.values["x"], self.values["y"]])
        far = (asked.anchor_points - place).square().sum(1)
        return int(far.masked_fill(asked.strides != float(self.values["stride"]), torch.inf).argmin())

    @property
    def map(self) -> Tensor:
        """[channels, h, w]: the feature map of the chosen stride."""
        return self.maps[self.values["model"]][self.strides.index(self.values["stride"])][0]

    def cell(self) -> tuple[int, int]:
        """Row and column of the point in its feature map."""
        x, y = self.predictions[self.values["model"]].anchor_points[self.point].tolist()
        stride = float(self.values["stride"])
        return int(y // stride), int(x // stride)

    def _outstanding(self) -> int:
        """The channel whose value at the point is farthest above its mean, in standard deviations."""
        row, column = self.cell()
        spread, mean = torch.std_mean(self.map, (1, 2))
        return int(((self.map[:, row, column] - mean) / spread.clamp(min=1e-6)).argmax())

    def influence(self) -> Tensor:
        """[H, W]: how strongly each pixel changes the logit of the point's best class, |slope| summed over colours."""
        model, point = self.models[self.values["model"]], self.point
        pixels = self.image[None].clone().requires_grad_()
        logits = model(pixels).cls_logits[0, point]
        (slope,) = torch.autograd.grad(logits.max(), pixels)
        return slope[0].abs().sum(0)

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "classes": self.classes,
            "image_size": list(self.image.shape[-2:]),
            "models": list(self.models),
            "strides": self.strides,
            "channels": self.map.shape[0],
        }
        return content, [png(self.image)]

    def numbers(self) -> dict[str, Any]:
        """window: xyxy px, outside of which no pixel matters; half: px, the side of the square around the point that
        holds half of the influence; light: rows of the influence in squares of CELL px, 0–1; map: rows of the channel,
        0–1; cell: row and column; shares: [4, R]; distances: [4] strides; box: xyxy px; logits, scores: [C].
        """
        asked, point = self.predictions[self.values["model"]], self.point
        influence, channel = self.influence(), self.map[self.values["channel"]]
        distances = expected_bin(asked.box_logits[0, point])
        scores = asked.scores[0, point]
        best = int(scores.argmax())
        x, y = asked.anchor_points[point].tolist()
        box = [round(side, 1) for side in asked.boxes[0, point].tolist()]
        return {
            "point": [x, y],
            "window": _window(influence),
            "half": _half(influence, x, y),
            "light": _rounded(_squares(influence)),
            "map": _rounded((channel - channel.min()) / (channel.max() - channel.min()).clamp(min=1e-9)),
            "value": float(channel[self.cell()]),
            "cell": list(self.cell()),
            "shares": _rounded(asked.box_logits[0, point].softmax(-1)),
            "distances": distances.tolist(),
            "box": box,
            "logits": asked.cls_logits[0, point].tolist(),
            "scores": scores.tolist(),
            "words": f"Anchor point ({x:g}, {y:g}), stride {self.values['stride']}: the box from "
            f"({box[0]:g}, {box[1]:g}) to ({box[2]:g}, {box[3]:g}), {self.classes[best]} {float(scores[best]):.2f}.",
        }

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(10, 3.9), alt=f"{self.words}. {now['words']}", photo=True)
        picture, feature_map, bins, scores = figure.subplots(1, 4, width_ratios=[1.7, 1, 1, 0.7])
        light = torch.tensor(now["light"]).repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)
        height, width = self.image.shape[-2:]
        lit = self.image * (0.25 + 0.75 * light[:height, :width].sqrt())
        asked = self.predictions[self.values["model"]]
        draw_decoded(picture, lit, asked, self.point, f"{self.values['model']}: what it sees, and its box")
        feature_map.imshow(now["map"], cmap="cividis")
        row, column = now["cell"]
        feature_map.plot([column], [row], "s", markersize=12, markerfacecolor="none", markeredgecolor="red", mew=2)
        feature_map.set_title(f"channel {self.values['channel']} of stride {self.values['stride']}", fontsize=10)
        self._draw_bins(bins, now)
        styles = class_styles(self.classes)
        scores.barh(self.classes, now["scores"], color=[style.colour for style in styles])
        scores.set(xlim=(0, 1), title="scores")
        scores.invert_yaxis()
        return figure

    def _draw_bins(self, axes: Axes, now: dict[str, Any]) -> None:
        axes.imshow(now["shares"], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.plot(now["distances"], range(4), "^", color="black", markersize=6)
        axes.set_yticks(range(4), SIDES)
        axes.set(xlabel="bin, in strides", title="shares of the bins")

    def static_image(self) -> bytes:
        return self.figure().few_colours(256, rare=True)


def _window(influence: Tensor) -> list[int]:
    rows, columns = influence.sum(1).nonzero()[:, 0], influence.sum(0).nonzero()[:, 0]
    if not len(rows):
        return [0, 0, 0, 0]
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def _half(influence: Tensor, x: float, y: float) -> int:
    """The side of the smallest square around the point that holds half of the influence, px."""
    height, width = influence.shape
    far = torch.maximum((torch.arange(width) + 0.5 - x).abs()[None], (torch.arange(height) + 0.5 - y).abs()[:, None])
    order = far.flatten().argsort()
    held = influence.flatten()[order].cumsum(0)
    place = int((held < 0.5 * held[-1]).sum())
    return 2 * round(float(far.flatten()[order[min(place, len(order) - 1)]]) + 0.5)


def _squares(influence: Tensor) -> Tensor:
    """The sums over squares of CELL px, as shares of the largest one."""
    sums = torch.nn.functional.avg_pool2d(influence[None, None], CELL, ceil_mode=True)[0, 0]
    return sums / sums.max().clamp(min=1e-12)


def _rounded(rows: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in rows.tolist()]
