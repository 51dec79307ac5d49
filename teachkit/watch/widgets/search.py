"""A search for a learning rate, trial by trial, and how well its winner does when it is trained anew."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from teachkit.experiments import recorded
from teachkit.experiments.search import best
from teachkit.experiments.study import RATES
from teachkit.learn.log import Record
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.widgets.chart import Axis, ChartPlayground, Line, LineStyle, choice_of
from teachkit.watch.widgets.playground import one_of

SEARCHES = {str(seed): f"search {seed + 1}" for seed in range(3)}
TRIALS = range(1, 17)


class SearchPlayground(ChartPlayground):
    """Recorded searches of 16 trials: the rate of each against its mAP50.

    trials: how many of them have been made, 1 … 16; search: a name of SEARCHES.
    """

    title = "A machine that searches: 16 trials"
    words = "mAP50 of each trial of a search against its learning rate, and of its winner trained anew"
    caption = "mAP50 in the exam"
    STYLES: ClassVar[dict[str, LineStyle]] = {
        "complete": LineStyle("trial", PALETTE[0], (), "circle", 0),
        "pruned": LineStyle("cut short (pruned)", "#6b7785", (), "cross", 0),
        "again": LineStyle("winner anew, other seeds", PALETTE[1], (), "triangle", 0),
        "winner": LineStyle("winner so far", PALETTE[2], (), "square", 0),
    }
    across = Axis("learning rate", RATES, log=True)
    up = Axis("mAP50", (0, 1))
    sliders: ClassVar[list[Any]] = [("trials", "Trials made", TRIALS)]
    menus: ClassVar[list[Any]] = [("search", "Search", SEARCHES)]
    levers: Mapping[str, Callable[[Any], Any]] = {
        "trials": choice_of("trials", TRIALS),
        "search": one_of("search", SEARCHES),
    }

    def __init__(self, trials: int = 16, search: str = "0") -> None:
        super().__init__(trials=trials, search=search)

    def trials(self) -> list[Record]:
        """The trials made so far, in their order."""
        all_of_them = [one for one in recorded.records("searches") if str(one["seed"]) == self.values["search"]]
        return all_of_them[: int(self.values["trials"])]

    def lines(self) -> list[Line]:
        made, winner = self.trials(), best(self.trials())
        lines = []
        for style in ("complete", "pruned"):
            state = [one for one in made if (one["state"] == "complete") == (style == "complete")]
            lines.append(Line(style, [(one["lr"], one["map50"]) for one in state]))
        lines.append(Line("again", [(winner["lr"], map50) for map50 in winner["again"]]))
        lines.append(Line("winner", [(winner["lr"], winner["map50"])], f"{winner['lr']:.2g}"))
        return lines

    def facts(self) -> dict[str, str]:
        winner = best(self.trials())
        anew = winner["again"]
        return {
            "winner's rate": f"{winner['lr']:.2g}",
            "its mAP50": f"{winner['map50']:.2f}",
            "trained anew": " · ".join(f"{one:.2f}" for one in anew),
            "their mean": f"{sum(anew) / len(anew):.2f}",
        }
