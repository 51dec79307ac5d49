"""The questions of predictions.toml: each is asked by one cell of its lesson, and answered only after a choice."""

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest

from teachkit.errors import UserError
from teachkit.exercises.lesson import _questions, begin
from teachkit.watch.widgets.prediction import Prediction

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ASKED = [(lesson, name) for lesson, questions in _questions().items() for name in questions]


@pytest.mark.parametrize(("lesson", "name"), ASKED)
def test_nothing_is_said_before_a_choice_and_a_reason_after_any(lesson, name):
    asked = _questions()[lesson][name]
    question = Prediction(**asked)
    reasons = [asked["because"]] * len(asked["choices"]) if isinstance(asked["because"], str) else asked["because"]
    assert not any(reason in question.words for reason in reasons)
    assert question.verdict() == ""
    for place, reason in enumerate(reasons):
        assert question.commit(place).startswith("Right. " if place == asked["right"] else "Not what happens. ")
        assert reason in question.verdict()


def test_each_is_asked_once_and_its_answer_does_not_stand_in_the_lesson():
    found = []
    for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        found += [(path.name[:2], name) for cell in code for name in re.findall(r'lesson\.predict\(\s*"(.+?)"', cell)]
    assert sorted(found) == sorted(ASKED)


def test_the_right_answer_has_no_favourite_place():
    places = Counter(asked["right"] for questions in _questions().values() for asked in questions.values())
    assert max(places.values()) < len(ASKED) / 2


def test_a_name_that_is_not_asked_is_refused():
    with pytest.raises(UserError, match=r"lesson 07 asks nothing named 'weather': choose from .*without correction"):
        begin("07").predict("weather")
