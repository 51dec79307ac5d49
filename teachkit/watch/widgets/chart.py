"""One chart and a few controls over recorded runs. The page and the static image draw the same."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from matplotlib.axes import Axes

from teachkit.errors import UserError
from teachkit.watch.figures.colours import MARKERS
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground

ROOM = 100  # letters of a static image's title in one line


@dataclass(frozen=True)
class LineStyle:
    """How a line or its points are drawn. label: for the legend; dash: px drawn, px left out, …; width 0: no line."""

    label: str
    colour: str
    dash: tuple[float, ...] = ()
    marker: str = ""
    width: float = 2.5


@dataclass(frozen=True)
class Line:
    """points: (x, y) in the units of the axes; style: a name of STYLES; note: is written beside the last point."""

    style: str
    points: Sequence[tuple[float, float]]
    note: str = ""


@dataclass(frozen=True)
class Axis:
    label: str
    range: tuple[float, float]
    log: bool = False


def choice_of(name: str, choices: Sequence[float]) -> Any:
    """A lever that takes one of the numbers, or text that is such a number."""

    def check(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or number not in choices:
            allowed = ", ".join(f"{choice:g}" for choice in choices)
            if len(choices) > 8:
                kind = "a whole number" if all(choice == int(choice) for choice in choices) else "one of its stops"
                allowed = f"{kind} from {choices[0]:g} to {choices[-1]:g}"
            raise UserError(f"{name} must be {allowed}, not {value!r}")
        return number

    return check


class ChartPlayground(Playground):
    """A subclass gives STYLES, two axes, `sliders` and `menus`; `lines` and `facts` are those of the current values.

    sliders: (lever, label, its numbers in order), menus: (lever, label, {value: text}).
    """

    _esm = front_end("widgets/chart.js")
    _css = front_end("widgets/chart.css")
    STYLES: ClassVar[dict[str, LineStyle]]
    across: Axis
    up: Axis
    caption = ""
    sliders: ClassVar[list[tuple[str, str, Sequence[float]]]] = []
    menus: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def lines(self) -> list[Line]:
        raise NotImplementedError

    def facts(self) -> dict[str, str]:
        """What the settings come to, as rows of a table: name → text."""
        raise NotImplementedError

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "styles": {name: asdict(style) for name, style in self.STYLES.items()},
            "across": asdict(self.across),
            "up": asdict(self.up),
            "caption": self.caption,
            "sliders": [[name, label, list(numbers)] for name, label, numbers in self.sliders],
            "menus": [[name, label, list(choices.items())] for name, label, choices in self.menus],
        }
        return content, []

    def numbers(self) -> dict[str, Any]:
        facts = self.facts()
        words = ", ".join(f"{name}: {text}" for name, text in facts.items())
        return {"lines": [asdict(line) for line in self.lines()], "facts": list(facts.items()), "words": words}

    def figure(self) -> NotebookFigure:
        figure = NotebookFigure(figsize=(8, 3.2), alt=f"{self.words}. {self.numbers()['words']}")
        axes = figure.subplots()
        named: set[str] = set()
        for line in self.lines():
            style = self.STYLES[line.style]
            axes.plot(
                *zip(*line.points, strict=True) if line.points else ((), ()),
                color=style.colour,
                linewidth=style.width,
                linestyle=(0, tuple(one / 2 for one in style.dash)) if style.dash else "-",
                marker=MARKERS.get(style.marker, ""),
                label=style.label if line.style not in named else None,
            )
            named.add(line.style)
        axes.set(xlabel=self.across.label, ylabel=self.up.label, xlim=self.across.range, ylim=self.up.range)
        axes.set(xscale="log" if self.across.log else "linear", yscale="log" if self.up.log else "linear")
        for line in self.lines():
            if line.note and line.points:
                _write_note(axes, line.note, line.points[-1])
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, frameon=False)
        facts = [f"{name}: {text}".replace(" ", "\xa0") for name, text in self.facts().items()]  # broken between two
        axes.set_title(textwrap.fill("   ".join(facts), ROOM), fontsize=9, loc="left")
        return figure


def _write_note(axes: Axes, text: str, point: tuple[float, float]) -> None:
    """Beside the point, at its left in the right half of the chart. The limits of the axes must have been set."""
    across = axes.transAxes.inverted().transform(axes.transData.transform(point))[0]
    aside, side = (-7, "right") if across > 0.5 else (5, "left")
    paper = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
    axes.annotate(text, point, (aside, 5), textcoords="offset points", fontsize=9, ha=side, bbox=paper)
