"""Pictures side by side with outlined boxes: the base of the browsers of errors and of labels, and of others."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from teachkit.watch.figures.images import rgba
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.widgets.playground import Playground

Box = Sequence[float]


@dataclass(frozen=True)
class Style:
    """How an outline is drawn. Its dash differs, too, not only its colour. dash: px drawn, px left out, …"""

    colour: str
    dash: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outline:
    """A box in px of its picture. style: a name of the gallery's STYLES; strong: drawn thick and with its label."""

    box: Box
    style: str
    label: str = ""
    strong: bool = True


@dataclass(frozen=True)
class Tile:
    """One picture. key: identifies it, so that it is sent only once; image: uint8 [3, h, w]."""

    key: Hashable
    image: Tensor
    caption: str
    outlines: list[Outline] = field(default_factory=list)


class Gallery(Playground):
    """A playground of pictures. A subclass names its STYLES and gives `tiles` for the settings as they stand."""

    STYLES: ClassVar[dict[str, Style]] = {}
    columns = 3
    _sent: list[Hashable] | None = None

    def tiles(self) -> list[Tile]:
        raise NotImplementedError

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        styles = {name: {"colour": one.colour, "dash": list(one.dash)} for name, one in self.STYLES.items()}
        return {"styles": styles, "columns": self.columns}, []

    def _introduce(self) -> None:
        self._sent = None  # a new view has no pictures yet
        super()._introduce()

    def _show(self) -> None:
        tiles = self.tiles()
        keys = [tile.key for tile in tiles]
        fresh, self._sent = keys != self._sent, keys
        shown = {"values": self.values, "refused": self.refused, "error": self.error, "fresh": fresh}
        pictures = [rgba(tile.image) for tile in tiles] if fresh else None
        self.post("numbers", self.numbers() | shown | {"tiles": [_for_page(tile) for tile in tiles]}, pictures)

    def static_image(self) -> bytes:
        return self.figure().few_colours(256)

    def close(self) -> None:
        self._sent = None
        super().close()


def _for_page(tile: Tile) -> dict[str, Any]:
    height, width = tile.image.shape[1:]
    outlines = [[*map(float, one.box), one.style, one.label, one.strong] for one in tile.outlines]
    return {"caption": tile.caption, "size": [height, width], "outlines": outlines}


def draw_tiles(figure: Any, tiles: Sequence[Tile], styles: dict[str, Style], columns: int) -> None:
    """Draws the tiles in rows of `columns`. figure: a matplotlib figure or a part of one."""
    columns = max(1, min(columns, len(tiles)))
    grid = figure.subplots(math.ceil(len(tiles) / columns) or 1, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, tile in zip(grid.flat, tiles, strict=False):
        height, width = tile.image.shape[1:]
        axes.imshow(tile.image.permute(1, 2, 0).numpy(), extent=(0, width, height, 0), interpolation="nearest")
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_title(tile.caption, fontsize=9, parse_math=False)
        for one in sorted(tile.outlines, key=lambda one: one.strong):
            _outline(axes, one, styles[one.style])
        named = [one for one in tile.outlines if one.strong and one.label]
        write_names(axes, [(one.box, one.label, styles[one.style].colour) for one in named], edge="black")


def _outline(axes: Axes, one: Outline, style: Style) -> None:
    x1, y1, x2, y2 = one.box
    thick = 2.0 if one.strong else 1.0
    dash: Any = (0, tuple(part / 2 for part in style.dash)) if style.dash else "-"
    for colour, width, line in (("black", thick + 1.2, "-"), (style.colour, thick, dash)):
        axes.add_patch(
            Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=width, linestyle=line)
        )


def gallery_figure(
    tiles: Sequence[Tile], styles: dict[str, Style], columns: int, title: str, alt: str, width: float = 9.0
) -> NotebookFigure:
    """Tiles alone, as a static image."""
    columns = max(1, min(columns, len(tiles)))
    tall = tiles[0].image.shape[1] / tiles[0].image.shape[2] if tiles else 0.2
    rows = math.ceil(len(tiles) / columns) or 1
    figure = NotebookFigure(figsize=(width, 0.4 + rows * (width / columns * tall + 0.25)), alt=alt)
    figure.suptitle(title, fontsize=11, parse_math=False)
    draw_tiles(figure, tiles, styles, columns)
    return figure
