import math

import numpy as np
import pytest
import torch
from torchvision import ops

from teachkit.boxes import shape_gap
from teachkit.exercises import punish_box
from teachkit.exercises.punish_box import (
    CLAIMS,
    COMPLAINTS,
    PILE,
    TERMS,
    check_iou,
    check_pile,
    check_sayings,
    check_terms,
    check_tie,
)
from teachkit.punish.losses import box_loss
from tests.exercises.lettered import lettered

NONSENSE = ["what?", "", math.nan, [], [[1, 2], [3]], {"a": 1}, object(), torch.tensor([math.nan]), True, [None], b"A"]


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_the_worked_answers_are_those_of_torchvision():
    assert ops.box_iou(boxes((10, 10, 50, 40)), boxes((20, 20, 60, 50))).item() == pytest.approx(1 / 3)
    truth, pair = boxes((0, 0, 80, 80)), boxes((30, 30, 50, 50), (5, 5, 25, 25))
    assert ops.generalized_box_iou(pair, truth)[:, 0].tolist() == pytest.approx([0.0625, 0.0625])
    losses = ops.complete_box_iou_loss(pair, truth.expand(2, 4)).tolist()
    assert losses == pytest.approx([0.9375, 1.0352], abs=1e-4)
    assert check_tie({"GIoU ties": True, "middle": losses[0], "corner": losses[1]}).right
    piled, scores = zip(*PILE.values(), strict=True)
    kept = ops.nms(boxes(*piled), torch.tensor(scores, dtype=torch.float64), 0.5)
    assert check_pile([list(PILE)[place] for place in kept.tolist()]).right


@pytest.mark.parametrize("box", COMPLAINTS)
def test_a_term_complains_where_it_is_not_zero(box):
    truth = boxes((20, 20, 100, 100))
    words = lettered("03_punish_box", "check_terms")[box]
    one = boxes([float(part) for part in words[words.index("(") + 1 : -1].split(",")])
    centres = (one[:, :2] + one[:, 2:] - truth[:, :2] - truth[:, 2:]).abs().sum()
    terms = {
        "overlap": 1 - ops.box_iou(one, truth).item(),
        "distance": centres.item(),
        "shape": shape_gap(one, truth).item(),
    }
    assert {term for term in TERMS if terms[term] > 1e-9} == set(COMPLAINTS[box])
    assert box_loss(one, truth).item() > 0


@pytest.mark.parametrize("answer", [1 / 3, 0.33, 0.333, [0.3333], torch.tensor(0.3333), np.float32(0.333), (0.33,)])
def test_iou_in_any_form_is_accepted(answer):
    assert check_iou(answer).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (0.25, "twice"), (0.5, "share of one box"), (0.3, "empty corners"), (0.667, "loss"), (0.344, "adding 1"),
        (600, "divide it"), (3, "upside down"), (0.9, "less the intersection"),
    ],
)  # fmt: skip
def test_a_wrong_iou_is_told_why(answer, why):
    verdict = check_iou(answer)
    assert verdict.right is False
    assert why in verdict.words


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"GIoU ties": False}, "no distance"), ({"GIoU ties": "yes"}, "without quotes"),
        ({"middle": 0.0625}, "1 − IoU"),
        ({"corner": 0.9375}, "leaves out"), ({"corner": 0.84}, "added to the loss"), ({"corner": 1.25}, "both squared"),
        ({"corner": 1.133}, "one side"), ({"corner": -0.035}, "1 − CIoU"), ({"corner": 1}, "does not stop at 1"),
        ({"middle": 7}, "diagonal of the hull"), ({"corner": "big"}, "one number"),
        ({"middle": (0, 9375)}, "with a point"),
    ],
)  # fmt: skip
def test_a_wrong_answer_to_the_tie_is_told_why(change, why):
    fine = {"GIoU ties": True, "middle": 0.938, "corner": 1.035}
    assert check_tie(fine).right
    verdict = check_tie(fine | change)
    assert verdict.right is False
    assert why in verdict.words


@pytest.mark.parametrize("form", [list, set, ", ".join, " and ".join, lambda terms: [term.upper() for term in terms]])
def test_terms_in_any_form_and_order_are_accepted(form):
    assert check_terms({box: form(tuple(reversed(terms))) for box, terms in COMPLAINTS.items()}).right


@pytest.mark.parametrize("box", COMPLAINTS)
@pytest.mark.parametrize("term", TERMS)
def test_a_term_too_many_or_too_few_is_named_with_what_it_sees(box, term):
    verdict = check_terms({**COMPLAINTS, box: set(COMPLAINTS[box]) ^ {term}})
    assert verdict.right is False
    assert verdict.words.startswith(f"not yet: {box}: {term} ")
    assert punish_box.TERM_SEES[term] in verdict.words
    assert verdict.words.count("not yet") == 1


@pytest.mark.parametrize("answer", ["ACD", "D, C, A", ["c", "a", "d"], {"A", "C", "D"}, ("A", "D", "C"), "a c d"])
def test_the_survivors_in_any_form_and_order_are_accepted(answer):
    assert check_pile(answer).right


@pytest.mark.parametrize("answer", [*punish_box.PILE_MISTAKES, "CD", "CE", "AC", "ABE"])
def test_wrong_survivors_are_told_why(answer):
    verdict = check_pile(list(answer))
    assert verdict.right is False
    assert len(verdict.words) > 40


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_wrong_claim_is_told_why(claim):
    truth = {one: answer for one, (answer, _) in CLAIMS.items()}
    assert check_sayings(truth).right
    verdict = check_sayings({**truth, claim: not truth[claim]})
    assert verdict.right is False
    assert verdict.words == f"not yet: {claim}: {CLAIMS[claim][1]}"


@pytest.mark.parametrize("check", [check_iou, check_tie, check_terms, check_pile, check_sayings])
def test_unsolved_is_open_and_nonsense_raises_nothing(check):
    assert check({} if check in (check_tie, check_terms, check_sayings) else None).right is None
    for answer in NONSENSE:
        assert not check(answer).right
    for keys in (COMPLAINTS, CLAIMS, ("GIoU ties", "middle", "corner")):
        for answer in NONSENSE:
            assert not check(dict.fromkeys(keys, answer)).right
