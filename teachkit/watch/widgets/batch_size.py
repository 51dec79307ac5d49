"""The batch size: recorded runs with batches of 1 to 64 that have all seen equally many pictures."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np

from teachkit.experiments import recorded
from teachkit.experiments.batch_size import EPOCHS, SIZES
from teachkit.experiments.small import COUNTS
from teachkit.feed.detector import Detector
from teachkit.feed.loader import load_data
from teachkit.learn.log import Record
from teachkit.learn.resources import MEGABYTE, kept_for_backward
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.widgets.chart import Axis, ChartPlayground, Line, LineStyle, choice_of
from teachkit.watch.widgets.playground import one_of

RATES = {"same": "the same for all", "grown": "grows along with the batch"}
EPOCH = 1000  # pictures: of the built-in training set


@cache
def _runs(size: int, rate: str) -> list[Record]:
    return [run for run in recorded.records("batch_sizes") if run["size"] == size and run["grown"] == (rate == "grown")]


@cache
def _kept_for_one() -> float:
    """MB that the course's detector keeps of one picture of 128 px for the backward pass."""
    picture = next(iter(load_data("shapes", batch_size=1, limit=1, device="cpu"))).images
    return kept_for_backward(Detector(4, device="cpu"), picture) / MEGABYTE


class BatchPlayground(ChartPlayground):
    """F1 against pictures seen, means of five recorded runs; the other batch sizes stay in the background.

    size: pictures in a batch, one of SIZES; rate: "same", or "grown" in proportion to the size.
    """

    title = "How many pictures should share a step? The batch size"
    words = "F1 in the exam against pictures seen, for one batch size among others"
    caption = "F1 in the exam, mean of five runs"
    STYLES: ClassVar[dict[str, LineStyle]] = {
        "other": LineStyle("other sizes", "#a9b3bf", (), width=1.2),
        "chosen": LineStyle("this size", PALETTE[0], (), "circle"),
    }
    across = Axis("pictures seen", (0, COUNTS["train"] * (EPOCHS + 1)))
    up = Axis("F1", (0, 1))
    sliders: ClassVar[list[Any]] = [("size", "Batch size, pictures", SIZES)]
    menus: ClassVar[list[Any]] = [("rate", "Learning rate", RATES)]
    levers: Mapping[str, Callable[[Any], Any]] = {"size": choice_of("batch size", SIZES), "rate": one_of("rate", RATES)}

    def __init__(self, size: int = 16, rate: str = "same") -> None:
        super().__init__(size=size, rate=rate)

    def lines(self) -> list[Line]:
        chosen = int(self.values["size"])
        return [self._line(size, "other") for size in SIZES if size != chosen] + [self._line(chosen, "chosen")]

    def _line(self, size: int, style: str) -> Line:
        means = np.mean([run["f1"] for run in _runs(size, self.values["rate"])], axis=0)
        seen = COUNTS["train"] * np.arange(1, EPOCHS + 1)
        note = f"{size} a batch" if style == "chosen" else ""
        return Line(style, list(zip(seen.tolist(), means.tolist(), strict=True)), note)

    def facts(self) -> dict[str, str]:
        size = int(self.values["size"])
        runs = _runs(size, self.values["rate"])
        ends = [run["f1"][-1] for run in runs]
        return {
            f"steps for {EPOCH:,} pictures": str(-(-EPOCH // size)),
            "kept for backward": f"{size * _kept_for_one():.0f} MB",
            "steps in this chart": str(runs[0]["steps"] * EPOCHS),
            "F1 of five runs": f"{min(ends):.2f} to {max(ends):.2f}",
        }
