import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from teachkit.exercises import punish_dfl
from teachkit.exercises.progress import exercises_of
from teachkit.exercises.punish_dfl import CLAIMS

NONSENSE = [
    "seven",
    float("nan"),
    [1, 2],
    [[0.5]] * 3,
    True,
    {"four": 0.7},
    {4: "x"},
    object(),
    torch.full((16,), math.nan),
]
ALL_OF_THEM = ["the two bins of 4.3", "the floor at 4.3", "past the last bin", "one edge, two prices", "DFL by hand"]


def row(**shares):
    numbers = [0.0] * 16
    for name, share in shares.items():
        numbers[int(name[1:])] = share
    return numbers


def test_the_lesson_knows_its_exercises():
    assert exercises_of("05") == [*ALL_OF_THEM, "what is said of DFL"]


@pytest.mark.parametrize(
    "answer",
    [
        {4: 0.7, 5: 0.3}, {5: 0.3, 4: 0.7}, {4: 0.7, 5: 0.3, 6: 0}, {4.0: 0.7, 5.0: 0.3}, row(b4=0.7, b5=0.3),
        torch.tensor(row(b4=0.7, b5=0.3)), np.array(row(b4=0.7, b5=0.3)), {4: torch.tensor(0.7), 5: np.float32(0.3)},
    ],
)  # fmt: skip
def test_the_two_bins_in_any_form(answer):
    assert punish_dfl.check_target(answer).right is True


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({4: 0.3, 5: 0.7}, "swapped"), ({4: 1}, "rounded"), ({5: 1.0}, "rounded up"), ({4: 0.5, 5: 0.5}, "4.5"),
        ({3: 0.3, 4: 0.7}, "3.7"), ({4: 0.7, 5: 0.7}, "add up"), ({16: 0.7, 17: 0.3}, "no bin 16"),
        ({3: 0.35, 7: 0.65}, "5.60"), ({4: 1.3, 5: -0.3}, "≥ 0"),
    ],
)  # fmt: skip
def test_wrong_bins_are_told_why(answer, says):
    verdict = punish_dfl.check_target(answer)
    assert verdict.right is False
    assert says in verdict.words


def test_the_floor_is_the_entropy_of_the_target():
    entropy = torch.distributions.Categorical(torch.tensor([0.7, 0.3], dtype=torch.float64)).entropy()
    for answer in (entropy, entropy.item(), 0.611, 0.61, np.float64(0.6109)):
        assert punish_dfl.check_floor(answer).right is True


@pytest.mark.parametrize(
    ("answer", "says"),
    [(0, "on a bin"), (0.881, "bits"), (0.357, "alone"), (1.204, "alone"), (-0.611, "negative"), (0.693, "half-way"),
     (0.7, "share"), (5, "in place of the prediction")],
)  # fmt: skip
def test_a_wrong_floor_is_told_why(answer, says):
    verdict = punish_dfl.check_floor(answer)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize(
    "answer", [{14: 0.01, 15: 0.99}, row(b14=0.01, b15=0.99), torch.tensor(row(b14=0.01, b15=0.99))]
)
def test_the_end_of_the_range(answer):
    assert punish_dfl.check_ends(answer).right is True


@pytest.mark.parametrize(
    ("answer", "says"),
    [({15: 1.0}, "14.99"), ({17: 0.8, 18: 0.2}, "no bin 17"), ({14: 0.99, 15: 0.01}, "swapped"),
     ({14: 0.8, 15: 0.2}, "once moved"), ({}, "left out"), ([0] * 16, "left out")],
)  # fmt: skip
def test_a_wrong_end_is_told_why(answer, says):
    verdict = punish_dfl.check_ends(answer)
    assert verdict.right is False
    assert says in verdict.words


def test_both_prices_by_torch():
    target = torch.zeros(16)
    target[4] = target[5] = 0.5
    half, even = torch.full((16,), 1e-9), torch.full((16,), 1e-9)
    half[4:6], even[:10] = 0.5, 0.1
    prices = [F.cross_entropy(one.log()[None], target[None]) for one in (half, even)]
    assert punish_dfl.check_prices(*prices).right is True
    assert punish_dfl.check_prices(0.69, 2.30).right is True


@pytest.mark.parametrize(
    ("answer", "says"),
    [((2.30, 0.69), "swapped"), ((0, 0), "expectation"), ((0.69, 0.69), "position"), ((1, 3.32), "bits"),
     ((0.69, 1.15), "only one bin"), ((0.69, 1.61), "above the floor"), ((5, 6), "add −.5")],
)  # fmt: skip
def test_wrong_prices_are_told_why(answer, says):
    verdict = punish_dfl.check_prices(*answer)
    assert verdict.right is False
    assert says in verdict.words


def by_hand(shares, place, clamp=True, part=lambda part: part, log=math.log, both=True):
    place = min(max(place, 0), 14.99) if clamp else place
    left = int(place)
    share = part(place - left)
    return -(1 - share) * log(shares[left]) - (share * log(shares[left + 1]) if both else 0)


def test_dfl_by_hand_is_accepted_in_any_form():
    assert punish_dfl.check_dfl(by_hand).right is True
    assert punish_dfl.check_dfl(lambda shares, place: torch.tensor([by_hand(shares, place)])).right is True


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda shares, place: by_hand(shares, place, clamp=False), "14.99"),
        (lambda shares, place: by_hand(shares, place, part=lambda part: 1 - part), "swapped"),
        (lambda shares, place: -by_hand(shares, place), "sign"),
        (lambda shares, place: by_hand(shares, place, log=math.log2), "bits"),
        (lambda shares, place: -math.log(shares[int(place)]), "only the left"),
        (lambda shares, place: abs(sum(n * one for n, one in enumerate(shares)) - place), "distance"),
        (lambda shares, place: by_hand(shares, place, log=lambda one: one - 1), "not"),
        (lambda shares, place: "three", "finite"),
        (lambda shares, place: math.nan, "finite"),
        (lambda shares: 0, "TypeError"),
        (lambda shares, place: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_wrong_code_is_told_why(function, says):
    verdict = punish_dfl.check_dfl(function)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_wrongly_judged_claim_is_told_why(claim):
    answers = {one: truth for one, (truth, _) in CLAIMS.items()}
    assert punish_dfl.check_sayings(answers).right is True
    verdict = punish_dfl.check_sayings({**answers, claim: not answers[claim]})
    assert verdict.right is False
    assert verdict.words == f"not yet: {claim}: {CLAIMS[claim][1]}"


def test_unsolved_says_what_is_missing():
    open_ones = [
        punish_dfl.check_target(None), punish_dfl.check_target({4: None, 5: None}), punish_dfl.check_floor(None),
        punish_dfl.check_ends(None), punish_dfl.check_prices(None, None), punish_dfl.check_dfl(None),
        punish_dfl.check_dfl(lambda shares, place: None),
        punish_dfl.check_sayings(dict.fromkeys(CLAIMS)), punish_dfl.check_sayings({}),
    ]  # fmt: skip
    assert [one.right for one in open_ones] == [None] * len(open_ones)
    assert all(str(one).startswith("still open") or one.words.startswith("still open") for one in open_ones)


@pytest.mark.parametrize("answer", NONSENSE)
def test_nonsense_gets_a_friendly_verdict(answer):
    for verdict in (
        punish_dfl.check_target(answer), punish_dfl.check_floor(answer), punish_dfl.check_ends(answer),
        punish_dfl.check_prices(answer, 1), punish_dfl.check_sayings(answer), punish_dfl.check_dfl(answer),
        punish_dfl.check_sayings(dict.fromkeys(CLAIMS, answer)) if answer is not True else punish_dfl.check_floor("x"),
    ):  # fmt: skip
        assert not verdict.right
