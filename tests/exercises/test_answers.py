"""Claims and cases have letters: their words stand in the notebooks, and the checkers know the letters alone."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from teachkit.exercises import (
    answers,
    best_practices,
    blood_cells,
    feed,
    learn,
    learning_rate,
    predict,
    punish_box,
    punish_class,
    punish_dfl,
    start_here,
    total_loss,
    training_cycle,
)
from tests.exercises.lettered import lettered

# each exercise whose lines have letters: notebook, checker, the letters that it knows
EXERCISES = [
    ("00_start_here", start_here.check_story, start_here.STORY),
    ("00_start_here", start_here.check_orders, start_here.ORDERS),
    ("01_feed", feed.check_faults, feed.FAULTS),
    ("02_predict", predict.check_sayings, predict.CLAIMS),
    ("03_punish_box", punish_box.check_terms, punish_box.COMPLAINTS),
    ("03_punish_box", punish_box.check_sayings, punish_box.CLAIMS),
    ("04_punish_class", punish_class.check_class_claims, punish_class.CLAIMS),
    ("05_punish_dfl", punish_dfl.check_sayings, punish_dfl.CLAIMS),
    ("06_total_loss", total_loss.check_sayings, total_loss.CLAIMS),
    ("07_learn", learn.check_reaches, learn.REACHES),
    ("07_learn", learn.check_biases, learn.BIASES),
    ("08_learning_rate", learning_rate.check_weight_or_rate, learning_rate.SAME),
    ("09_training_cycle", training_cycle.check_saved, training_cycle.KEPT),
    ("10_best_practices", best_practices.check_practice, best_practices.CLAIMS),
    ("11_blood_cells", blood_cells.check_kinds, blood_cells.CASES),
]
each_exercise = pytest.mark.parametrize(
    ("notebook", "check", "known"), EXERCISES, ids=[f"{notebook} {check.__name__}" for notebook, check, _ in EXERCISES]
)


def right_answers(known):
    """A claim's truth stands with its reason: (truth, why)."""
    return {letter: one[0] if isinstance(one[0], bool) else one for letter, one in known.items()}


@each_exercise
def test_a_lesson_and_its_solution_name_the_same_lines_by_the_letters_of_the_checker(notebook, check, known):
    lines = lettered(notebook, check.__name__)
    assert list(lines) == list(known)
    assert lettered(f"solutions/{notebook}", check.__name__) == lines


@each_exercise
def test_letters_may_be_small_or_capital(notebook, check, known):
    answers = right_answers(known)
    assert check(answers).right
    assert check({letter.upper(): answer for letter, answer in answers.items()}).right


@each_exercise
def test_the_words_of_a_line_in_place_of_its_letter_are_refused_and_the_letters_named(notebook, check, known):
    lines, answers = lettered(notebook, check.__name__), right_answers(known)
    verdict = check({lines[letter]: answer for letter, answer in answers.items()})
    assert verdict.right is False
    assert "by its letter" in verdict.words
    assert f"letters {min(known)} to {max(known)}" in verdict.words


@each_exercise
def test_open_letters_are_named(notebook, check, known):
    first, second, *_ = known
    verdict = check(right_answers(known) | {first: None, second: None})
    assert verdict.right is None
    assert verdict.words.startswith(f"still open: {first}, {second};")


@pytest.mark.parametrize(
    "answer",
    [
        "0.25 0.375 0.25 0.5",
        "(0.25, 0.375, 0.25, 0.5)",
        "0,25; 0,375; 0,25; 0,5",
        "1/4, 3/8, 1/4, 1/2",
        "25 %, 37.5 %, 25 %, 50 %",
        [Fraction(1, 4), Fraction(3, 8), Fraction(1, 4), Fraction(1, 2)],
        (Decimal("0.25"), 0.375, np.float32(0.25), np.float64(0.5)),
        np.array([[0.25, 0.375], [0.25, 0.5]]),
        torch.tensor([0.25, 0.375, 0.25, 0.5]),
        "0.25 0.38 0.25 0.50",
    ],
    ids=str,
)
def test_four_numbers_are_right_in_any_honest_form(answer):
    assert feed.check_yolo(answer).right


@pytest.mark.parametrize(
    ("answer", "wanted", "is_rounded"),
    [
        (1.86, 1.8551, True),
        (0.0021, 0.00208333, True),
        ("1,86", 1.8551, True),
        (300, 300.2, True),
        (0.14, 0.1431, True),
        (2, 1.8551, False),  # one digit says too little
        (1.87, 1.8551, False),
        (1.8, 1.8551, False),
    ],
)
def test_a_number_rounded_as_a_text_prints_it_is_right_from_two_digits_on(answer, wanted, is_rounded):
    assert answers.rounded(answers.row(answer), [wanted]) == is_rounded


def test_per_cent_is_right_with_a_word_about_shares_and_a_pair_in_place_of_a_decimal_comma_is_told():
    told = punish_box.check_iou(33.3)
    assert told.right
    assert "as a share from 0 to 1 that is 0.333" in told.words
    told = punish_box.check_iou((0, 333))
    assert told.right is False
    assert "to Python 0,333 is two numbers: write 0.333" in told.words


def test_names_without_quotes_are_understood(monkeypatch):
    class Optimizer:
        def zero_grad(self): ...
        def step(self): ...

    class Losses:
        def backward(self): ...

    model, criterion = object(), object()
    shell = type("Shell", (), {"user_ns": {"x": 1, "model": model, "criterion": criterion}})
    monkeypatch.setattr(answers, "get_ipython", lambda: shell)
    optimizer = Optimizer()
    story = {"a": model, "b": criterion, "c": optimizer.zero_grad, "d": Losses().backward, "e": optimizer.step}
    assert start_here.check_story(story).right
    assert start_here.check_story(story | {"e": optimizer.zero_grad}).right is False
