import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from teachkit.exercises import feed
from teachkit.feed.augment import flip, zoom

BOX = torch.tensor([[[16.0, 8, 48, 40]]])


def test_the_right_answers_are_those_of_torchvision_and_of_the_training_code():
    yolo = v2.functional.convert_bounding_box_format(
        tv_tensors.BoundingBoxes(BOX[0], format="XYXY", canvas_size=(64, 128)), new_format="CXCYWH"
    )
    assert feed.check_yolo(yolo / torch.tensor([128, 64, 128, 64])).right
    images = torch.zeros(1, 3, 128, 128)
    flipped = flip(images, torch.tensor([[[10.0, 20, 50, 60]]]), torch.tensor([True]))[1]
    assert feed.check_flip(flipped).right
    cropped = zoom(images, torch.tensor([[[40.0, 40, 80, 80]]]), torch.tensor([2.0]), torch.zeros(1, 2))[1]
    assert feed.check_crop(cropped).right
    assert feed.check_shape(torch.zeros(12, 3, 96, 160).shape).right


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (feed.check_yolo, [0.25, 0.375, 0.25, 0.5]), (feed.check_yolo, (32 / 128, 24 / 64, 32 / 128, 32 / 64)),
        (feed.check_flip, [[78, 20, 118, 60]]), (feed.check_flip, np.array([78, 20, 118, 60])),
        (feed.check_crop, (16.0, 16.0, 96.0, 96.0)), (feed.check_shape, [12, 3, 96, 160]),
    ],
)  # fmt: skip
def test_any_form_of_a_right_answer_is_accepted(check, answer):
    assert check(answer).right


@pytest.mark.parametrize(
    ("check", "mistakes"),
    [
        (feed.check_yolo, feed.YOLO_MISTAKES), (feed.check_flip, feed.FLIP_MISTAKES),
        (feed.check_crop, feed.CROP_MISTAKES), (feed.check_shape, feed.SHAPE_MISTAKES),
    ],
)  # fmt: skip
def test_each_known_mistake_is_told_apart(check, mistakes):
    assert len(mistakes) >= 3
    said = {str(check(answer)) for answer in mistakes}
    assert len(said) == len(mistakes)
    assert all(verdict.startswith("not yet: ") for verdict in said)
    assert str(check((1, 2, 3, 5))) not in said


@pytest.mark.parametrize("check", [feed.check_yolo, feed.check_flip, feed.check_crop, feed.check_shape])
def test_what_is_open_or_senseless_gets_a_friendly_word(check):
    assert check(None).right is None
    for senseless in ("78", float("nan"), [1, 2], {}, [None] * 4, object(), True, [[1, 2], [3]], []):
        verdict = check(senseless)
        assert verdict.right is False
        assert str(verdict).startswith("not yet: ")


def test_claims_about_the_reader():
    truth = {fault: is_found for fault, (is_found, _) in feed.FAULTS.items()}
    assert feed.check_faults(truth).right
    assert feed.check_faults(dict.fromkeys(truth)).right is None
    for fault, is_found in truth.items():
        verdict = feed.check_faults(truth | {fault: not is_found})
        assert verdict.right is False
        assert fault in str(verdict)
    assert feed.check_faults("all").right is False
