"""One chart and a few controls over runs that were recorded: what the page draws, the static image draws the same."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from teachkit.errors import UserError
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground

ROOM = 100  # letters of a static image's title in one line
MARKERS = {"circle": "o", "square": "s", "triangle": "^"}  # of the page → of matplotlib


@dataclass(frozen=True)
class Look:
    """How a line or its points look, in words in the legend. dash: px drawn, px left out, …; width 0: points alone."""

    label: str
    colour: str
    dash: tuple[float, ...] = ()
    marker: str = ""
    width: float = 2.5


@dataclass(frozen=True)
class Line:
    """points: (x, y) in the units of the axes; look: a name in LOOKS; note: written beside the last point."""

    look: str
    points: Sequence[tuple[float, float]]
    note: str = ""


@dataclass(frozen=True)
class Axis:
    label: str
    range: tuple[float, float]
    log: bool = False


def choice_of(name: str, choices: Sequence[float]) -> Any:
    """A lever that takes one of some numbers, or text that is one."""

    def check(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if isinstance(value, bool) or number not in choices:
            told = ", ".join(f"{one:g}" for one in choices)
            if len(choices) > 8:
                told = f"a whole number from {choices[0]:g} to {choices[-1]:g}"
            raise UserError(f"{name} must be {told}, not {value!r}")
        return number

    return check


class ChartPlayground(Playground):
    """Subclasses give LOOKS, the two axes, `sliders` and `menus`, and for the values as they stand `lines` and `told`.

    sliders: (lever, label, its numbers in order), menus: (lever, label, {value: text}).
    """

    _esm = front_end("widgets/chart.js")
    _css = front_end("widgets/chart.css")
    LOOKS: ClassVar[dict[str, Look]]
    across: Axis
    up: Axis
    caption = ""
    sliders: ClassVar[list[tuple[str, str, Sequence[float]]]] = []
    menus: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def lines(self) -> list[Line]:
        raise NotImplementedError

    def told(self) -> dict[str, str]:
        """What the settings come to: name → text, a row each."""
        raise NotImplementedError

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "looks": {name: asdict(look) for name, look in self.LOOKS.items()},
            "across": asdict(self.across),
            "up": asdict(self.up),
            "caption": self.caption,
            "sliders": [[name, label, list(numbers)] for name, label, numbers in self.sliders],
            "menus": [[name, label, list(choices.items())] for name, label, choices in self.menus],
        }
        return content, []

    def numbers(self) -> dict[str, Any]:
        told = self.told()
        words = ", ".join(f"{name}: {text}" for name, text in told.items())
        return {"lines": [asdict(line) for line in self.lines()], "told": list(told.items()), "words": words}

    def figure(self) -> NotebookFigure:
        figure = NotebookFigure(figsize=(8, 3.2), alt=f"{self.words}. {self.numbers()['words']}")
        axes = figure.subplots()
        named: set[str] = set()
        for line in self.lines():
            look = self.LOOKS[line.look]
            axes.plot(
                *zip(*line.points, strict=True) if line.points else ((), ()),
                color=look.colour,
                linewidth=look.width,
                linestyle=(0, tuple(one / 2 for one in look.dash)) if look.dash else "-",
                marker=MARKERS.get(look.marker, ""),
                label=look.label if line.look not in named else None,
            )
            named.add(line.look)
            if line.note and line.points:
                axes.annotate(line.note, line.points[-1], (5, 5), textcoords="offset points", fontsize=9)
        axes.set(xlabel=self.across.label, ylabel=self.up.label, xlim=self.across.range, ylim=self.up.range)
        axes.set(xscale="log" if self.across.log else "linear", yscale="log" if self.up.log else "linear")
        axes.grid(alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, frameon=False)
        told = [f"{name}: {text}".replace(" ", "\xa0") for name, text in self.told().items()]  # broken between two only
        axes.set_title(textwrap.fill("   ".join(told), ROOM), fontsize=9, loc="left")
        return figure
