"""The checkers of lesson 04; the right answers come from the assigner and from torch."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from teachkit.exercises.punish_class import CLAIMS, check_class_claims, check_price, check_targets
from teachkit.punish.assigner import normalise

SCORES, OVERLAPS = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.8])


def true_targets():
    """As the assigner normalises one object with two positive points."""
    metric = (SCORES**0.5 * OVERLAPS**6)[None, None]
    return normalise(metric, OVERLAPS[None, None], torch.ones(1, 2).bool(), torch.zeros(1, 2, dtype=torch.int64))[0]


@pytest.mark.parametrize("form", [
    lambda a, b: {"A": a, "B": b}, lambda a, b: [a, b], lambda a, b: torch.tensor([a, b]),
    lambda a, b: {"A": round(a, 3), "B": round(b, 2)},
])  # fmt: skip
def test_the_assigners_own_targets_are_right(form):
    assert check_targets(form(*true_targets().tolist())).right


@pytest.mark.parametrize(("answer", "reason"), [
    ({"A": 0.8, "B": 0.143}, "swapped"), ({"A": 1, "B": 0}, "hard labels"), ({"A": 0.015, "B": 0.083}, "metrics"),
    ({"A": 0.179, "B": 1}, "best overlap"), ({"A": 0.5, "B": 0.8}, "overlaps alone"), ({"A": 0.9, "B": 0.1}, "scores"),
    ({"A": 0.7, "B": 0.3}, "badly placed"), ({"A": 0.1, "B": 0.5}, "best overlap"),
    ({"A": 0.3, "B": 0.8}, "B is right"),
    ("A", "two numbers"), ({"A": float("nan"), "B": 1}, "two numbers"), ([1, 2, 3], "two numbers"),
])  # fmt: skip
def test_a_wrong_target_is_told_why(answer, reason):
    verdict = check_targets(answer)
    assert verdict.right is False
    assert reason in verdict.words


@pytest.mark.parametrize("answer", [None, {}, {"A": None, "B": 0.8}, [None, None]])
def test_open_targets_are_missing(answer):
    assert check_targets(answer).right is None


def test_the_price_that_torch_computes_is_right():
    price = F.binary_cross_entropy(torch.tensor(0.2), torch.tensor(1.0))
    for answer in (price, price.item(), round(price.item(), 2), [price.item()]):
        assert check_price(answer).right


@pytest.mark.parametrize(("answer", "reason"), [
    (0.223, "target is 0"), (0.8, "distance"), (0.64, "squared"), (2.32, "bits"), (0.699, "base 10"),
    (-1.609, "not negative"), (5, "true class"), ("much", "one number"), ([1, 2], "one number"),
])  # fmt: skip
def test_a_wrong_price_is_told_why(answer, reason):
    verdict = check_price(answer)
    assert verdict.right is False
    assert reason in verdict.words


def test_an_open_price_is_missing():
    assert check_price(None).right is None


def test_claims_are_judged_one_by_one():
    truths = {claim: truth for claim, (truth, _) in CLAIMS.items()}
    assert check_class_claims(truths).right
    for claim, (truth, why) in CLAIMS.items():
        verdict = check_class_claims({**truths, claim: not truth})
        assert verdict.right is False
        assert verdict.words == f"not yet: {claim}: {why}"
    assert check_class_claims(dict.fromkeys(CLAIMS)).right is None
