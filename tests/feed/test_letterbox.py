"""Where pictures and their boxes come to lie on the canvas, and the way back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2 import functional as v2

from teachkit.feed.letterbox import GREY, Letterbox

SIDES = st.integers(1, 700)


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@given(picture=st.tuples(SIDES, SIDES), canvas=st.tuples(st.integers(16, 400), st.integers(16, 400)), data=st.data())
@settings(max_examples=200, deadline=None)
def test_boxes_go_onto_the_canvas_and_come_back(picture, canvas, data):
    x1, x2 = sorted(data.draw(st.tuples(*[st.floats(0, picture[1], width=32)] * 2)))
    y1, y2 = sorted(data.draw(st.tuples(*[st.floats(0, picture[0], width=32)] * 2)))
    boxes = torch.tensor([[x1, y1, x2, y2], [0, 0, picture[1], picture[0]]])
    placed = Letterbox.fit(picture, canvas)
    on_canvas = placed.boxes(boxes)
    assert on_canvas.min() >= 0
    assert (on_canvas[:, 2:] <= torch.tensor([canvas[1], canvas[0]]) + 1e-3).all()
    assert torch.allclose(placed.undo(on_canvas), boxes, atol=2e-3 * max(1, max(picture) / max(canvas)))


@given(picture=st.tuples(SIDES, SIDES), canvas=st.tuples(st.integers(16, 400), st.integers(16, 400)))
@settings(max_examples=100, deadline=None)
def test_a_picture_fills_one_direction_keeps_its_shape_and_stands_in_the_middle(picture, canvas):
    placed = Letterbox.fit(picture, canvas)
    height, width = placed.scaled
    assert (height == canvas[0] and width <= canvas[1]) or (width == canvas[1] and height <= canvas[0])
    scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
    assert abs(height - max(1, picture[0] * scale)) <= 0.5
    assert abs(width - max(1, picture[1] * scale)) <= 0.5
    assert abs(2 * placed.left + width - canvas[1]) <= 1
    assert abs(2 * placed.top + height - canvas[0]) <= 1


@pytest.mark.parametrize("picture", [(48, 64), (64, 48), (20, 30), (300, 41), (64, 64)])
def test_the_box_around_a_bright_patch_stays_around_it(picture):
    height, width = picture
    image = torch.zeros(3, height, width, dtype=torch.uint8)
    box = torch.tensor([[width // 4, height // 3, width * 3 // 4, height * 2 // 3]]).float()
    x1, y1, x2, y2 = box[0].int().tolist()
    image[:, y1:y2, x1:x2] = 255
    placed = Letterbox.fit(picture, (64, 64))
    bright = placed.image(image)[0] > 190
    rows, columns = bright.any(1).nonzero()[:, 0], bright.any(0).nonzero()[:, 0]
    seen = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]).float()
    assert (placed.boxes(box)[0] - seen).abs().max() <= 1


@pytest.mark.parametrize("picture", [(30, 60), (150, 300)])
def test_the_rest_of_the_canvas_is_grey_and_the_pixels_are_those_of_torchvision(picture):
    image = noise(*picture)
    on_canvas = Letterbox.fit(picture, (64, 96)).image(image)
    assert on_canvas.shape == (3, 64, 96)
    assert (on_canvas[:, :8] == GREY).all()
    assert (on_canvas[:, 56:] == GREY).all()
    assert torch.equal(on_canvas[:, 8:56], v2.resize(image, [48, 96], antialias=True))


def test_a_picture_of_the_right_size_is_handed_on_as_it_is():
    image = noise(64, 96)
    placed = Letterbox.fit((64, 96), (64, 96))
    assert placed.image(image) is image
    boxes = torch.rand(5, 4)
    assert torch.equal(placed.boxes(boxes), boxes)


def test_what_lies_off_the_picture_is_clipped_on_the_way_back():
    placed = Letterbox.fit((50, 100), (64, 64))
    assert placed.undo(torch.tensor([[-5.0, 0.0, 70.0, 64.0]])).tolist() == [[0, 0, 100, 50]]
