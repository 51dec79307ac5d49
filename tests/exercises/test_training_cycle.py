"""Lesson 09's checkers: right answers, computed anew, are accepted in any form; wrong ones hear what they forget."""

import math

import numpy as np
import pytest
import torch

from teachkit.exercises import training_cycle as lesson
from teachkit.learn.progress import Goal
from teachkit.scoring.precision import average_precision

CHECKERS = [lesson.check_steps, lesson.check_early_stop, lesson.check_saved, lesson.check_ap]
HITS = [answer == "found" for answer in lesson.ANSWERS]


def coco_ap(hits: list[bool], truths: int, step: float = 0.01) -> float:
    """Written from the definition, slowly."""
    points = [(sum(hits[:n]) / truths, sum(hits[:n]) / n) for n in range(1, len(hits) + 1)]
    recalls = np.arange(0, 1 + step / 2, step).round(10)
    return float(np.mean([max((p for r, p in points if r >= recall - 1e-12), default=0.0) for recall in recalls]))


@pytest.mark.parametrize("checker", CHECKERS)
def test_an_open_exercise_says_what_is_missing_and_raises_nothing(checker):
    assert checker(None).right is None
    assert "still open" in repr(checker(None))


@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize(
    "nonsense", ["abc", math.nan, math.inf, [1, 2, 3], {}, object(), torch.rand(2, 2), True, -1, ""]
)
def test_nonsense_gets_a_verdict(checker, nonsense):
    verdicts = [checker(nonsense)] + ([checker(nonsense, nonsense)] if checker is lesson.check_early_stop else [])
    assert all(verdict.right is not True for verdict in verdicts)


def test_average_precision_is_what_pycocotools_would_say_and_any_form_of_it_is_right():
    wanted = coco_ap(HITS, lesson.TRUTHS)
    assert wanted == pytest.approx(0.571, abs=5e-4)
    assert float(average_precision(np.array([HITS]), lesson.TRUTHS)[0]) == pytest.approx(wanted)
    for answer in (wanted, round(wanted, 3), 0.57, torch.tensor(wanted), [wanted], np.float64(wanted)):
        assert lesson.check_ap(answer).right, answer
    area = 0.25 * (1 + 2 / 3 + 3 / 5)
    assert lesson.check_ap(area).right
    assert "VOC" in lesson.check_ap(area).words


def test_wrong_average_precisions_are_told_what_they_forget():
    precision = sum(HITS) / len(HITS)
    reached = (1 + 2 / 3 + 3 / 5) / 3
    duplicate = coco_ap([True, False, True, True, True], lesson.TRUTHS)
    mean_over_answers = np.mean([sum(HITS[:n]) / n for n in range(1, 6)])
    for answer, word in (
        (precision, "3 of 5"),
        (reached, "never found"),
        (round(reached, 2), "never found"),
        (duplicate, "duplicate"),
        (sum(HITS) / 4, "recall"),
        (mean_over_answers, "over the answers"),
        (0.533, "staircase"),
        (57.1, "between 0 and 1"),
        (0.1, "precision and recall beside"),
    ):
        verdict = lesson.check_ap(answer)
        assert verdict.right is False, answer
        assert word in verdict.words


def test_the_steps_of_a_run():
    wanted = 8 * math.ceil(1000 / 16)
    assert lesson.check_steps(wanted).right
    assert lesson.check_steps(float(wanted)).right
    for answer, word in (
        (500, "smaller batch"),
        (496, "smaller batch"),
        (63, "one epoch"),
        (62, "full batches"),
        (8000, "for each batch"),
    ):
        assert lesson.check_steps(answer).right is False
        assert word in lesson.check_steps(answer).words


def test_early_stopping_is_what_the_trainers_goal_does():
    goal, kept = Goal(early_stop=lesson.PATIENCE), 0
    for epoch, score in enumerate(lesson.SCORES, start=1):
        if goal.update({"map50": score}):
            kept = epoch
        if goal.reason_to_stop({"map50": score}):
            break
    assert lesson.check_early_stop(epoch, kept).right
    assert lesson.check_early_stop(torch.tensor(epoch), [kept]).right
    for answers, word in (
        ((7, 5), "starts the count anew"),
        ((10, 8), "equals the best"),
        ((5, 5), "nobody knows"),
        ((8, 8), "kept is the best"),
        ((8, 4), "From 0"),
        ((11, 5), "count on"),
    ):
        verdict = lesson.check_early_stop(*answers)
        assert verdict.right is False
        assert word in verdict.words
    assert lesson.check_early_stop(8, None).right is None


def test_what_a_resume_needs():
    right = {name: truth for name, (truth, _) in lesson.KEPT.items()}
    assert lesson.check_saved(right).right
    for name in right:
        verdict = lesson.check_saved(right | {name: not right[name]})
        assert verdict.right is False
        assert verdict.words == f"not yet: {name}: {lesson.KEPT[name][1]}"
    assert lesson.check_saved(right | {"a": None}).right is None
