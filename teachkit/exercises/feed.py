"""Lesson 01: box formats, boxes under augmentation, the shape of a batch, and faults that a reader can find."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from teachkit.exercises.answers import check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise

FAULTS = {
    "a": (True, "such a box has no area, whatever is in sight"),
    "b": (True, "the names are known, so a foreign one is noticed"),
    "c": (True, "it cannot be decoded, and is left out and named"),
    "d": (
        False,
        "the row is in good order, and the reader does not look at the picture; a trained detector may contradict it",
    ),
    "e": (False, "a file with one row less is as well formed as before; only somebody who sees the star can miss it"),
    "f": (False, "it is still a box in the picture, like any other"),
    "g": (False, "what is missing leaves no trace in the files: it shows only in pictures from elsewhere"),
}


Mistakes = Mapping[tuple[float, ...], str]


def _four_numbers(
    name: str, wanted: Sequence[float], mistakes: Mistakes, praise: str, otherwise: str, within: float = 0.01
) -> Callable[[Any], Verdict]:
    """A checker of four numbers. mistakes: known answers → why they are wrong; otherwise: the hint for any other."""

    def check(answer: Any) -> Verdict:
        open_ = "write four numbers in place of None, such as (1, 2, 3, 4)"
        return check_numbers(answer, wanted, mistakes, open_=open_, praise=praise, hint=otherwise, within=within)

    return exercise("01", name)(check)


# cx, cy, width, height of the box (16, 8, 48, 40) in a picture 128 px wide and 64 px high
check_yolo = _four_numbers(
    "a box for YOLO",
    (0.25, 0.375, 0.25, 0.5),
    mistakes={
        (32, 24, 32, 32): "these are centre and sides in pixels; YOLO wants shares of the picture's sides",
        (16 / 128, 8 / 64, 32 / 128, 32 / 64): "x and y are those of the upper left corner; YOLO wants the centre",
        (16 / 128, 8 / 64, 48 / 128, 40 / 64): "these are the two corners as shares; YOLO wants centre and sides",
        (32 / 64, 24 / 128, 32 / 64, 32 / 128): "divide what runs across by the width, 128, and what runs down by 64",
        (32 / 128, 24 / 128, 32 / 128, 32 / 128): "the picture is 64 px high: divide y and the height by 64",
        (25, 37.5, 25, 50): "these are per cent; YOLO wants shares from 0 to 1",
    },
    praise="the centre is (32, 24) and the sides are 32 px each, as shares of 128 across and of 64 down.",
    otherwise="first the centre and the sides in pixels, then divide by the width or the height of the picture",
    within=0.002,
)

# where (10, 20, 50, 60) lies once its 128 × 128 picture is flipped from left to right
check_flip = _four_numbers(
    "a flipped box",
    (78, 20, 118, 60),
    mistakes={
        (118, 20, 78, 60): "the flipped left edge is the new right edge: x1 and x2 change places, or x1 > x2",
        (77, 20, 117, 60): "edges lie between pixels, from 0 to 128, so x becomes 128 − x; 127 − x counts pixels",
        (10, 68, 50, 108): "this turns top and bottom; from left to right only x changes",
        (78, 68, 118, 108): "this turns both axes; a mirror on the wall leaves top and bottom alone",
        (10, 20, 50, 60): "the box has stayed where it was, while its object went to the other side",
    },
    praise="x becomes 128 − x, and the two edges change places; y stays. 40 px wide before and after.",
    otherwise="take each edge for itself: where does x = 10 go in a mirror that is 128 px wide?",
)

# where (40, 40, 80, 80) lies at zoom 2 about the middle of a 128 × 128 picture
check_crop = _four_numbers(
    "a cropped box",
    (16, 16, 96, 96),
    mistakes={
        (80, 80, 160, 160): "this zooms about the corner (0, 0); here the middle of the picture, (64, 64), stays",
        (40, 40, 80, 80): "the box has stayed, while everything in the picture grew",
        (52, 52, 72, 72): "this shrinks: at zoom 2 every distance from the middle doubles",
        (20, 20, 100, 100): "this doubles the box about its own middle; it is the picture's middle that stays",
    },
    praise="every edge is twice as far from the middle, 64, as before: 24 becomes 48, and 16 becomes 32.",
    otherwise="how far is each edge from the middle, 64? That distance doubles, to the same side",
)

# the shape of a batch of 12 colour pictures, 160 px wide and 96 px high
check_shape = _four_numbers(
    "the shape of a batch",
    (12, 3, 96, 160),
    mistakes={
        (12, 96, 160, 3): "torch has the channels before height and width",
        (12, 3, 160, 96): "height comes before width, as rows come before columns in a matrix",
        (3, 96, 160): "that is one picture; the batch has one more axis in front",
        (3, 12, 96, 160): "the pictures of a batch come first, then the channels of each",
    },
    praise="pictures, channels, rows, columns: [B, 3, H, W].",
    otherwise="four numbers: how many pictures, how many colours, how many rows, how many columns",
)


@exercise("01", "what a reader can know")
def check_faults(answers: Any) -> Verdict:
    """answers: letter of a fault → True if a reader can find it from the files alone, else False; None if open."""
    return check_claims(
        answers,
        FAULTS,
        "what breaks a rule is found by rule; what is only untrue needs somebody, or something, that looks.",
    )
