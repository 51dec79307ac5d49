"""Lesson 05: the two bins of a DFL target, the minimum of DFL, the ends of the range, and DFL in code."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from teachkit.exercises.answers import check_claims, check_numbers, near, row, slip
from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong
from teachkit.punish.losses import dfl_loss

BINS = 16
SHARES_OPEN = "write the share of each of the two bins, such as {7: 0.2, 8: 0.8}"
MOVE = "move the edge into 0 … 14.99 first"
CLAIMS = {
    "a": (
        False,
        "half on 4 and half on 5, and even over 0 to 9, expect the same edge; DFL is .69 for one, 2.30 for the other",
    ),
    "b": (True, "an edge lies anywhere between two bins, and the entropy of its two shares is .5 on average"),
    "c": (
        False,
        "about .5 of it is the floor, so a tenth is left: look at the part above the floor, and at validation",
    ),
    "d": (
        True,
        "no anchor point answers for an object, so that there is no edge to be compared; only the class loss speaks",
    ),
    "e": (False, "no class enters it. It is focal by descent only: in this form it is plain cross-entropy over bins"),
    "f": (True, "then the target is one bin, of entropy 0"),
}
PRICE_MISTAKES = {
    (2.3026, 0.6931): "swapped: spreading the belief over ten bins costs more than over two",
    (0, 0): "the expected edge is right in both cases, but DFL looks at each bin's share, not at the expectation",
    (1.0, 3.3219): "those are bits; our losses use the natural logarithm",
    (0.6931, 1.1513): "for the even one only one bin is counted: add −.5 log .1 for each of the two target bins",
    (0.6931, 1.6094): "for the even one: what is above the floor is 1.61; DFL itself is the floor and this together",
}
SAME_PLACE = "that takes DFL for a measure of position: both expect 4.5, but the shares of bins 4 and 5 differ"


def _spread(answer: Any) -> list[float] | None:
    """Shares over all bins, from a dictionary bin → share or a row of BINS numbers; None if it is neither."""
    if isinstance(answer, Mapping):
        shares = [0.0] * BINS
        for one, share in answer.items():
            place, value = row(one), row(share)
            if place is None or value is None or len(place) != 1 or len(value) != 1 or place[0] % 1:
                return None
            if not 0 <= place[0] < BINS:
                return [place[0]]  # a bin that is not there
            shares[int(place[0])] = value[0]
        return shares
    numbers = row(answer)
    return numbers if numbers is not None and len(numbers) == BINS else None


def _at(shares: Mapping[int, float]) -> list[float]:
    return [float(shares.get(one, 0)) for one in range(BINS)]


Mistakes = list[tuple[dict[int, float], str]]


def _judge(answer: Any, wanted: Mapping[int, float], mistakes: Mistakes, praise: str) -> Verdict:
    slips = [[_at(mistake), why] for mistake, why in mistakes]
    table: dict[str, Any] = {"kind": "shares", "bins": list(wanted), "wanted": _at(wanted), "slips": slips}
    table |= {"open": SHARES_OPEN, "praise": praise, "within": 0.004}
    return replace(_of_shares(answer, table), table=table)


def _of_shares(answer: Any, table: dict[str, Any]) -> Verdict:
    if answer is None or (isinstance(answer, Mapping) and any(share is None for share in answer.values())):
        return missing(SHARES_OPEN)
    shares = _spread(answer)
    if shares is None:
        return wrong(f"write bins and shares as {{7: 0.2, 8: 0.8}}, or the shares of all {BINS} bins in a row")
    if len(shares) == 1:
        return wrong(f"there is no bin {shares[0]:g}: {BINS} bins are numbered 0 … {BINS - 1}")
    if near(shares, table["wanted"], table["within"]):
        return right(table["praise"])
    if why := slip(shares, table["slips"], table["within"]):
        return wrong(why)
    if any(share < -1e-9 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=0.02):
        return wrong(f"the shares of a target are ≥ 0 and add up to 1, not to {sum(shares):g}")
    centre = sum(one * share for one, share in enumerate(shares))
    return wrong(f"these shares expect the edge at {centre:.2f}; only the two bins next to the edge may have a share")


@exercise("05", "the two bins of 4.3")
def check_target(answer: Any) -> Verdict:
    """answer: bin → share, or the shares of all 16 bins, for an edge at 4.3 strides."""
    return _judge(
        answer,
        {4: 0.7, 5: 0.3},
        [
            ({4: 0.3, 5: 0.7}, "swapped: .3 is the distance to bin 4, and the nearer bin gets the larger share"),
            ({4: 1.0}, "that is the rounded edge: it would teach 4.0, and the .3 of a stride would be lost for good"),
            ({5: 1.0}, "that is the edge rounded up: it would teach 5.0"),
            ({4: 0.5, 5: 0.5}, "equal shares expect the edge at 4.5; the nearer bin gets more"),
            ({3: 0.3, 4: 0.7}, "the neighbours of 4.3 are 4 and 5: these shares expect the edge at 3.7"),
        ],
        ".7 × 4 + .3 × 5 = 4.3: the expectation of the target is the edge itself.",
    )


@exercise("05", "the floor at 4.3")
def check_floor(answer: Any) -> Verdict:
    """answer: the least that DFL can be for an edge at 4.3 strides, in nats."""
    return check_numbers(
        answer,
        (0.6109,),
        {
            0.0: "that is the floor for an edge exactly on a bin; with .7 and .3 even a perfect detector pays",
            0.881: "that is the entropy in bits; our losses use the natural logarithm",
            0.357: "that is −log .7 alone: weight each bin's −log p by its share, and add the other bin",
            1.204: "that is −log .3 alone: weight each bin's −log p by its share, and add the other bin",
            1.561: "−log .7 − log .3 counts both bins fully: weight each by its share",
            0.693: "that is the floor half-way between two bins; at 4.3 it is lower",
            -0.611: "the size is right; a loss is −Σ t log p, which is not negative",
            0.7: "that is the share of bin 4; the floor is −.7 log .7 − .3 log .3",
            0.3: "that is the distance to bin 4; the floor is −.7 log .7 − .3 log .3",
        },
        open_="write the least that DFL can be when the edge is at 4.3",
        praise="−.7 log .7 − .3 log .3 = .611, and no detector gets below it; only what is above can be learned.",
        hint="put the target itself in place of the prediction, −.7 log .7 − .3 log .3",
        within=0.006,
    )


@exercise("05", "past the last bin")
def check_ends(answer: Any) -> Verdict:
    """answer: bin → share, or the shares of all 16 bins, for an edge at 17.2 strides."""
    return _judge(
        answer,
        {14: 0.01, 15: 0.99},
        [
            ({15: 1.0}, "nearly: the target is moved to 14.99, not to 15, so that there is always a bin to its right"),
            ({14: 0.99, 15: 0.01}, "swapped: 14.99 is nearer to bin 15"),
            ({14: 0.8, 15: 0.2}, "the .2 belongs to 17.2; once moved to 14.99 nothing of it is left"),
            ({14: 0.5, 15: 0.5}, "that expects the edge at 14.5; it is moved to 14.99"),
            ({}, "an edge past the end is not left out: it is moved to the end, and counts"),
        ],
        "the edge is moved to 14.99. What lies farther cannot be taught by this anchor point.",
    )


@exercise("05", "one edge, two prices")
def check_prices(half: Any, even: Any) -> Verdict:
    """half, even: DFL for an edge at 4.5 when the belief is half on 4 and half on 5, and even over bins 0 … 9."""
    return check_numbers(
        None if half is None or even is None else [half, even],
        (0.6931, 2.3026),
        PRICE_MISTAKES,
        open_="write both losses: for half on 4 and half on 5, and for even over 0 … 9",
        praise="log 2 and log 10: the same expected edge, 4.5, and a price of 1.6 for not being sure of it.",
        hint="the target is .5 on bin 4 and .5 on bin 5: add −.5 log p(4) and −.5 log p(5)",
        within=0.011,
        looks=[((1, -1), -0.011, 0.011, SAME_PLACE)],
        names=("half", "even"),
    )


@exercise("05", "DFL by hand")
def check_dfl(function: Callable[[list[float], float], Any] | None) -> Verdict:
    """function(shares, place) → loss; shares: a list of 16 numbers that add up to 1; place: in strides, any number."""
    if function is None or not callable(function):
        return missing("write the function and hand it over: check_dfl(my_dfl)")
    generator = torch.Generator().manual_seed(5)
    for place in (4.3, 7.0, 0.0, 9.75, 17.2, -0.6, 15.0):
        shares = (2 * torch.randn(BINS, generator=generator, dtype=torch.float64)).softmax(-1).tolist()
        try:
            answer = function(list(shares), place)
        except Exception as error:
            return wrong(f"at {place} it stops with {type(error).__name__}: {MOVE if _outside(place) else error}")
        if answer is None:
            return missing("the function gives nothing back yet: write it, and end it with `return`")
        value = row(answer)
        if value is None or len(value) != 1:
            return wrong(f"at {place} it does not give one finite number")
        wanted = _dfl(shares, place)
        if not math.isclose(value[0], wanted, rel_tol=2e-3, abs_tol=2e-3):
            return wrong(_why(value[0], shares, place))
    return right("it agrees with the criterion's DFL, past both ends too.")


def _dfl(shares: list[float], place: float) -> float:
    logits = torch.tensor(shares, dtype=torch.float64).log()
    return float(dfl_loss(logits, torch.tensor(place, dtype=torch.float64)))


def _why(value: float, shares: list[float], place: float) -> str:
    wanted, left = _dfl(shares, place), min(max(int(place), 0), BINS - 2)
    part = min(max(place, 0.0), BINS - 1.01) - left
    swapped = -part * math.log(shares[left]) - (1 - part) * math.log(shares[left + 1])
    floor = sum(-one * math.log(one) for one in (part, 1 - part) if one > 0)
    expected = sum(one * share for one, share in enumerate(shares))
    guesses = [
        (swapped, "the two shares are swapped: the nearer bin gets the larger one"),
        (-wanted, "the sign: a logarithm of a share is negative, a loss is not"),
        (wanted / math.log(2), "that is in bits: take the natural logarithm, math.log"),
        (wanted - floor, "that is what is above the floor; DFL is the floor and this together"),
        (-math.log(shares[left]), "only the left bin is counted"),
        (-math.log(shares[left + 1]), "only the right bin is counted"),
        (abs(expected - place), "that is the distance of the expected edge: DFL looks at the shares of two bins"),
        ((expected - place) ** 2, "that is a squared distance: DFL looks at the shares of two bins"),
        (1 - (1 - part) * shares[left] - part * shares[left + 1], "no logarithm: DFL adds −t log p of the two bins"),
    ]
    for guess, reason in guesses:
        if math.isclose(value, guess, rel_tol=2e-3, abs_tol=2e-3):
            return f"at {place}: {reason}"
    return f"at {place} it gives {value:.3f}, not {wanted:.3f}{': ' + MOVE if _outside(place) else ''}"


def _outside(place: float) -> bool:
    return not 0 <= place <= BINS - 1.01


@exercise("05", "what is said of DFL")
def check_sayings(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "you will not be taken in by what is often written about DFL.")
