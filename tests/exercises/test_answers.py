"""Claims and cases have letters: their words stand in the notebooks, and the checkers know the letters alone."""

import pytest

from teachkit.exercises import (
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
