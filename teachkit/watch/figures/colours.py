"""Colours of figures, and the colour, dash and marker of each class. frontend/colours.js says the same to a browser."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

# Okabe and Ito's colours, told apart with any colour vision; each curve also has a dash or a marker of its own.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
NO_CLASS = PALETTE[6]  # of a box over a picture whose class does not matter: no built-in class has this colour
BUILT_IN = ("ball", "square", "triangle", "star")  # a ball's marker is round, and so on


@dataclass(frozen=True)
class ClassStyle:
    """marker: as the page calls it; dash: px drawn, px left out, …"""

    colour: str
    dash: tuple[int, ...]
    marker: str

    @property
    def letter(self) -> str:
        """The marker as matplotlib calls it."""
        return MARKERS[self.marker]

    @property
    def line(self) -> str | tuple[int, tuple[int, ...]]:
        """The dash as matplotlib calls it."""
        return (0, self.dash) if self.dash else "-"


MARKERS = {"circle": "o", "square": "s", "triangle": "^", "star": "*", "diamond": "D", "cross": "X"}
# Bright, so that dark letters can be read on each of them. The built-in classes have the first ones.
CLASS_STYLES = (
    ClassStyle("#E69F00", (), "circle"),
    ClassStyle("#56B4E9", (9, 4), "square"),
    ClassStyle("#009E73", (3, 3), "triangle"),
    ClassStyle("#CC79A7", (12, 4, 3, 4), "star"),
    ClassStyle("#F0E442", (6, 3, 2, 3), "diamond"),
    ClassStyle("#D55E00", (16, 4), "cross"),
)


def class_styles(classes: Sequence[str]) -> list[ClassStyle]:
    """The style of each class: a built-in one has its own everywhere, any other the next that none of those has."""
    own = {name: style for name, style in zip(BUILT_IN, CLASS_STYLES, strict=False) if name in classes}
    free = [style for style in CLASS_STYLES if style not in own.values()]
    others = iter(range(len(classes)))
    return [own[name] if name in own else _of_rank(next(others), free) for name in classes]


def _of_rank(rank: int, styles: Sequence[ClassStyle]) -> ClassStyle:
    """Once every colour has been given, it comes again with another marker."""
    round_, place = divmod(rank, len(styles))
    return replace(styles[place], marker=styles[(place + round_) % len(styles)].marker)
