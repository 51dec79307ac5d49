"""The checkers of lesson 10; what they say of the runs is held against the recorded ones, all five seeds."""

import pytest
import torch

from teachkit.exercises.best_practices import (
    CASES,
    CLAIMS,
    FAULTS,
    WHY,
    check_faults,
    check_practice,
    check_spread,
    table,
    told,
)  # fmt: skip
from teachkit.experiments import recorded
from teachkit.experiments.data_faults import final_values

RUNS = recorded.records("data_faults")


def of(fault, name):
    return final_values(RUNS, fault, name)


def test_the_right_names_are_right():
    assert check_faults(dict(CASES)).right
    assert check_faults({letter: f" {fault.upper()} " for letter, fault in CASES.items()}).right


@pytest.mark.parametrize("pair", [(letter, fault) for letter in CASES for fault in FAULTS if fault != CASES[letter]])
def test_each_mix_up_is_told_why(pair):
    letter, fault = pair
    verdict = check_faults({**CASES, letter: fault})
    assert verdict.right is False
    assert WHY[CASES[letter], fault] in verdict.words


@pytest.mark.parametrize(("answers", "words"), [
    (3, "dictionary"), ({**CASES, "A": "bad data"}, "choose from"), ({**CASES, "A": [1]}, "choose from"),
    ({**CASES, "B": float("nan")}, "choose from"),
])  # fmt: skip
def test_nonsense_is_told_what_is_wanted(answers, words):
    verdict = check_faults(answers)
    assert verdict.right is False
    assert words in verdict.words


def test_open_ones_are_missing():
    assert check_faults(dict.fromkeys(CASES)).right is None
    assert check_faults({**CASES, "B": None}).words.startswith("still open: B;")
    assert check_spread(None).right is None
    assert check_practice(dict.fromkeys(CLAIMS)).right is None


def test_the_spread_is_that_of_the_recorded_runs():
    map50 = of("clean", "map50")
    assert [f"{one:.2f}" for one in sorted(map50)] == ["0.70", "0.77", "0.79", "0.84", "0.84"]
    for answer in (max(map50) - min(map50), torch.tensor(0.14), [0.14]):
        assert check_spread(answer).right


@pytest.mark.parametrize(("answer", "reason"), [
    (0.07, "fool"), (0.787, "mean"), (-0.14, "negative"), (0.04, "friend"),
    (0.4, "largest"), ("much", "one number"), (float("nan"), "one number"), ([1, 2], "one number"),
])  # fmt: skip
def test_a_wrong_spread_is_told_why(answer, reason):
    verdict = check_spread(answer)
    assert verdict.right is False
    assert reason in verdict.words


def test_claims():
    truth = {claim: one for claim, (one, _) in CLAIMS.items()}
    assert check_practice(truth).right
    for claim, (one, why) in CLAIMS.items():
        verdict = check_practice({**truth, claim: not one})
        assert verdict.right is False
        assert verdict.words == f"not yet: {claim}: {why}"


def test_the_table_shows_what_the_reasons_say():
    shown = table()
    assert set(shown) == {"clean", *CASES}
    assert all(len(row) == 8 for row in shown.values())


def test_the_table_as_text_has_a_row_for_each_line_and_whole_boxes():
    lines = told().splitlines()
    assert lines[0].split() == ["clean", *CASES]
    assert lines[2].split() == ["exam", "boxes", *(str(row["exam boxes"]) for row in table().values())]
    assert len(lines) == 9


def test_missing_boxes_show_in_the_class_loss_and_hardly_in_box_loss_on_all_seeds():
    clean, missing = (max(of("clean", "val_box")), max(of("missing boxes", "val_box")))
    assert missing < 1.3 * clean
    assert min(of("missing boxes", "val_cls")) > 1.2 * max(of("clean", "val_cls"))


def test_loose_boxes_double_box_loss_and_dfl_and_raise_the_class_loss():
    for loss in ("box", "dfl"):
        assert min(of("loose boxes", f"val_{loss}")) > 1.7 * max(of("clean", f"val_{loss}"))
    assert min(of("loose boxes", "val_cls")) > max(of("clean", "val_cls"))


def test_missing_and_wrong_classes_differ_in_the_number_of_boxes_and_not_in_class_loss_or_map50():
    for other in ("clean", "wrong classes"):
        assert max(of("missing boxes", "detections")) < min(of(other, "detections"))
    assert min(of("missing boxes", "map50")) < max(of("wrong classes", "map50"))
    assert min(of("missing boxes", "val_cls")) < max(of("wrong classes", "val_cls"))


def test_few_scenes_have_the_lowest_training_losses_and_the_highest_class_loss_of_the_exam():
    others = ("clean", "loose boxes", "missing boxes", "wrong classes", "imbalance")
    for loss in ("box", "cls", "dfl"):
        assert max(of("few scenes", loss)) < min(value for fault in others for value in of(fault, loss)) + 0.006
    assert min(of("few scenes", "val_cls")) > max(value for fault in others for value in of(fault, "val_cls"))
