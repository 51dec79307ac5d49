import io

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from teachkit.feed.detector import Detector
from teachkit.scoring import Reliability
from teachkit.watch.figures import inside
from teachkit.watch.figures.colours import BUILT_IN, NO_CLASS, class_styles

IMAGE = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def predictions():
    with torch.no_grad():
        return Detector(2, device="cpu").eval()(IMAGE)


@pytest.mark.parametrize("name", ["anchor_map", "decoded", "score_maps", "bin_bars", "reliability"])
def test_it_is_not_blank_and_has_words(predictions, name):
    shares = predictions.box_logits[0, 7, 2].softmax(-1)
    figure = {
        "anchor_map": lambda: inside.anchor_map(IMAGE[0], predictions),
        "decoded": lambda: inside.decoded(IMAGE[0], predictions, 7, "<b>untrained"),
        "score_maps": lambda: inside.score_maps(IMAGE[0], predictions, ["$5", "<i>b"], "untrained"),
        "bin_bars": lambda: inside.bin_bars({"before": shares, "$after": shares}, shares, 3.2),
        "reliability": lambda: inside.reliability_diagram(Reliability(*np.array([[0.2, 0.8], [0.1, 0.9], [70, 9]]))),
    }[name]()
    assert len(figure.alt) > 10
    pixels = np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))
    assert pixels.reshape(-1, 3).std(0).max() > 10


def test_every_anchor_point_is_drawn_under_its_stride(predictions):
    panels = inside.anchor_map(IMAGE[0], predictions).axes
    assert [len(panel.lines[0].get_xdata()) for panel in panels] == [8 * 12, 4 * 6]
    assert "96 anchor points" in panels[0].get_title()


def test_a_box_that_reaches_out_of_the_picture_is_shown_whole(predictions):
    axes = inside.decoded(IMAGE[0], predictions, 0, "untrained").axes[0]  # the first point, 4 px from two sides
    x1, y1, x2, y2 = predictions.boxes[0, 0].tolist()
    assert x1 < 0
    assert y1 < 0
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left < x1 < x2 < right
    assert top < y1 < y2 < bottom


SIGNAL = {"neck": {"box": 1.0, "cls": 0.1, "dfl": 0.4}, "class branch": {"box": 0.0, "cls": 2.0, "dfl": 0.0}}


def test_each_bar_is_as_long_as_the_signal_and_a_missing_one_says_0():
    axes = inside.signal_bars(SIGNAL).axes[0]
    bars = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}
    assert bars == {name: [arrived[name] for arrived in SIGNAL.values()] for name in ("box", "cls", "dfl")}
    assert [text.get_text() for text in axes.texts] == ["0", "0"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(SIGNAL)


def test_the_words_say_which_losses_arrive_where():
    assert "neck: box, cls, dfl; class branch: cls" in inside.signal_bars(SIGNAL).alt


def test_losses_are_told_apart_without_colour():
    axes = inside.signal_bars(SIGNAL).axes[0]
    assert len({bars[0].get_hatch() for bars in axes.containers}) == 3


@pytest.mark.parametrize("signal", [{"neck": {"box": 0.0, "cls": 0.0, "dfl": 0.0}}])
def test_a_detector_that_nothing_reaches_is_shown_too(signal):
    assert inside.signal_bars(signal).png()


def test_the_error_of_nudging_is_drawn_beside_what_theory_expects():
    nudges = [1e-6, 1e-4, 0.03, 1.0]
    axes = inside.nudging_errors(nudges, [0.4, 0.0, 0.001, 1.0], loss=2.0).axes[0]
    measured, rounding, bent = (line.get_ydata() for line in axes.lines)
    assert measured[0] == 0.4
    assert rounding[0] / rounding[1] == pytest.approx(100)
    assert bent[2] == 0.001
    assert bent[3] / bent[2] == pytest.approx((1 / 0.03) ** 2)


def test_a_box_whose_class_does_not_matter_has_the_colour_of_no_class(predictions):
    shown = inside.decoded(IMAGE[0], predictions, 0, "untrained").axes[0].patches
    colours = {to_hex(frame.get_edgecolor()).upper() for frame in shown if isinstance(frame, Rectangle)}
    assert NO_CLASS in colours
    assert not colours & {style.colour for style in class_styles(BUILT_IN)}
