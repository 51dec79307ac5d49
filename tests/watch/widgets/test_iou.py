import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import ops

from teachkit.analysis.sliding_box import EDGES, MEASURES
from teachkit.errors import UserError
from teachkit.watch.widgets.iou import SLIDES, IoUPlayground

TRUTH = (24.0, 24.0, 104.0, 104.0)
REFERENCE = {
    "giou": ops.generalized_box_iou_loss,
    "diou": ops.distance_box_iou_loss,
    "ciou": ops.complete_box_iou_loss,
}


def random_box(generator):
    one, other = torch.rand(2, 2, generator=generator, dtype=torch.float64).mul(120).add(4).sort(0).values
    return torch.cat([one, torch.maximum(other, one + 4).clamp(max=128)])


@pytest.mark.parametrize("seed", range(100))
def test_values_losses_and_slopes_are_those_of_torchvision(seed):
    generator = torch.Generator().manual_seed(seed)
    truth, predicted = random_box(generator), random_box(generator)
    now = IoUPlayground(truth.tolist(), predicted.tolist()).numbers()["measures"]
    pair = predicted[None], truth[None]
    assert now["iou"]["value"] == pytest.approx(ops.box_iou(*pair).item(), abs=1e-6)
    assert now["giou"]["value"] == pytest.approx(ops.generalized_box_iou(*pair).item(), abs=1e-6)
    assert now["diou"]["value"] == pytest.approx(ops.distance_box_iou(*pair).item(), abs=1e-6)
    assert now["ciou"]["value"] == pytest.approx(ops.complete_box_iou(*pair).item(), abs=1e-6)
    for name, loss in REFERENCE.items():
        leaf = predicted[None].clone().requires_grad_()
        value = loss(leaf, truth[None]).sum()
        value.backward()
        left, top, right, bottom = leaf.grad[0].tolist()
        assert now[name]["loss"] == pytest.approx(value.item(), abs=1e-6)
        assert now[name]["slopes"] == pytest.approx([left, top, right, bottom], abs=1e-6)
        assert now[name]["move"] == pytest.approx([left + right, top + bottom], abs=1e-6)
        assert now[name]["grow"] == pytest.approx([(right - left) / 2, (bottom - top) / 2], abs=1e-6)


def test_the_slope_per_pixel_is_what_a_small_nudge_does():
    at = torch.tensor([30.0, 40.0, 75.0, 61.0])
    now = IoUPlayground(TRUTH, at)
    for measure in ("iou", "giou", "diou"):  # CIoU's alpha is held still for its slope, and a nudge moves it
        for edge in range(len(EDGES)):
            losses = []
            for nudge in (-1e-3, 1e-3):
                box = at.double().clone()
                box[edge] += nudge
                losses.append(IoUPlayground(TRUTH, box.tolist()).numbers()["measures"][measure]["loss"])
            slope = (losses[1] - losses[0]) / 2e-3
            assert now.numbers()["measures"][measure]["slopes"][edge] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_inside_the_truth_iou_and_giou_are_blind_to_the_place(measure):
    now = IoUPlayground(TRUTH, (30, 40, 50, 60), measure=measure).numbers()
    moving = max(map(abs, now["measures"][measure]["move"]))
    assert (moving < 1e-9) == (measure in ("iou", "giou"))
    assert ("is blind" in now["said"]) == (measure in ("iou", "giou"))
    assert np.ptp(now["chart"][measure][25:50]) == pytest.approx(0, abs=1e-9) or measure in ("diou", "ciou")


def test_apart_only_iou_has_no_slope_at_all():
    for measure in MEASURES:
        said = IoUPlayground((60, 60, 120, 120), (4, 4, 30, 30), measure=measure).numbers()["said"]
        assert ("no slope at all" in said) == (measure == "iou")


def test_the_course_s_two_boxes():
    boxes = {"middle": (30, 30, 50, 50), "corner": (5, 5, 25, 25)}
    now = {name: IoUPlayground((0, 0, 80, 80), box).numbers()["measures"] for name, box in boxes.items()}
    assert now["middle"]["iou"]["loss"] == pytest.approx(now["corner"]["iou"]["loss"])
    assert now["middle"]["giou"]["loss"] == pytest.approx(now["corner"]["giou"]["loss"])
    assert [round(now[name]["ciou"]["loss"], 4) for name in boxes] == [0.9375, 1.0352]


@pytest.mark.parametrize("slide", SLIDES)
def test_the_chart_passes_through_where_the_box_is(slide):
    playground = IoUPlayground(TRUTH, (40, 52, 60.5, 72), slide=slide)
    now = playground.numbers()
    low, high = now["range"]
    for measure in MEASURES:
        stops = np.linspace(low, high, len(now["chart"][measure]))
        there = np.interp(playground.along(), stops, now["chart"][measure])
        assert there == pytest.approx(now["measures"][measure]["loss"], abs=0.02)


@pytest.mark.parametrize(
    "values",
    [
        {"predicted": "1, 2, 3"}, {"predicted": [1, 2, float("nan"), 9]}, {"predicted": [50, 2, 10, 9]},
        {"predicted": None},
        {"predicted": [0, 0, 200, 9]}, {"predicted": [0, 0, 1, 9]}, {"predicted": "a b c d"}, {"predicted": [[1]] * 4},
        {"measure": "l2"}, {"slide": "<b>"}, {"box": 1}, {"predicted": {"x1": 1}}, {"predicted": [True, 0, 9, 9]},
    ],
)  # fmt: skip
def test_a_refused_value_is_told_and_the_old_one_stays(values):
    playground = IoUPlayground()
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused
    playground.set(predicted="10; 20, 30 40")
    assert playground.values["predicted"] == [10, 20, 30, 40]
    assert playground.refused == ""


def test_every_place_on_offer_lies_in_the_picture():
    for truth in (TRUTH, (0, 0, 128, 128), (0, 100, 20, 128), (60, 60, 63, 63)):
        playground = IoUPlayground(truth)
        for _, box in playground.places():
            playground.set(predicted=box)
    assert len(IoUPlayground().places()) == 6


def test_a_picture_lies_under_it_and_its_size_is_kept():
    playground = IoUPlayground((2, 2, 30, 20), (4, 4, 20, 20), picture=torch.rand(3, 24, 40))
    content, (file,) = playground.setup()
    assert content["size"] == [24, 40]
    assert Image.open(io.BytesIO(file)).size == (40, 24)
    with pytest.raises(UserError, match="picture"):
        IoUPlayground(picture=torch.rand(24, 40))
    with pytest.raises(UserError):
        IoUPlayground(truth=(0, 0, 50, 50), picture=torch.rand(3, 24, 40))


@pytest.mark.parametrize("measure", ["iou", "giou", "diou", "ciou"])
def test_on_the_truth_nothing_is_said_to_be_left_to_do(measure):
    playground = IoUPlayground(truth=(20, 20, 60, 60), predicted=(20, 20, 60, 60), measure=measure)
    assert "nothing is left to do" in playground.numbers()["said"]
