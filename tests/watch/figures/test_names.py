import itertools

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from teachkit.structures import Detections
from teachkit.watch.figures import plots
from teachkit.watch.figures.names import PAD, write_names
from teachkit.watch.figures.plots import NotebookFigure

CLASSES = ["ball", "triangle"]
SIDE = 64


def places(figure):
    """What is written on the first picture, and where, px of the screen, its frame included."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    canvas.draw()  # as for a file, where the layout is found first
    renderer = canvas.get_renderer()
    shown = [text for text in figure.axes[0].texts if text.get_visible()]
    pad = renderer.points_to_pixels(PAD)
    return [(text.get_text(), text.get_window_extent(renderer).padded(pad)) for text in shown]


def drawn(*rows):
    """rows: x1, y1, x2, y2, score, class → the picture of these detections."""
    table = torch.tensor(rows, dtype=torch.float32)
    found = Detections(table[:, :4], table[:, 4], table[:, 5].long())
    return plots.detection_grid([torch.zeros(3, SIDE, SIDE)], [found], CLASSES)


@pytest.mark.parametrize("step", [0, 1, 4, 9])
def test_no_name_covers_another_however_close_their_boxes_are(step):
    rows = [(10 + step * one, 12 + step * one, 30 + step * one, 30 + step * one, 0.9 - one / 10, 1) for one in range(5)]
    names = places(drawn(*rows))
    assert len(names) > 1
    for (_, one), (_, other) in itertools.combinations(names, 2):
        assert (
            min(one.x1, other.x1) - max(one.x0, other.x0) <= 0.1 or min(one.y1, other.y1) - max(one.y0, other.y0) <= 0.1
        )


def test_a_name_stays_within_its_picture():
    figure = drawn((50, 1, 63, 9, 0.9, 1), (1, 50, 9, 63, 0.8, 1))
    names = places(figure)
    whole = figure.axes[0].bbox
    assert len(names) == 2
    for _, place in names:
        assert whole.x0 - 0.1 <= place.x0 < place.x1 <= whole.x1 + 0.1
        assert whole.y0 - 0.1 <= place.y0 < place.y1 <= whole.y1 + 0.1


def test_the_surest_name_stands_above_its_box_and_one_without_room_is_left_out():
    figure = drawn(*[(20, 20, 40, 40, 0.9 - one / 10, 1) for one in range(8)])
    names = places(figure)
    _, top = figure.axes[0].transData.transform((20, 20))
    assert names[0][0] == "triangle 0.90"
    assert names[0][1].y0 == pytest.approx(top, abs=0.5)
    assert len(names) < 8


def test_a_score_goes_before_a_name_does():
    figure = NotebookFigure(figsize=(1, 0.18), alt="", layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(18, 0))
    write_names(axes, [((0, 0, 40, 18), "ball 0.90", "white"), ((70, 0, 100, 18), "ball 0.80", "white")])
    assert [name for name, _ in places(figure)] == ["ball 0.90", "ball"]


@pytest.mark.parametrize("colour", [*plots.PALETTE, "white"])
def test_letters_stand_out_from_what_is_behind_them(colour):
    """WCAG 2.2, 1.4.3: a contrast of 4.5 for small letters."""
    figure = NotebookFigure(figsize=(1, 1), alt="")
    write_names(figure.subplots(), [((0, 0, 1, 1), "ball", colour)])
    text = figure.axes[0].texts[0]

    def luminance(one):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(one)]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05

    light, dark = sorted((luminance(text.get_color()), luminance(colour)), reverse=True)
    assert light / dark >= 4.5
