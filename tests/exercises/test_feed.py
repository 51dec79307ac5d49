import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from teachkit.exercises import feed
from teachkit.exercises.progress import exercises_of
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
    ("check", "answer", "says"),
    [
        (feed.check_yolo, (32, 24, 32, 32), "in pixels"), (feed.check_yolo, (0.125, 0.125, 0.25, 0.5), "upper left"),
        (feed.check_yolo, (0.125, 0.125, 0.375, 0.625), "two corners"),
        (feed.check_yolo, (0.5, 0.1875, 0.5, 0.25), "by the width"),
        (feed.check_yolo, (0.25, 0.1875, 0.25, 0.25), "64"),
        (feed.check_yolo, (25, 37.5, 25, 50), "per cent"), (feed.check_yolo, (1, 2, 3, 4), "first the centre"),
        (feed.check_flip, (118, 20, 78, 60), "change places"), (feed.check_flip, (77, 20, 117, 60), "between pixels"),
        (feed.check_flip, (10, 68, 50, 108), "top and bottom"), (feed.check_flip, (78, 68, 118, 108), "both axes"),
        (feed.check_flip, (10, 20, 50, 60), "stayed"), (feed.check_flip, (1, 2, 3, 4), "mirror"),
        (feed.check_crop, (80, 80, 160, 160), "corner"), (feed.check_crop, (40, 40, 80, 80), "grew"),
        (feed.check_crop, (52, 52, 72, 72), "shrinks"), (feed.check_crop, (20, 20, 100, 100), "own middle"),
        (feed.check_crop, (1, 2, 3, 4), "doubles"),
        (feed.check_shape, (12, 96, 160, 3), "before height"), (feed.check_shape, (12, 3, 160, 96), "before width"),
        (feed.check_shape, (3, 96, 160), "one picture"), (feed.check_shape, (3, 12, 96, 160), "come first"),
        (feed.check_shape, (12, 3, 128, 128), "how many rows"), (feed.check_shape, (12, 3), "4 numbers are asked for"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_why(check, answer, says):
    verdict = check(answer)
    assert verdict.right is False
    assert says in verdict.words


def test_the_lesson_knows_its_exercises():
    assert exercises_of("01") == [
        "a box for YOLO", "a flipped box", "a cropped box", "the shape of a batch", "what a reader can know",
    ]  # fmt: skip


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
        assert verdict.words == f"not yet: {fault}: {feed.FAULTS[fault][1]}"
    assert feed.check_faults("all").right is False
