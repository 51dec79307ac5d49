"""A picture to flip, zoom, shift and recolour. Its boxes move along, or are left behind."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from teachkit.boxes import cut
from teachkit.errors import UserError
from teachkit.feed.augment import clip, colour, flip, zoom
from teachkit.scoring.matching import overlaps
from teachkit.structures import GroundTruth
from teachkit.watch.figures.images import as_bytes
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.gallery import Gallery, Outline, Style, Tile, gallery_figure
from teachkit.watch.widgets.playground import between, one_of

YES_NO = ["no", "yes"]
FACTORS = ("brightness", "contrast", "saturation")
MIN_VISIBLE = 0.25  # as in training
LEVERS = {
    "flip": one_of("flip", YES_NO),
    "zoom": between("zoom", 0.5, 2),
    "shift_x": between("shift to the side", -1, 1),
    "shift_y": between("shift up or down", -1, 1),
    "brightness": between("brightness", 0.5, 1.5),
    "contrast": between("contrast", 0.5, 1.5),
    "saturation": between("saturation", 0, 2),
    "follow": one_of("boxes follow", YES_NO),
}


def first_scene() -> tuple[Tensor, Tensor, Tensor, list[str]]:
    """The first built-in training scene with four objects or more."""
    from teachkit.feed.scenes import make_scenes

    scenes = make_scenes(16)
    place = next(place for place, boxes in enumerate(scenes.boxes) if len(boxes) >= 4)
    return scenes.image(place), scenes.boxes[place], scenes.labels[place], scenes.classes


def other_view(
    images: Tensor, boxes: Tensor, place: tuple[Tensor, Tensor] | None, colours: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """images: [1, 3, H, W]; boxes: [1, n, 4] px; place: factor [1] and shift [1, 2] in half frames, None: as it is;
    colours: brightness, contrast, saturation [1] → the picture [3, H, W], its boxes [n, 4], which are kept [n] bool.
    """
    if place is not None:
        factor, shift = place
        images, boxes = zoom(
            images, boxes, factor, shift / (1 - factor)
        )  # `zoom` counts it in what the zoom leaves over
    images = colour(images, *colours)
    labels = torch.zeros(boxes.shape[:2], dtype=torch.int64)
    kept = clip(GroundTruth(boxes, labels, labels == 0), (images.shape[2], images.shape[3]), MIN_VISIBLE).mask
    return images[0], boxes[0], kept[0]


class AugmentPlayground(Gallery):
    """image: [3, H, W], floats in 0–1 or uint8; boxes: [n, 4] px; labels: [n]; classes: names. None: a built-in scene.

    The same functions that augment the training batches: `flip`, `zoom`, `colour` and `clip` of teachkit/feed/augment.
    """

    _esm = front_end("widgets/augment.js")
    _css = front_end("widgets/gallery.css")
    title = "One picture, other views: do the boxes follow?"
    words = "A picture with boxes and a changed copy of it: run the notebook to flip, zoom, shift and colour it"
    STYLES: ClassVar[dict[str, Style]] = {
        "label": Style("#ffffff"),
        "left behind": Style("#D55E00", (8, 5)),
    }
    columns = 2
    levers = LEVERS

    def __init__(
        self,
        image: Tensor | None = None,
        boxes: Tensor | None = None,
        labels: Tensor | None = None,
        classes: Sequence[str] | None = None,
        **values: Any,
    ) -> None:
        if image is None and boxes is None:
            image, boxes, labels, classes = first_scene()
        if image is None or boxes is None or labels is None or classes is None:
            raise UserError("a picture of your own needs its boxes, labels and classes too")
        if image.ndim != 3 or boxes.shape != (len(labels), 4):
            raise UserError(f"one picture [3, H, W], boxes [n, 4], labels [n], not {list(image.shape)}, "
                            f"{list(boxes.shape)} and {list(labels.shape)}")  # fmt: skip
        self.image, self.classes = as_bytes(image), list(classes)
        self.boxes, self.labels = boxes.detach().cpu().float(), labels.detach().cpu()
        usual = {"flip": "no", "zoom": 1.0, "shift_x": 0.0, "shift_y": 0.0, "follow": "yes"}
        super().__init__(**(usual | dict.fromkeys(FACTORS, 1.0) | values))

    def changed(self) -> tuple[Tensor, Tensor, Tensor]:
        """The picture in 0–1 [3, H, W]; boxes where they belong [n, 4] px, not clipped; which are kept [n] bool."""
        now, place = self.values, None
        images, boxes = flip(self.image[None].float() / 255, self.boxes[None], torch.tensor([now["flip"] == "yes"]))
        if now["zoom"] != 1 or now["shift_x"] or now["shift_y"]:
            # a hair beside 1, so that a picture can be shifted without being zoomed
            factor = now["zoom"] if now["zoom"] != 1 else 1 + 1e-6
            place = torch.tensor([factor]), torch.tensor([[now["shift_x"], now["shift_y"]]])
        return other_view(images, boxes, place, [torch.tensor([now[name]]) for name in FACTORS])

    def _size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[2]

    def labels_now(self) -> tuple[Tensor, Tensor]:
        """Boxes that training would be given [n, 4] px, and which of them are kept [n] bool."""
        _, boxes, kept = self.changed()
        if self.values["follow"] == "no":
            return self.boxes, torch.ones(len(self.boxes), dtype=torch.bool)
        return cut(boxes, self._size()), kept

    def fit(self) -> float:
        """Mean IoU of the labels with where their objects are now, those out of sight left out; NaN if all are."""
        _, true, kept = self.changed()
        given, _ = self.labels_now()
        pairs = overlaps(given[kept].double().numpy(), cut(true, self._size())[kept].double().numpy())
        return float(pairs.mean()) if len(pairs) else float("nan")

    def tiles(self) -> list[Tile]:
        image, _, _ = self.changed()
        boxes, kept = self.labels_now()
        style = "label" if self.values["follow"] == "yes" else "left behind"
        before = [self._outline(box, label, "label") for box, label in zip(self.boxes, self.labels, strict=True)]
        after = [
            self._outline(box, label, style)
            for box, label, there in zip(boxes, self.labels, kept, strict=True)
            if there
        ]
        return [
            Tile("before", self.image, "as it is in the file", before),
            Tile(tuple(self.values.items()), as_bytes(image), "as the model is fed", after),
        ]

    def _outline(self, box: Tensor, label: Tensor, style: str) -> Outline:
        return Outline(box.tolist(), style, self.classes[int(label)])

    def numbers(self) -> dict[str, Any]:
        boxes, kept = self.labels_now()
        rows = [
            {"name": self.classes[int(label)], "before": before.tolist(), "after": after.tolist() if there else None}
            for before, after, there, label in zip(self.boxes, boxes, kept, self.labels, strict=True)
        ]
        fit = self.fit()
        fits = "" if fit != fit else f", labels overlap their objects by {fit:.0%}"
        return {"rows": rows, "fit": fit, "words": f"{int(kept.sum())} of {len(kept)} objects left{fits}"}

    def figure(self) -> NotebookFigure:
        return gallery_figure(self.tiles(), self.STYLES, 2, self.title, f"{self.title} {self.numbers()['words']}", 8)
