"""Lesson 02: anchor points, boxes from distances, distances from bins, scores and their threshold."""

import itertools
from collections.abc import Callable
from typing import Any

import torch

from teachkit.boxes import distances_to_boxes
from teachkit.exercises.answers import check_claims, check_numbers, near, row, slip
from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong

CLAIMS = {
    "a": (False, "it answers at every anchor point; its scores, all near .01, stay below the threshold"),
    "b": (True, "what stays was there before"),
    "c": (
        False,
        "no weight changes: wrong answers go, and right ones too. What is better depends on which mistake costs more",
    ),
    "d": (
        False,
        "each class has a sigmoid of its own: all may be low at once, which is how it says that nothing is there",
    ),
    "e": (
        False,
        "the score belongs to a class. Training makes it follow how well the box lies, but it is no measurement",
    ),
}


def _number(answer: Any, wanted: float, slips: dict[float, str], praise: str, hint: str) -> Verdict:
    return check_numbers(answer, (wanted,), slips, open_="write a number in place of None", praise=praise, hint=hint)


@exercise("02", "how many anchor points")
def check_anchor_points(answer: Any) -> Verdict:
    """answer: anchor points in a picture 160 px wide and 96 px high, with strides 8 and 16."""
    return _number(
        answer,
        300,
        {
            240: "that is the finer map alone; the one with stride 16 has anchor points as well",
            60: "that is the coarser map alone; the one with stride 8 has anchor points as well",
            32: "20 + 12: a map has rows times columns of points",
            48: "20 + 12 + 10 + 6: a map has rows times columns of points, so multiply within each map",
            320: "that is a picture of 128 × 128 px; this one is 160 × 96",
            1200: "that is the number of class scores, four at each point",
            350: "21 · 13 + 11 · 7 counts the corners of the cells; the points lie in their centres, one a cell",
            14400: "that multiplies the two maps; their points stand side by side",
            960: "divide both sides by the stride, not only one of them",
        },
        "20 × 12 + 10 × 6 = 300 anchor points, each with a box and a score for every class.",
        "at stride 8 there are 160 / 8 columns and 96 / 8 rows; add the map of stride 16",
    )


@exercise("02", "from distances to a box")
def check_box(answer: Any) -> Verdict:
    """answer: x1, y1, x2, y2 in px for anchor point (44, 60), stride 8 and left, top, right, bottom 2, 1.5, 3, .5."""
    wanted = (28, 48, 68, 64)
    order = "the four numbers are right; their order is x1, y1, x2, y2"
    known = {
        (42, 58.5, 47, 60.5): "these are strides added to pixels: multiply each distance by 8 px first",
        (16, 12, 24, 4): "these are the four distances in px; a box says where its sides are: start at (44, 60)",
        (28, 48, 40, 16): "that is corner and size; a box here is two corners: x1, y1, x2, y2",
        (48, 56, 40, 16): "that is centre and size; a box here is two corners: x1, y1, x2, y2",
        (60, 72, 68, 64): "left and top go the other way: they are taken away from x and y",
        (60, 72, 20, 56): "all four signs are turned: left and top are taken away, right and bottom added",
        (32, 44, 84, 64): "x and y are swapped: the point is (x, y) = (44, 60)",
        (44, 32, 84, 48): "x and y are swapped: the point is (x, y) = (44, 60)",
        (28, 68, 48, 64): "the order is x1, y1, x2, y2, not both x first",
        (12, 36, 92, 68): "stride 16 was used: this point belongs to stride 8",
    }
    return check_numbers(
        answer,
        wanted,
        dict.fromkeys(itertools.permutations(wanted), order) | known,
        open_="write the box as (x1, y1, x2, y2)",
        praise="distances times the stride, left and top taken away, right and bottom added.",
        hint="x1 = 44 − 8 · left, y1 = 60 − 8 · top, x2 = 44 + 8 · right, y2 = 60 + 8 · bottom",
        within=0.05,
        names=("x1", "y1", "x2", "y2"),
    )


@exercise("02", "from bins to an edge")
def check_expectation(answer: Any) -> Verdict:
    """answer: x2 in px for x 44, stride 8, when the right bins are 0: .25 and 4: .75."""
    return _number(
        answer,
        68,
        {
            76: "that takes the likeliest bin, 4; the detector takes the expectation of all bins, .25 · 0 + .75 · 4",
            47: "44 + 3: the 3 is in strides of 8 px",
            60: "the mean of bins 0 and 4 without their shares is 2; bin 4 has three times the share of bin 0",
            24: "that is how far the edge is from the anchor point: start at x = 44",
            20: "right is added, not taken away",
            3: "that is the distance in strides: times 8 px, and start at x = 44",
            52: "the shares are swapped: .25 · 0 + .75 · 4 = 3",
            92: "stride 16 was used: this point belongs to stride 8",
        },
        ".25 · 0 + .75 · 4 = 3 strides = 24 px, and 44 + 24 = 68.",
        "the distance is Σ share · bin, in strides; x2 = 44 + 8 · distance",
    )


@exercise("02", "from logits to scores")
def check_scores(answer: Any) -> Verdict:
    """answer: the scores of three classes with logits 2, −1, 0."""
    return check_numbers(
        answer,
        (0.881, 0.269, 0.5),
        {
            (0.844, 0.042, 0.114): "that is softmax, which shares out one whole; each class has a sigmoid of its own",
            (0.119, 0.731, 0.5): "the sign: sigmoid(z) = 1 / (1 + e to the −z)",
            (1, 0, 0): "that only names the largest; a score says how sure",
            (2, -1, 0): "those are the logits; a score lies between 0 and 1",
            (0.534, 0.163, 0.303): "these were made to add up to 1; the scores of independent classes need not",
            (7.389, 0.368, 1): "that is e to the z; the sigmoid of z is 1 / (1 + e to the −z)",
        },
        open_="write three scores, rounded to two places",
        praise="each by itself, and they add up to 1.65: two of them may be sure at once, or none.",
        hint="sigmoid(z) = 1 / (1 + e to the −z), for each class by itself; sigmoid(0) is .5",
        within=0.011,
    )


@exercise("02", "decode by hand")
def check_decode(function: Callable[..., Any] | None) -> Verdict:
    """function(bins, point, stride) → x1, y1, x2, y2; bins: [4, 16] shares of left, top, right, bottom."""
    if function is None or not callable(function):
        return missing("write the function and hand it over: check_decode(my_decode)")
    generator = torch.Generator().manual_seed(2)
    for stride in (8.0, 16.0, 8.0):
        bins = (2 * torch.randn(4, 16, generator=generator)).softmax(-1)
        point = torch.randint(1, 12, (2,), generator=generator) * stride + stride / 2
        try:
            with torch.no_grad():
                answer = function(bins.clone(), point.clone(), stride)
        except Exception as error:
            return wrong(f"it stops with {type(error).__name__}: {error}")
        if answer is None:
            return missing("my_decode returns nothing yet: write the box behind `return`")
        numbers = row(answer)
        if numbers is None or len(numbers) != 4:
            return wrong("it does not give four finite numbers")
        distances = bins @ torch.arange(16.0)
        if near(numbers, _box(distances, point, stride), 0.05):
            continue
        return wrong(_why(numbers, bins, distances, point, stride))
    return right("it agrees with the detector's own boxes.")


def _box(distances: torch.Tensor, point: torch.Tensor, stride: float) -> list[float]:
    return distances_to_boxes(distances[None], point[None], torch.tensor([stride]))[0].tolist()


def _why(numbers: list[float], bins: torch.Tensor, distances: torch.Tensor, point: torch.Tensor, stride: float) -> str:
    guesses = [
        (_box(distances, point, 1.0), "the distances are in strides: times the stride"),
        (_box(distances, point, 8.0), "the stride is always 8 here: use the one that is handed over"),
        (_box(bins.argmax(-1).float(), point, stride), "the likeliest bin is taken: take the expectation of all bins"),
        (_box(bins @ torch.arange(1.0, 17.0), point, stride), "the bins are numbered from 0, not from 1"),
        (_box(-distances, point, stride), "the signs: left and top are taken away, right and bottom added"),
        (distances * stride, "those are distances in px: start at the anchor point"),
        (_box(distances, point.flip(0), stride), "x and y are swapped: the point is (x, y)"),
        (torch.cat([point, point]) + distances * stride, "left and top are taken away, not added"),
    ]
    if reason := slip(numbers, guesses, 0.05):
        return reason
    given, wanted = ([round(one, 1) for one in box] for box in (numbers, _box(distances, point, stride)))
    return f"it gives {given}, the detector {wanted}"


@exercise("02", "what a score is")
def check_sayings(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "you know what the number above a box means, and what it does not.")
