import io

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from teachkit.errors import UserError
from teachkit.feed.scenes import make_scenes
from teachkit.watch.widgets.augment import AugmentPlayground

GENERATOR = torch.Generator().manual_seed(3)


def drawn(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=GENERATOR))


def settings() -> dict:
    return {
        "flip": "yes" if drawn(0, 1) < 0.5 else "no", "zoom": drawn(0.5, 2),
        "shift_x": drawn(-1, 1), "shift_y": drawn(-1, 1),
    }  # fmt: skip


def test_boxes_lie_where_torchvision_puts_them_for_100_settings():
    playground = AugmentPlayground()
    height, width = playground.image.shape[1:]
    for _ in range(100):
        values = settings()
        playground.set(**values)
        boxes = tv_tensors.BoundingBoxes(playground.boxes.clone(), format="XYXY", canvas_size=(height, width),
                                         clamping_mode=None)  # fmt: skip
        if values["flip"] == "yes":
            boxes = v2.functional.horizontal_flip(boxes)
        shift = [values["shift_x"] * width / 2, values["shift_y"] * height / 2]
        boxes = v2.functional.affine(boxes, angle=0, translate=shift, scale=values["zoom"], shear=[0.0, 0.0])
        _, now, _ = playground.changed()
        assert torch.allclose(now, boxes.as_subclass(torch.Tensor), atol=1e-2)
    playground.close()


def test_pixels_move_with_the_boxes():
    """A white rectangle stays inside its box, whatever is done to both."""
    image = torch.zeros(3, 96, 128)
    image[:, 30:60, 40:90] = 1
    playground = AugmentPlayground(image, torch.tensor([[40.0, 30, 90, 60]]), torch.tensor([0]), ["white"])
    for _ in range(30):
        playground.set(**settings())
        picture, boxes, _ = playground.changed()
        rows, columns = np.nonzero((picture.numpy() > 0.9).all(0))
        if len(rows):
            x1, y1, x2, y2 = boxes[0].tolist()
            assert columns.min() >= x1 - 1
            assert columns.max() <= x2 + 1
            assert rows.min() >= y1 - 1
            assert rows.max() <= y2 + 1
    playground.close()


def test_nothing_changes_until_something_is_moved():
    playground = AugmentPlayground()
    picture, boxes, kept = playground.changed()
    assert torch.equal((picture * 255).round().to(torch.uint8), playground.image)
    assert torch.equal(boxes, playground.boxes)
    assert kept.all()
    assert playground.fit() == 1
    playground.close()


def test_boxes_left_behind_are_no_error_and_fit_worse():
    playground = AugmentPlayground()
    playground.set(flip="yes")
    assert playground.fit() == 1
    playground.set(follow="no")
    assert playground.fit() < 0.9
    assert playground.error == playground.refused == ""
    given, kept = playground.labels_now()
    assert torch.equal(given, playground.boxes)
    assert kept.all()
    playground.close()


@pytest.mark.parametrize(
    "values",
    [{"zoom": 0}, {"zoom": "NaN"}, {"shift_x": 1.5}, {"flip": True}, {"follow": "perhaps"}, {"brightness": -1},
     {"contrast": "<b>"}, {"rotate": 3}],
)  # fmt: skip
def test_a_senseless_value_is_refused_and_the_old_one_stays(values):
    playground = AugmentPlayground()
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == before
    playground.close()


def test_a_picture_of_your_own_needs_all_that_belongs_to_it():
    scenes = make_scenes(1)
    with pytest.raises(UserError, match="boxes, labels and classes"):
        AugmentPlayground(scenes.image(0))
    with pytest.raises(UserError, match="one picture"):
        AugmentPlayground(scenes.image(0)[None], scenes.boxes[0], scenes.labels[0], scenes.classes)


def test_the_static_image_shows_the_pictures():
    playground = AugmentPlayground(flip="yes", zoom=1.3)
    picture = np.asarray(Image.open(io.BytesIO(playground.static_image())).convert("RGB"))
    assert picture.std() > 20
    assert len(playground.static_image()) < 200_000
    playground.close()


def test_closing_leaves_nothing_behind():
    before = len(ipywidgets.widgets.widget._instances)
    playground = AugmentPlayground()
    playground.close()
    assert len(ipywidgets.widgets.widget._instances) == before
