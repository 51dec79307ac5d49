import pytest
import torch

from teachkit.exercises.learning_rate import (
    NAMES,
    SAME,
    UNSEEN,
    check_cosine,
    check_curves,
    check_weight_or_rate,
)
from teachkit.experiments.recorded import records

ORDERS = {name: truth for name, (truth, _) in SAME.items()}
TRUTH = 0.008 * (0.01 + 0.99 * 0.25)


@pytest.mark.parametrize("answer", [TRUTH, round(TRUTH, 5), 0.00206, torch.tensor(TRUTH), torch.tensor([TRUTH])])
def test_any_form_of_the_right_rate_is_accepted(answer):
    assert check_cosine(answer).right


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (0.00267, "straight line"),
        (0.00533, "of the way"),
        (0.002, "hundredth"),
        (0.00171, "warm-up ends"),
        (-0.004, "below zero"),
        (TRUTH / 0.008, "factor"),
        (0.008, "base rate"),
        (0.1, "done"),
    ],
)
def test_a_wrong_rate_is_told_why(answer, word):
    verdict = check_cosine(answer)
    assert verdict.right is False
    assert word in verdict.words


@pytest.mark.parametrize("answer", ["a lot", float("nan"), torch.zeros(3), True, {}])
def test_nonsense_is_answered_kindly(answer):
    assert check_cosine(answer).right is False
    assert check_curves(answer).right in (False, None)
    assert check_weight_or_rate(answer).right in (False, None)


def test_unsolved_is_open_and_no_error():
    assert check_cosine(None).right is None
    assert check_curves(dict.fromkeys(UNSEEN)).right is None
    assert check_weight_or_rate(dict.fromkeys(ORDERS)).right is None


def test_right_names_and_every_other_name_with_a_reason():
    assert check_curves(UNSEEN).right
    for letter in UNSEEN:
        for name in set(NAMES) - {UNSEEN[letter]}:
            verdict = check_curves(UNSEEN | {letter: name})
            assert verdict.right is False
            assert f"{letter} is not" in verdict.words
    assert "choose from" in check_curves(UNSEEN | {"A": "fast"}).words


def test_weight_or_rate():
    assert check_weight_or_rate(ORDERS).right
    for name in ORDERS:
        assert f"not yet: {name}: " in check_weight_or_rate(ORDERS | {name: not ORDERS[name]}).words
    assert "without quotes" in check_weight_or_rate(ORDERS | {"a": "yes"}).words


def test_the_recorded_curves_are_what_their_names_say():
    runs = {run["name"]: run for run in records("unseen")}
    assert max(runs["A"]["cls"][:15]) > 1.5 * runs["A"]["cls"][0]
    assert min(runs["A"]["cls"][-20:]) > min(runs["C"]["cls"][-20:])
    assert runs["B"]["total"][80] > 5 * runs["B"]["total"][79]
    assert max(runs["B"]["cls"][80:]) < 1.5 * max(runs["B"]["cls"][70:80])
    assert sum(runs["C"]["cls"][-10:]) < 0.6 * sum(runs["C"]["cls"][:10])
    assert len(runs["D"]["cls"]) < 160
    assert runs["D"]["cls"][-1] == 0
    assert sum(runs["E"]["cls"][-10:]) > 0.8 * sum(runs["E"]["cls"][:10])
