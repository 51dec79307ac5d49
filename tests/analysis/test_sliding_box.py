import pytest
import torch

from teachkit.analysis.sliding_box import LEAST_SIDE, STOPS, slid, span

BOX = (40.0, 52.0, 60.0, 72.0)
PICTURE = (128, 96)  # height and width, px


@pytest.mark.parametrize("slide", ["across", "down", "wide"])
def test_every_stop_of_a_slide_is_a_whole_box_inside_the_picture(slide):
    boxes = slid(BOX, slide, torch.linspace(*span(BOX, slide, PICTURE), STOPS))
    assert boxes.shape == (STOPS, 4)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= PICTURE[1]).all()
    assert (boxes[:, 3] <= PICTURE[0]).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= LEAST_SIDE).all()


@pytest.mark.parametrize(("slide", "moved"), [("across", (7, 52, 27, 72)), ("down", (40, 7, 60, 27))])
def test_a_box_that_is_moved_keeps_its_size(slide, moved):
    assert slid(BOX, slide, torch.tensor([7.0])).tolist() == [list(moved)]


def test_a_box_that_is_made_wider_keeps_its_middle_and_its_height():
    assert slid(BOX, "wide", torch.tensor([4.0, 50.0])).tolist() == [[48, 52, 52, 72], [25, 52, 75, 72]]
