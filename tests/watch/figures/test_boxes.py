import io

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.boxes import ciou
from teachkit.watch.figures.boxes import along_slide, boxes_with_loss, falling, paths

TRUTH = torch.tensor([[19.0, 40.0, 48.0, 64.0]])


def blank(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).reshape(-1, 3).std(0).max() < 5


def test_each_box_bears_its_loss():
    predicted = torch.tensor([[22.0, 38.0, 50.0, 70.0]])
    figure = boxes_with_loss([torch.rand(3, 128, 128)], [(predicted, TRUTH)], "one")
    assert [text.get_text() for text in figure.axes[0].texts] == [f"{1 - ciou(predicted, TRUTH).item():.2f}"]
    assert "dashed" in figure.alt
    assert not blank(figure)


@pytest.mark.parametrize("slide", ["across", "down", "wide"])
def test_the_losses_along_a_slide_are_four_curves_told_apart_by_more_than_colour(slide):
    figure = along_slide((24, 24, 104, 104), (34, 54, 54, 74), slide, 3, 60)
    lines = figure.axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == len({line.get_color() for line in lines}) == 4
    assert not blank(figure)


def test_how_each_loss_has_led_a_box():
    start = torch.tensor([70.0, 70.0, 110.0, 120.0])
    still, arrives = start.expand(101, 4), torch.stack([start, start - 20, TRUTH[0] + 1])
    figure = paths({"IoU": still, "CIoU": arrives}, TRUTH[0], every=1)
    assert [axes.get_title() for axes in figure.axes] == ["IoU loss", "CIoU loss"]
    words = [[text.get_text() for text in axes.texts if text.get_text()] for axes in figure.axes]
    assert words == [["start and end", "truth"], ["start", "end", "truth"]]
    assert not blank(figure)


def test_a_falling_loss_is_drawn_from_zero():
    axes = falling([3.0, 2.0, 1.0], "box loss").axes[0]
    assert axes.get_ylim()[0] == 0
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert axes.get_ylabel() == "box loss"
