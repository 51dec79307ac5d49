"""Writes the names of boxes on a picture so that no name covers another: beside its box, shortened, or not at all."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from teachkit.watch.figures.letters import write_plainly

SIZE = 9  # points of a name: on a projector, too, 12 px at the least
PAD = 1  # points around it
SCORE = re.compile(r" \d?\.\d.*$")  # what goes first where there is no room


def write_names(axes: Axes, names: Iterable[tuple[Sequence[float], str, str]], edge: str = "none") -> None:
    """names: box, xyxy px of the picture; text; colour behind it. Earlier names choose their places first.

    A name without room is left out; the colour of its box still shows the class.
    """
    written = []
    for box, name, colour in names:
        frame = {"facecolor": colour, "edgecolor": edge, "linewidth": 0.5, "pad": PAD}
        text = axes.text(
            box[0], box[1], name, fontsize=SIZE, color=_ink_on(colour), bbox=frame, verticalalignment="bottom",
            clip_on=True, parse_math=False,  # a class may be called "$5"
        )  # fmt: skip
        write_plainly(text)
        written.append((text, text.get_text(), tuple(box)))
    axes.add_artist(_Places(written))


class _Places(Artist):
    """Places the names just before they are drawn, when their sizes and the place of the picture are known."""

    zorder = Text.zorder - 0.1

    def __init__(self, names: list[tuple[Text, str, tuple[float, ...]]]) -> None:
        super().__init__()
        self.names = names
        self.set_in_layout(False)

    def draw(self, renderer: Any) -> None:
        taken: list[Bbox] = []
        for text, name, box in self.names:
            text.set_visible(True)  # what is hidden has no size
            text.set_visible(any(self._place(text, one, box, taken, renderer) for one in (name, SCORE.sub("", name))))

    def _place(self, text: Text, name: str, box: tuple[float, ...], taken: list[Bbox], renderer: Any) -> bool:
        """Places a name above, below or inside its box, at the left or the right end. False if there is no room."""
        axes: Any = self.axes
        pad = PAD * renderer.points_to_pixels(1)
        text.set_text(name)
        width, height = (side + 2 * pad for side in text.get_window_extent(renderer).size)
        (left, top), (right, bottom) = axes.transData.transform([box[:2], box[2:]])  # px of the screen, upwards
        whole = axes.bbox
        for y in (top, bottom - height, top - height, bottom):
            for x in (left, right - width):
                corner = max(whole.x0, min(x, whole.x1 - width)), max(whole.y0, min(y, whole.y1 - height))
                place = Bbox.from_bounds(*corner, width, height)
                if not any(_overlap(place, other) for other in taken):
                    taken.append(place)
                    text.set_position(axes.transData.inverted().transform((corner[0] + pad, corner[1] + pad)))
                    return True
        return False


def _overlap(one: Bbox, other: Bbox) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def _ink_on(colour: str) -> str:
    """Black or white, whichever stands out more: WCAG 2.2, relative luminance and contrast ratio."""
    linear = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in to_rgb(colour))
    luminance = sum(share * one for share, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"
