import math

import numpy as np
import pytest
import torch

from teachkit.boxes import anchor_points, distances_to_boxes, expected_bin
from teachkit.exercises import predict
from teachkit.exercises.predict import CLAIMS
from teachkit.exercises.progress import exercises_of

NONSENSE = ["seven", float("nan"), [1, 2], [[0.5]] * 7, True, {"x": 1}, object(), torch.full((4,), math.nan)]


def test_the_lesson_knows_its_exercises():
    assert exercises_of("02") == [
        "how many anchor points", "from distances to a box", "from bins to an edge", "from logits to scores",
        "decode by hand", "what a score is",
    ]  # fmt: skip


def test_the_right_answers_as_the_library_has_them():
    assert predict.check_anchor_points(len(anchor_points((96, 160), (8, 16))[0])).right is True
    box = distances_to_boxes(torch.tensor([[2, 1.5, 3, 0.5]]), torch.tensor([[44.0, 60]]), torch.tensor([8.0]))
    logits = torch.full((16,), -1e4)
    logits[0], logits[4] = math.log(0.25), math.log(0.75)
    for form in (box, box[0], box[0].tolist(), tuple(box[0].tolist()), box.numpy()):
        assert predict.check_box(form).right is True
    for form in (44 + 8 * expected_bin(logits), 68, [68.0], np.float32(68)):
        assert predict.check_expectation(form).right is True
    for form in (torch.tensor([2.0, -1, 0]).sigmoid(), [0.88, 0.27, 0.5], (0.881, 0.269, 0.500)):
        assert predict.check_scores(form).right is True


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        ("anchor_points", 240, "finer map alone"), ("anchor_points", 60, "coarser map alone"),
        ("anchor_points", 48, "multiply"), ("anchor_points", 320, "128"), ("anchor_points", 1200, "class scores"),
        ("anchor_points", 350, "corners"), ("anchor_points", 7, "columns"),
        ("box", (42, 58.5, 47, 60.5), "multiply"), ("box", (16, 12, 24, 4), "start at"),
        ("box", (28, 48, 40, 16), "corner and size"), ("box", (48, 56, 40, 16), "centre and size"),
        ("box", (60, 72, 68, 64), "taken away"), ("box", (44, 32, 84, 48), "swapped"),
        ("box", (28, 68, 48, 64), "order"),
        ("box", (68, 64, 28, 48), "order"), ("box", (12, 36, 92, 68), "16"), ("box", (28, 48, 68, 65), "y2"),
        ("expectation", 76, "likeliest"), ("expectation", 47, "strides of 8"), ("expectation", 60, "shares"),
        ("expectation", 24, "start at"), ("expectation", 20, "added"), ("expectation", 99, "Σ"),
        ("scores", torch.tensor([2.0, -1, 0]).softmax(0), "softmax"), ("scores", (0.12, 0.73, 0.5), "sign"),
        ("scores", (1, 0, 0), "how sure"), ("scores", (2, -1, 0), "logits"), ("scores", (0.3, 0.3, 0.3), "sigmoid"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_why(check, answer, says):
    verdict = getattr(predict, f"check_{check}")(answer)
    assert verdict.right is False
    assert says in verdict.words


def decode(bins, point, stride, number_from=0, signs=(-1, -1, 1, 1)):
    left, top, right, bottom = (bins @ torch.arange(number_from, number_from + 16.0)) * stride
    x, y = point
    return x + signs[0] * left, y + signs[1] * top, x + signs[2] * right, y + signs[3] * bottom


def test_decoding_by_hand_is_accepted_in_any_form():
    assert predict.check_decode(decode).right is True
    assert predict.check_decode(lambda *given: torch.stack(decode(*given))).right is True


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda bins, point, stride: decode(bins, point, 1), "strides"),
        (lambda bins, point, stride: decode(bins, point, 8), "always 8"),
        (lambda bins, point, stride: decode(bins, point, stride, 1), "from 0"),
        (lambda bins, point, stride: decode(bins, point, stride, signs=(1, 1, -1, -1)), "signs"),
        (lambda bins, point, stride: decode(bins, point, stride, signs=(1, 1, 1, 1)), "not added"),
        (lambda bins, point, stride: decode(bins, point.flip(0), stride), "swapped"),
        (
            lambda bins, point, stride: decode(torch.eye(16)[bins.argmax(-1)], point, stride),
            "likeliest",
        ),
        (lambda bins, point, stride: (1, 2, 3, 4), "the detector"),
        (lambda bins: 0, "TypeError"),
    ],
)
def test_wrong_code_is_told_why(function, says):
    verdict = predict.check_decode(function)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_wrongly_judged_claim_is_told_why(claim):
    answers = {one: truth for one, (truth, _) in CLAIMS.items()}
    assert predict.check_sayings(answers).right is True
    verdict = predict.check_sayings({**answers, claim: not answers[claim]})
    assert verdict.right is False
    assert verdict.words == f"not yet: {claim}: {CLAIMS[claim][1]}"


def test_a_function_that_returns_nothing_yet_is_open():
    verdict = predict.check_decode(lambda *_: None)
    assert verdict.right is None
    assert "returns nothing yet" in verdict.words


def test_unsolved_says_what_is_missing():
    checks = (predict.check_anchor_points, predict.check_box, predict.check_expectation, predict.check_scores)
    verdicts = [check(None) for check in (*checks, predict.check_decode)] + [predict.check_sayings({})]
    assert all(one.right is None and one.words.startswith("still open") for one in verdicts)


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_gets_a_friendly_verdict(answer):
    checks = (predict.check_anchor_points, predict.check_box, predict.check_expectation, predict.check_scores)
    for check in (*checks, predict.check_decode, predict.check_sayings):
        assert not check(answer).right
