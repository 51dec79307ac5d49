"""Lesson 01: three ways to write down a box, boxes that move with their picture, and what a reader can know."""

from collections.abc import Mapping, Sequence
from typing import Any

from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong
from teachkit.exercises.numerals import check_claims, near, row

FAULTS = {
    "a box whose left side is to the right of its right side": (True, "such a box has no area, whatever is in sight"),
    "a class that the set does not have": (True, "the names are known, so a foreign one is noticed"),
    "a picture file that ends in the middle": (True, "it cannot be decoded, and is left out and named"),
    "a star that is labelled as a ball": (
        False,
        "the row is in good order, and the reader does not look at the picture; a trained detector may contradict it",
    ),
    "a star that has no label at all": (
        False,
        "a file with one row less is as well formed as before; only somebody who sees the star can miss it",
    ),
    "a box that is ten pixels too wide": (False, "it is still a box in the picture, like any other"),
    "a thousand pictures of one and the same table": (
        False,
        "each is in order for itself; that they are all alike shows only in pictures from elsewhere",
    ),
}

Mistakes = Mapping[tuple[float, ...], str]
YOLO_MISTAKES: Mistakes = {
    (32, 24, 32, 32): "these are centre and sides in pixels; YOLO wants shares of the picture's sides",
    (16 / 128, 8 / 64, 32 / 128, 32 / 64): "x and y are those of the upper left corner; YOLO wants the centre",
    (16 / 128, 8 / 64, 48 / 128, 40 / 64): "these are the two corners as shares; YOLO wants centre, width and height",
    (32 / 64, 24 / 128, 32 / 64, 32 / 128): "divide what runs across by the width, 128, and what runs down by 64",
    (32 / 128, 24 / 128, 32 / 128, 32 / 128): "the picture is 64 px high: divide y and the height by 64",
}
FLIP_MISTAKES: Mistakes = {
    (118, 20, 78, 60): "the flipped left edge is the new right edge: x1 and x2 have to change places, or x1 > x2",
    (77, 20, 117, 60): "edges lie between pixels, from 0 to 128, so x becomes 128 − x; 127 − x is for counting pixels",
    (10, 68, 50, 108): "this turns top and bottom; from left to right only x changes",
    (78, 68, 118, 108): "this turns both axes; a mirror on the wall leaves top and bottom alone",
    (10, 20, 50, 60): "the box has stayed where it was, while its object went to the other side",
}
CROP_MISTAKES: Mistakes = {
    (80, 80, 160, 160): "this zooms about the corner (0, 0); here the middle of the picture, (64, 64), stays in place",
    (40, 40, 80, 80): "the box has stayed, while everything in the picture grew",
    (52, 52, 72, 72): "this shrinks: at zoom 2 every distance from the middle doubles",
    (20, 20, 100, 100): "this doubles the box about its own middle; all distances from the picture's middle double",
}
SHAPE_MISTAKES: Mistakes = {
    (12, 96, 160, 3): "torch has the channels before height and width",
    (12, 3, 160, 96): "height comes before width, as rows come before columns in a matrix",
    (3, 96, 160): "that is one picture; the batch has one more axis in front",
    (3, 12, 96, 160): "the pictures of a batch come first, then the channels of each",
}


def _four(
    answer: Any, wanted: Sequence[float], mistakes: Mistakes, praise: str, otherwise: str, within: float
) -> Verdict:
    if answer is None:
        return missing("write four numbers in place of None, such as (1, 2, 3, 4)")
    numbers = row(answer)
    if numbers is None:
        return wrong("write four plain numbers, such as (1, 2, 3, 4)")
    if near(numbers, wanted, within):
        return right(praise)
    for known, why in mistakes.items():
        if near(numbers, known, within):
            return wrong(why)
    return wrong(
        otherwise if len(numbers) == len(wanted) else f"{len(wanted)} numbers are asked for, not {len(numbers)}"
    )


@exercise("01", "a box for YOLO")
def check_yolo(answer: Any) -> Verdict:
    """answer: cx, cy, width, height of the box (16, 8, 48, 40) in a picture 128 px wide and 64 px high."""
    return _four(
        answer,
        (0.25, 0.375, 0.25, 0.5),
        YOLO_MISTAKES,
        "the centre is (32, 24) and the sides are 32 px each, as shares of 128 across and of 64 down.",
        "first the centre and the sides in pixels, then divide by the width or the height of the picture",
        0.002,
    )


@exercise("01", "a flipped box")
def check_flip(answer: Any) -> Verdict:
    """answer: where (10, 20, 50, 60) lies once its 128 × 128 picture is flipped from left to right."""
    return _four(
        answer,
        (78, 20, 118, 60),
        FLIP_MISTAKES,
        "x becomes 128 − x, and the two edges change places; y stays. 40 px wide before and after.",
        "take each edge for itself: where does x = 10 go in a mirror that is 128 px wide?",
        0.01,
    )


@exercise("01", "a cropped box")
def check_crop(answer: Any) -> Verdict:
    """answer: where (40, 40, 80, 80) lies at zoom 2 about the middle of a 128 × 128 picture."""
    return _four(
        answer,
        (16, 16, 96, 96),
        CROP_MISTAKES,
        "every edge is twice as far from the middle, 64, as before: 24 becomes 48, and 16 becomes 32.",
        "how far is each edge from the middle, 64? That distance doubles, to the same side",
        0.01,
    )


@exercise("01", "the shape of a batch")
def check_shape(answer: Any) -> Verdict:
    """answer: shape of a batch of 12 colour pictures, 160 px wide and 96 px high."""
    return _four(
        answer,
        (12, 3, 96, 160),
        SHAPE_MISTAKES,
        "pictures, channels, rows, columns: [B, 3, H, W].",
        "four numbers: how many pictures, how many colours, how many rows, how many columns",
        0.01,
    )


@exercise("01", "what a reader can know")
def check_faults(answers: Any) -> Verdict:
    """answers: fault → True if a reader can find it from the files alone, else False; None if open."""
    return check_claims(
        answers,
        FAULTS,
        "what breaks a rule is found by rule; what is only untrue needs somebody, or something, that looks.",
    )
