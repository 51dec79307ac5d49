"""An object and a ball that is dragged over it: what a detector then believes of each side of the object's box."""

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from teachkit.analysis.hidden_edges import COVERING, ClearObject, clear_objects, cover, spreads
from teachkit.boxes import boxes_to_distances, expected_bin
from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.punish.losses import dfl_loss
from teachkit.structures import Batch, Predictions
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.images import as_bytes, rgba
from teachkit.watch.figures.inside import SIDES
from teachkit.watch.figures.plots import NotebookFigure, draw_box, show_image
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of

MOST = 8  # objects to choose from, the surest first
BELIEF = PALETTE[1]
SIZES = (8.0, 64.0)  # px, of the ball


class HiddenEdgePlayground(Playground):
    """A pale ball is dragged over an object; the belief of each side is drawn where it says that the side may be.

    model: in eval mode on the CPU, by default the recorded one of the built-in shapes; batch: pictures with their
    truth, by default the first 16 of the built-in validation set; x, y: centre of the ball, px; size: its diameter, px,
    by default as large as hides a side. The anchor point stays the one that sees the whole object best.
    UserError if no object is seen clearly, or a value is out of range.
    """

    _esm = front_end("widgets/hidden_edge.js")
    _css = front_end("widgets/hidden_edge.css")
    title = "An edge that is hidden"
    words = "An object, a ball that hides a part of it, and what the detector believes of each side of its box"

    def __init__(
        self,
        model: Detector | None = None,
        batch: Batch | None = None,
        classes: Sequence[str] | None = None,
        **values: Any,
    ) -> None:
        if model is None:
            model, classes = recorded.detector("shapes")
        batch = next(iter(load_data("shapes", "val", device="cpu", limit=16))) if batch is None else batch
        self.model, self.classes = model, classes
        surest = sorted(clear_objects(model, batch), key=lambda one: -one.score)
        self.objects = {self._name(number, one): one for number, one in enumerate(surest[:MOST], 1)}
        if not self.objects:
            raise UserError("the model sees no object clearly in these pictures: give others, or train it longer")
        height, width = batch.images.shape[-2:]
        self.levers = {
            "object": one_of("object", list(self.objects)),
            "x": between("x", 0, width),
            "y": between("y", 0, height),
            "size": between("size", *SIZES),
        }
        super().__init__(**(self._beside(next(iter(self.objects))) | values))

    def _name(self, number: int, one: ClearObject) -> str:
        return f"{number}: {self.classes[one.label] if self.classes is not None else f'class {one.label}'}"

    def _beside(self, name: str) -> dict[str, Any]:
        """The settings in which the ball lies in the corner that is farthest from the object."""
        x1, y1, x2, y2 = self.objects[name].box.tolist()
        height, width = self.objects[name].image.shape[-2:]
        size = round(min(max(COVERING * min(x2 - x1, y2 - y1), SIZES[0]), SIZES[1]))
        x = size / 2 if x1 + x2 > width else width - size / 2
        y = size / 2 if y1 + y2 > height else height - size / 2
        return {"object": name, "x": x, "y": y, "size": size}

    def set(self, **values: Any) -> None:
        """Another object comes with the ball beside it."""
        if values.get("object") in self.objects and "x" not in values:
            values = self._beside(values["object"]) | values
        super().set(**values)

    @property
    def object(self) -> ClearObject:
        return self.objects[self.values["object"]]

    @property
    def picture(self) -> Tensor:
        """[3, H, W]: with the ball, as the detector sees it."""
        return cover(self.object.image, self.values["x"], self.values["y"], self.values["size"])

    def believed(self) -> tuple[Predictions, Predictions]:
        """Of the picture without the ball, and with it."""
        with torch.no_grad():
            return self.model(self.object.image[None]), self.model(self.picture[None])

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        return {"objects": list(self.objects), "sizes": SIZES, "image_size": list(self.object.image.shape[-2:])}, []

    def numbers(self) -> dict[str, Any]:
        """shares: [4, R]; point, stride, truth, box: px; spread, before: of each side with and without the ball, px;
        off: how much too far out each side is, px; loss: DFL of each side; score, score_before: of the object's class.
        """
        alone, now = self.believed()
        one, point = self.object, self.object.point
        logits, stride = now.box_logits[0, point], now.strides[point]
        true = boxes_to_distances(one.box[None], now.anchor_points[point][None], stride[None])[0]
        spread, before = spreads(now, point)[0], spreads(alone, point)[0]
        score, score_before = (float(each.scores[0, point, one.label]) for each in (now, alone))
        return {
            "shares": [[round(share, 4) for share in side] for side in logits.softmax(-1).tolist()],
            "point": now.anchor_points[point].tolist(),
            "stride": float(stride),
            "truth": one.box.tolist(),
            "box": now.boxes[0, point].tolist(),
            "spread": spread.tolist(),
            "before": before.tolist(),
            "off": ((expected_bin(logits) - true) * stride).tolist(),
            "loss": dfl_loss(logits, true).tolist(),
            "score": score,
            "score_before": score_before,
            "words": f"{self.values['object'][3:]}, score {score:.2f}: {_in_words(before, spread)}",
        }

    def _show(self) -> None:
        shown = {"values": self.values, "refused": self.refused, "error": self.error}
        self.post("numbers", self.numbers() | shown, [rgba(as_bytes(self.picture))])

    def figure(self) -> NotebookFigure:
        """The object without the ball and with it on its right side, each with the belief of that side."""
        one, side = self.object, SIDES.index("right")
        x1, y1, x2, y2 = one.box.tolist()
        size = COVERING * min(x2 - x1, y2 - y1)
        pictures = {"nothing hidden": one.image, "right side hidden": cover(one.image, x2, (y1 + y2) / 2, size)}
        figure = NotebookFigure(figsize=(10, 3.6), alt=self.words, photo=True)
        *grid, bars = figure.subplots(1, 3, width_ratios=[1, 1, 0.9])
        with torch.no_grad():
            asked = self.model(torch.stack(list(pictures.values())))
        for place, (axes, (name, picture)) in enumerate(zip(grid, pictures.items(), strict=True)):
            show_image(axes, picture)
            axes.axis("off")
            self._draw_belief(axes, asked, place)
            draw_box(axes, one.box.tolist(), "white", dashed=True)
            spread = float(spreads(asked, one.point)[place, side])
            axes.set_title(f"{name}: right side, spread {spread:.1f} px", fontsize=9)
            shares, aside = asked.box_logits[place, one.point, side].softmax(-1).tolist(), 0.4 * place - 0.2
            style = {"color": PALETTE[place], "hatch": "" if place == 0 else "///", "edgecolor": "white"}
            bars.bar([bin + aside for bin in range(len(shares))], shares, 0.4, label=name, **style)
        bars.set(title="belief of the right side", xlabel="bin, in strides", ylabel="share", ylim=(0, 1))
        bars.legend(fontsize=9)
        return figure

    def _draw_belief(self, axes: Axes, asked: Predictions, place: int) -> None:
        """Each bin as a bar where it says that the side is, as dark as its share."""
        point, stride = asked.anchor_points[self.object.point].tolist(), float(asked.strides[self.object.point])
        box = asked.boxes[place, self.object.point].tolist()
        for side, shares in enumerate(asked.box_logits[place, self.object.point].softmax(-1).tolist()):
            along, way = side % 2, -1 if side < 2 else 1
            for bin, share in enumerate(shares):
                start = [box[0], box[1]]
                start[along] = point[along] + way * bin * stride - stride / 2
                length = [box[2] - box[0], box[3] - box[1]]
                length[along] = stride
                axes.add_patch(Rectangle((start[0], start[1]), *length, color=BELIEF, alpha=share, linewidth=0))

    def static_image(self) -> bytes:
        return self.figure().few_colours(256, rare=True)


def _in_words(before: Tensor, spread: Tensor) -> str:
    widest = int((spread - before).argmax())
    if spread[widest] - before[widest] < 1:  # px
        return "the ball blurs no side of it."
    return (
        f"most blurred by the ball is its {SIDES[widest]} side, spread {float(before[widest]):.1f} px without the ball "
        f"and {float(spread[widest]):.1f} px with it."
    )
