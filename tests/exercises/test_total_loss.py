import math

import numpy as np
import pytest
import torch

from teachkit.exercises import total_loss
from teachkit.exercises.progress import exercises_of
from teachkit.structures import Losses, LossWeights

NONSENSE = ["seven", float("nan"), [[0.5]] * 7, True, {"x": 1}, object(), torch.full((4,), math.nan)]


def by_library(box, cls, dfl, weights):
    return Losses(box, cls, dfl, weights).total


def test_the_lesson_knows_its_exercises():
    assert len(exercises_of("06")) == 5


def test_the_right_answers_as_the_library_has_them():
    raw = [torch.tensor(value) for value in total_loss.RAW.values()]
    usual, tenfold = by_library(*raw, LossWeights()), by_library(*raw, LossWeights(dfl=15))
    for form in (usual, usual.item(), [8.8], np.float32(8.8)):
        assert total_loss.check_total(form).right is True
    assert total_loss.check_tenfold(tenfold).right is True
    pulls = np.array(list(LossWeights().as_dict().values())) * list(total_loss.LENGTHS.values())
    for form in (pulls / pulls.sum(), [50, 20, 30], {"box": 0.5, "cls": 0.2, "dfl": 0.3}):
        assert total_loss.check_shares(form).right is True
    assert total_loss.check_function(by_library).right is True
    assert total_loss.check_sayings({claim: truth for claim, (truth, _) in total_loss.CLAIMS.items()}).right is True


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        ("total", 4, "own weight"), ("total", 38, "sum of the losses"), ("total", 17.4, "mixed up"),
        ("total", 7, "DFL"),
        ("total", 123, "7.5"), ("tenfold", 88, "everything"), ("tenfold", 8.8, "ten times"), ("tenfold", 72, "72 %"),
        ("tenfold", 26.8, "old 1.8"), ("tenfold", 30, "6 and 1"), ("shares", (0.1, 0.6, 0.3), "unweighted"),
        ("shares", (0.68, 0.11, 0.2), "shares of the loss"), ("shares", (1.5, 0.6, 0.9), "divide"),
        ("shares", (0.79, 0.05, 0.16), "weights alone"), ("shares", (0.9, 0, 0.1), "over the sum"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_why(check, answer, says):
    verdict = getattr(total_loss, f"check_{check}")(answer)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda box, cls, dfl, w: box + cls + dfl, "without their weights"),
        (lambda box, cls, dfl, w: 7.5 * box + 0.5 * cls + 1.5 * dfl, "usual weights"),
        (lambda box, cls, dfl, w: (w.box * box + w.cls * cls + w.dfl * dfl) / 3, "mean"),
        (lambda box, cls, dfl, w: by_library(box, cls, dfl, w).item(), "way back"),
        (lambda box, cls, dfl, w: w.box * box + w.cls * cls + w.dfl * dfl.detach(), "slope"),
        (lambda: 1, "stops"), (lambda *_: "x", "one number"), (lambda box, cls, dfl, w: [box, cls, dfl], "one number"),
    ],
)  # fmt: skip
def test_a_wrong_function_is_told_why(function, says):
    verdict = total_loss.check_function(function)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize("claim", total_loss.CLAIMS)
def test_a_wrong_claim_is_told_why(claim):
    truths = {one: truth for one, (truth, _) in total_loss.CLAIMS.items()}
    verdict = total_loss.check_sayings(truths | {claim: not truths[claim]})
    assert verdict.right is False
    assert verdict.words == f"not yet: {claim}: {total_loss.CLAIMS[claim][1]}"


@pytest.mark.parametrize("check", ["total", "tenfold", "shares", "function"])
def test_unsolved_and_nonsense_are_answered_kindly(check):
    ask = getattr(total_loss, f"check_{check}")
    assert ask(None).right is None
    for one in NONSENSE:
        assert ask(one).right is not True
    assert total_loss.check_function(lambda box, cls, dfl, weights: None).right is None
    assert total_loss.check_sayings({}).right is None
    assert total_loss.check_sayings("x").right is False
