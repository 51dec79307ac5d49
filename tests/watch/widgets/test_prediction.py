"""A prediction: what is taken as a choice, what counts, and what is shown before and after committing."""

import io

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image

from teachkit.errors import UserError
from teachkit.exercises import progress
from teachkit.exercises.lesson import begin
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.widgets.prediction import LETTERS, Prediction

CHOICES = ["it falls", "it rises", "it stays"]
REASONS = ["Nothing pulls it down.", "It is pulled up.", "Something does pull."]


class Told(Prediction):
    """Keeps what would be sent to the page."""

    def post(self, kind, content, buffers=None):
        self.__dict__.setdefault("sent", []).append((kind, content, buffers or []))


@pytest.fixture
def make():
    made = []

    def make_one(**settings):
        made.append(Told(**({"question": "Where?", "choices": CHOICES, "right": 1, "because": REASONS} | settings)))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


@pytest.mark.parametrize("choice", [3, -1, True, 1.0, "1", "b", None, float("nan"), [1]])
def test_a_bad_choice_is_refused_and_nothing_is_told(make, choice):
    counted = []
    prediction = make(committed=counted.append)
    with pytest.raises(UserError, match="choose one of a, b, c"):
        prediction.commit(choice)
    assert (prediction.values, prediction.verdict(), counted) == ({}, "", [])


@pytest.mark.parametrize("settings", [
    {"choices": ["only one"], "right": 0, "because": "so"},
    {"choices": list("123456789"), "because": "so"},
    {"right": 3}, {"right": -1}, {"because": ["one reason"]}, {"because": [*REASONS, "one more"]},
])  # fmt: skip
def test_a_prediction_that_cannot_be_one_is_refused(make, settings):
    with pytest.raises(UserError):
        make(**settings)


def test_the_first_choice_counts_once_even_after_a_reset(make):
    counted = []
    prediction = make(committed=counted.append)
    prediction.commit(2)
    prediction.commit(1)
    prediction._receive(None, {"kind": "reset", "ask": 1}, [])
    assert prediction.verdict() == ""
    prediction.commit(1)
    assert counted == [2]


def test_the_verdict_names_what_happens_and_gives_the_reason_of_that_choice(make):
    prediction = make()
    assert prediction.commit(1) == "Right. It is pulled up."
    assert prediction.commit(0) == "Not what happens. Nothing pulls it down. It is b) it rises"
    assert prediction.commit(2) == "Not what happens. Something does pull. It is b) it rises"
    for_all = make(because="So it is.")
    assert for_all.commit(0) == "Not what happens. So it is. It is b) it rises"
    assert for_all.commit(1) == "Right. So it is."


def test_nothing_of_the_answer_is_sent_before_committing(make):
    shown = []

    def show():
        shown.append(1)
        figure = NotebookFigure(figsize=(2, 1), alt="It rises.")
        figure.subplots().plot([0, 1])
        return figure

    prediction = make(show=show)
    prediction._receive(None, {"kind": "hello", "ask": 1}, [])
    assert shown == []
    assert all("pulled" not in repr(content) and not buffers for _, content, buffers in prediction.sent)
    assert prediction.sent[-1][1]["right"] is None
    prediction._receive(None, {"kind": "set", "values": {"choice": 7}, "ask": 2}, [])
    assert shown == []
    prediction._receive(None, {"kind": "set", "values": {"choice": 0}, "ask": 3}, [])
    assert shown == [1]
    _, content, (png,) = prediction.sent[-1]
    assert (content["right"], content["alt"]) == (1, "It rises.")
    assert np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).std() > 3


def test_the_static_image_and_its_words_hold_the_question_and_stay_the_same(make):
    prediction = make(question="Where <b>$x$</b>?")
    before = prediction._repr_mimebundle_()[0]
    assert before["text/plain"] == "Predict first: Where <b>$x$</b>?\na) it falls\nb) it rises\nc) it stays"
    assert np.asarray(Image.open(io.BytesIO(prediction.static_image())).convert("RGB")).std() > 3
    prediction.commit(1)
    after = prediction._repr_mimebundle_()[0]
    assert all(after[kind] == before[kind] for kind in ("text/plain", "image/png"))


def test_a_picture_that_cannot_be_made_is_told_and_the_verdict_stays(make):
    def broken():
        raise ZeroDivisionError("of ours")

    counted = []
    prediction = make(show=broken, committed=counted.append)
    prediction._receive(None, {"kind": "set", "values": {"choice": 1}, "ask": 1}, [])
    assert prediction.sent[-1][1]["error"] == "ZeroDivisionError: of ours"
    assert prediction.verdict().startswith("Right.")
    assert counted == [1]


def test_closing_leaves_nothing():
    before = set(_instances)
    one = Prediction("Where?", CHOICES, 1, "so")
    assert len(LETTERS) >= len(CHOICES)
    assert set(_instances) != before
    one.close()
    assert set(_instances) == before


@pytest.mark.parametrize(("first", "solved"), [(1, True), (0, False)])
def test_a_lesson_records_the_first_answer(tmp_path, monkeypatch, first, solved):
    monkeypatch.setenv("TEACHKIT_PROGRESS", str(tmp_path / "progress.json"))
    prediction = begin("07").predict("class loss on the box branch")
    for choice in (first, 1, 2):
        prediction.commit(choice)
    prediction.close()
    entry = progress.read()["07"]["prediction: class loss on the box branch"]
    assert entry["tries"] == 1
    assert bool(entry["solved"]) is solved
