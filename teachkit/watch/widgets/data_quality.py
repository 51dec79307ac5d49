"""Faults in labels to be turned up: loose, missing and wrong labels, and rare classes, on pictures."""

from functools import lru_cache
from typing import Any, ClassVar

import torch

from teachkit.feed.examples import Examples
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.gallery import Gallery, Outline, Style, Tile, gallery_figure
from teachkit.watch.widgets.playground import between

SCENES, SEED = 6, 3
KNOBS = ("loose_boxes", "missing_boxes", "wrong_labels", "imbalance")
LEVERS = {name: between(name.replace("_", " "), 0, 1) for name in KNOBS}


@lru_cache(maxsize=8)
def _scenes(**knobs: float) -> Examples:
    return make_scenes(SCENES, SEED, SceneSettings(**knobs))  # type: ignore[arg-type]


class DataQualityPlayground(Gallery):
    """Six built-in scenes with their labels, by the knobs, 0–1, that make the training sets of lesson 10."""

    _esm = front_end("widgets/data_quality.js")
    _css = front_end("widgets/gallery.css")
    title = "Labels made worse: what would you have been told?"
    words = "Scenes with labels: run the notebook to make the labels worse"
    STYLES: ClassVar[dict[str, Style]] = {"label": Style("#ffffff")}
    levers = LEVERS

    def __init__(self, **values: Any) -> None:
        super().__init__(**(dict.fromkeys(KNOBS, 0.0) | values))

    def scenes(self) -> Examples:
        return _scenes(**self.values)

    def tiles(self) -> list[Tile]:
        scenes = self.scenes()
        return [
            Tile(
                (place, self.values["imbalance"]),
                scenes.image(place),
                f"scene {place + 1}",
                [
                    Outline(box.tolist(), "label", scenes.classes[int(label)])
                    for box, label in zip(scenes.boxes[place], scenes.labels[place], strict=True)
                ],
            )
            for place in range(SCENES)
        ]

    def numbers(self) -> dict[str, Any]:
        scenes = self.scenes()
        counts = torch.bincount(torch.cat(scenes.labels), minlength=len(scenes.classes)).tolist()
        counted = ", ".join(f"{name} {count}" for name, count in zip(scenes.classes, counts, strict=True))
        return {"count": sum(counts), "words": f"{sum(counts)} labels: {counted}"}

    def figure(self) -> NotebookFigure:
        return gallery_figure(self.tiles(), self.STYLES, 3, self.title, f"{self.title} {self.numbers()['words']}", 8)
