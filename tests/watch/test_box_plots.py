import io

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.boxes import ciou
from teachkit.watch.box_plots import along_slide, boxes_with_loss, paths

TRUTH = torch.tensor([[19.0, 40.0, 48.0, 64.0]])


def blank(picture):
    return np.asarray(Image.open(io.BytesIO(picture.png())).convert("RGB")).reshape(-1, 3).std(0).max() < 5


def test_each_box_bears_its_loss():
    predicted = torch.tensor([[22.0, 38.0, 50.0, 70.0]])
    picture = boxes_with_loss([torch.rand(3, 128, 128)], [(predicted, TRUTH)], "one")
    assert [text.get_text() for text in picture.axes[0].texts] == [f"{1 - ciou(predicted, TRUTH).item():.2f}"]
    assert "dashed" in picture.alt
    assert not blank(picture)


@pytest.mark.parametrize("slide", ["across", "down", "wide"])
def test_the_losses_along_a_slide_are_four_curves_told_apart_by_more_than_colour(slide):
    picture = along_slide((24, 24, 104, 104), (34, 54, 54, 74), slide, 3, 60)
    lines = picture.axes[0].lines
    assert len({line.get_linestyle() for line in lines}) == len({line.get_color() for line in lines}) == 4
    assert not blank(picture)


def test_where_each_loss_has_led_a_box():
    start = torch.tensor([70.0, 70.0, 110.0, 120.0])
    picture = paths(start, TRUTH[0], {"IoU": start, "CIoU": TRUTH[0] + 1})
    assert [axes.get_title() for axes in picture.axes] == ["IoU loss", "CIoU loss"]
    assert not blank(picture)
