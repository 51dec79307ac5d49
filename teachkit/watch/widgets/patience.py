"""Early stopping: where a recorded run would have been stopped, and which weights would have been kept."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from teachkit.experiments import recorded
from teachkit.learn.progress import stopped_early
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.cycle import of_epochs
from teachkit.watch.widgets.chart import Axis, ChartPlayground, Line, LineStyle, choice_of
from teachkit.watch.widgets.playground import one_of

RUNS = {f"few_pictures_{seed}": f"32 pictures, seed {seed}" for seed in range(3)}
PATIENCE = range(1, 61)  # epochs
EPOCHS = 125


@cache
def _scores(run: str) -> tuple[float, ...]:
    return tuple(of_epochs(recorded.records(run), "map50"))


class PatiencePlayground(ChartPlayground):
    """mAP50 after each epoch of a recorded run, cut off where that patience ends it.

    patience: epochs without a better score, 1 … 60; run: a name of RUNS.
    """

    title = "How much patience? Early stopping"
    words = "The score of each epoch, with the epoch that is kept and the one after which the run is stopped"
    caption = "mAP50 on validation"
    STYLES: ClassVar[dict[str, LineStyle]] = {
        "rest": LineStyle("never run", PALETTE[1], (3, 4), width=1.5),
        "run": LineStyle("run", PALETTE[0]),
        "stop": LineStyle("stopped here", PALETTE[3], (8, 5), "square", 1.5),
        "kept": LineStyle("weights kept", PALETTE[2], (), "triangle", 0),
    }
    across = Axis("epoch", (0, EPOCHS))
    up = Axis("mAP50", (0, 0.7))
    sliders: ClassVar[list[Any]] = [("patience", "Patience, epochs", PATIENCE)]
    menus: ClassVar[list[Any]] = [("run", "Run", RUNS)]
    levers: Mapping[str, Callable[[Any], Any]] = {
        "patience": choice_of("patience", PATIENCE),
        "run": one_of("run", RUNS),
    }

    def __init__(self, patience: int = 1, run: str = "few_pictures_0") -> None:
        super().__init__(patience=patience, run=run)

    def ends(self) -> tuple[int, int]:
        """(epoch after which it is stopped, epoch whose weights are kept), from 1."""
        return stopped_early(_scores(self.values["run"]), int(self.values["patience"]))

    def lines(self) -> list[Line]:
        stop, kept = self.ends()
        points = list(enumerate(_scores(self.values["run"]), start=1))
        return [
            Line("rest", points[stop - 1 :]),
            Line("run", points[:stop]),
            Line("stop", [(stop, 0), (stop, 0.62)], f"epoch {stop}"),
            Line("kept", [points[kept - 1]]),
        ]

    def facts(self) -> dict[str, str]:
        stop, kept = self.ends()
        scores = _scores(self.values["run"])
        return {
            "stopped after epoch": f"{stop} of {len(scores)}",
            "kept: epoch": str(kept),
            "its mAP50": f"{scores[kept - 1]:.2f}",
            "best of the whole run": f"{max(scores):.2f}",
        }
