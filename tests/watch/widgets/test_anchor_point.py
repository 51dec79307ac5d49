import random

import numpy as np
import pytest
import torch

import teachkit as tk
from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.watch.widgets.anchor_point import CELL, AnchorPointPlayground


@pytest.fixture(scope="module")
def playground():
    return AnchorPointPlayground()


def moved(playground, draw):
    height, width = playground.image.shape[-2:]
    values = {"x": draw.uniform(0, width), "y": draw.uniform(0, height), "stride": draw.choice(["8", "16"])}
    playground.set(**values, model=draw.choice(["trained", "untrained"]))
    return playground.numbers(), values


@pytest.mark.parametrize("seed", range(12))
def test_what_is_shown_is_what_the_detector_answers_at_the_nearest_point(playground, seed):
    now, values = moved(playground, random.Random(seed))
    asked, stride = playground.predictions[playground.values["model"]], float(values["stride"])
    assert abs(now["point"][0] - values["x"]) <= stride / 2
    assert abs(now["point"][1] - values["y"]) <= stride / 2
    point = playground.point
    assert asked.anchor_points[point].tolist() == now["point"]
    assert now["box"] == pytest.approx(asked.boxes[0, point].tolist(), abs=0.06)
    assert now["scores"] == pytest.approx(torch.tensor(now["logits"]).sigmoid().tolist())
    x, y = now["point"]
    left, top, right, bottom = (np.array(now["shares"]) @ np.arange(16)) * stride
    assert now["box"] == pytest.approx([x - left, y - top, x + right, y + bottom], abs=1.0)
    row, column = now["cell"]
    assert (x, y) == ((column + 0.5) * stride, (row + 0.5) * stride)
    assert now["value"] == pytest.approx(float(playground.map[playground.values["channel"], row, column]))


@pytest.mark.parametrize("stride", ["8", "16"])
def test_no_pixel_outside_of_the_window_changes_the_answer_and_those_within_do(playground, stride):
    playground.set(x=30, y=40, stride=stride, model="trained")
    x1, y1, x2, y2 = playground.numbers()["window"]
    model, point = playground.models["trained"], playground.point
    noise = torch.rand(playground.image.shape, generator=torch.Generator().manual_seed(0))
    outside, inside = noise.clone(), playground.image.clone()
    outside[:, y1:y2, x1:x2] = playground.image[:, y1:y2, x1:x2]
    inside[:, y1:y2, x1:x2] = noise[:, y1:y2, x1:x2]
    with torch.no_grad():
        true, same, other = (model(one[None]).cls_logits[0, point] for one in (playground.image, outside, inside))
    assert not torch.equal(outside, playground.image)
    torch.testing.assert_close(same, true, atol=1e-4, rtol=1e-5)
    assert (other - true).abs().max() > 0.1


def test_the_light_is_the_influence_and_half_of_it_lies_within_the_square_that_is_named(playground):
    playground.set(x=60, y=60, stride="8", model="trained")
    now, influence = playground.numbers(), playground.influence()
    light = np.array(now["light"])
    assert light.shape == tuple(side // CELL for side in influence.shape)
    assert light.max() == 1
    (x, y), half = now["point"], now["half"] / 2
    columns, rows = np.arange(128) + 0.5 - x, np.arange(128) + 0.5 - y
    for side, holds in ((half, True), (half - 2, False)):
        near = influence.numpy()[np.abs(rows) <= side][:, np.abs(columns) <= side].sum()
        assert (near >= 0.5 * float(influence.sum())) == holds


@pytest.mark.parametrize(
    "values", [{"x": -1}, {"y": "x"}, {"stride": "4"}, {"stride": 8}, {"channel": 48}, {"model": "<b>"}, {"z": 1}]
)
def test_a_refused_value_is_told_and_the_old_ones_stay(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused


def test_it_begins_where_the_detector_is_surest(playground):
    first, asked = AnchorPointPlayground().numbers(), playground.predictions["trained"]
    assert max(first["scores"]) == pytest.approx(float(asked.scores.max()))


def test_own_detectors_and_pictures_of_any_shape_and_names_with_markup():
    picture = torch.rand(3, 64, 96, generator=torch.Generator().manual_seed(0))
    own = tk.AnchorPointPlayground({"<b>mine": Detector(2, device="cpu").eval()}, picture, ["<i>a", "$5"], x=90, y=3)
    now = own.numbers()
    assert now["point"] == [92, 4]
    assert (len(now["map"]), len(now["map"][0])) == (8, 12)
    assert own.setup()[0]["models"] == ["<b>mine"]
    assert own.figure().png()
    with pytest.raises(UserError, match="at least one"):
        AnchorPointPlayground({})
