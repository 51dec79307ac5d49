import io

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.watch.figures.images import as_bytes, png, rgba

IMAGE = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))


def test_a_png_holds_every_pixel_to_the_nearest_level():
    read = np.asarray(Image.open(io.BytesIO(png(IMAGE))))
    assert read.shape == (5, 7, 3)
    assert np.array_equal(read, (IMAGE * 255).round().byte().permute(1, 2, 0).numpy())


def test_a_canvas_gets_opaque_pixels_row_by_row():
    pixels = np.frombuffer(rgba(as_bytes(IMAGE)), np.uint8).reshape(5, 7, 4)
    assert np.array_equal(pixels[..., :3], as_bytes(IMAGE).permute(1, 2, 0).numpy())
    assert (pixels[..., 3] == 255).all()


@pytest.mark.parametrize("beyond", [-0.5, 1.5])
def test_what_is_beyond_black_or_white_does_not_wrap_around(beyond):
    assert as_bytes(torch.full((3, 1, 1), beyond)).unique().tolist() == [0 if beyond < 0 else 255]


def test_bytes_stay_as_they_are():
    image = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
    assert torch.equal(as_bytes(image), image)
