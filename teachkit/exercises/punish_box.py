"""Lesson 03: IoU by hand, a tie that only CIoU breaks, the terms of CIoU, and NMS by hand."""

from typing import Any

from teachkit.exercises.answers import check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise
from teachkit.exercises.parts import check_marks, check_parts, number, truth

TERMS = ("overlap", "distance", "shape")
# letter of a box → the terms of CIoU that are not 0 when the truth is (20, 20, 100, 100)
COMPLAINTS: dict[str, tuple[str, ...]] = {
    "a": ("overlap",),
    "b": ("overlap", "distance"),
    "c": ("overlap", "shape"),
    "d": ("overlap", "distance", "shape"),
}
TERM_SEES = {
    "overlap": "the overlap term, 1 − IoU, is 0 only when the two boxes are the same",
    "distance": "the distance term compares the two centres; work out (x1 + x2) / 2 and (y1 + y2) / 2",
    "shape": "the shape term v compares width / height with width / height, and knows nothing of size or place",
}

PILE = {
    "C": ((30, 10, 70, 50), 0.7), "A": ((10, 10, 50, 50), 0.9), "E": ((82, 82, 118, 118), 0.5),
    "B": ((20, 10, 60, 50), 0.8), "D": ((80, 80, 120, 120), 0.6),
}  # fmt: skip
PILE_MISTAKES = {
    "AD": "C is gone, too. Who removes it? B would, but B has been removed by A, and a removed box removes nobody",
    "ACE": "that takes the boxes in the order of the list; take the surest one first",
    "BE": "those are the ones that go; name those that stay",
    "ABCD": "A and B overlap by .6, which is more than .5: the less sure one goes",
    "ACDE": "D and E overlap by .81: the less sure one goes",
    "A": "one box stays for each pile, not one for the whole picture: a box is removed only by one it overlaps",
    "ABCDE": "nothing has been removed; begin with A: which of the others does it overlap by more than .5?",
}

MIDDLE_SLIPS = {
    0.0625: "that is the IoU; its loss is 1 − IoU, and nothing is added, for the centres agree",
    0.75: "20 / 80 compares the sides; areas are 20 · 20 and 80 · 80",
}
CORNER_SLIPS = {
    0.9375: "that leaves out the distance of the centres, which makes the difference between the two boxes",
    0.8398: "the distance is taken away from the measure, so it is added to the loss",
    1.25: "distance and diagonal are both squared: 1250 / 12800",
    1.1328: "divide by the squared diagonal of the hull, 80² + 80², not by the square of one side",
    -0.0352: "that is the CIoU; its loss is 1 − CIoU",
    1: "the loss does not stop at 1: with a distance in it the measure may be negative",
}
TIE_HINT = "loss = 1 − IoU + (distance of the centres)² / (diagonal of the hull)² + 0, for both are square"

CLAIMS = {
    "a": (
        False,
        "it is 1 − CIoU. Two boxes with the same squared error may have very different losses, and the other way round",
    ),
    "b": (
        False,
        "distance and shape are taken off the overlap, so that a CIoU may be below 0; below 2.5 the loss stays",
    ),
    "c": (True, "it is 1, however far apart they are"),
    "d": (False, "its hull is the true box wherever the small one lies, so nothing changes as it moves"),
    "e": (True, "the distance of the centres is 0, and v is 0"),
    "f": (
        False,
        "every term is a quotient of like things: it stays as it is. The squared error would be four times as large",
    ),
}


@exercise("03", "IoU by hand")
def check_iou(answer: Any) -> Verdict:
    """answer: IoU of (10, 10, 50, 40) and (20, 20, 60, 50), which is 600 / 1800."""
    return check_numbers(
        answer,
        (1 / 3,),
        {
            0.25: "1200 + 1200 counts the shared part twice: take it away once",
            0.5: "600 / 1200 is the share of one box; divide by what both cover together",
            0.3: "50 · 40 is the smallest box around both; the union leaves its empty corners out",
            2 / 3: "that is the IoU loss, 1 − IoU",
            0.3443: "a side is right − left; adding 1 belongs to counting pixels, not to measuring",
            600: "that is the intersection in px²; divide it by the union",
            1800: "that is the union in px²; IoU is the intersection divided by it",
            3: "the quotient is upside down: IoU is never larger than 1",
            0.5625: "the intersection is 30 wide and 20 high: it begins where the later box begins",
        },
        open_="write a number in place of None",
        praise="600 px² shared, 1800 px² covered together.",
        hint="intersection: 30 · 20; union: the two areas, less the intersection",
        within=0.005,
    )


@exercise("03", "a tie")
def check_tie(answers: Any) -> Verdict:
    """answers: "GIoU ties" → bool, "middle" and "corner" → their CIoU losses. Truth (0, 0, 80, 80)."""
    tie = "the hull is no distance. Around a box inside the truth it is the truth, wherever it lies"
    parts = {
        "GIoU ties": truth(True, tie),
        "middle": number(0.9375, MIDDLE_SLIPS, TIE_HINT, 0.003),
        "corner": number(1.0352, CORNER_SLIPS, TIE_HINT, 0.003),
    }
    praise = "only the distance of the centres tells them apart, .9375 and 1.0352."
    return check_parts(answers, parts, open_="True or False, and the two losses", praise=praise)


@exercise("03", "which term complains")
def check_terms(answers: Any) -> Verdict:
    """answers: letter of a box → the names of the terms that are not 0, as a text, list or set; None if open."""
    return check_marks(
        answers,
        COMPLAINTS,
        TERMS,
        _wrong_terms,
        open_=f"name the terms that are not 0, of {', '.join(TERMS)}",
        praise="a wrong size alone is seen by the overlap and by nothing else.",
    )


def _wrong_terms(letter: str, named: frozenset[str]) -> list[str]:
    reasons = []
    for term in TERMS:
        if (term in named) != (term in COMPLAINTS[letter]):
            does = "complains here" if term not in named else "has nothing to complain about here"
            reasons.append(f"{letter}: {term} {does}: {TERM_SEES[term]}")
    return reasons


@exercise("03", "NMS by hand")
def check_pile(answer: Any) -> Verdict:
    """answer: the letters of PILE that survive NMS at .5, in any order, as a text, list or set."""
    letters = list(answer) if isinstance(answer, str) and answer.strip().isalpha() else answer
    return check_marks(
        {"": letters},
        [""],
        sorted(name.lower() for name in PILE),
        _wrong_survivors,
        open_='write the letters that stay, such as ["A", "B"]',
        praise="A removes B, so B cannot remove C; D removes E.",
    )


def _wrong_survivors(_: str, named: frozenset[str]) -> list[str]:
    stays = "".join(sorted(named)).upper()
    if stays == "ACD":
        return []
    rest = "take the surest box that is left, remove all that overlap it by more than .5, repeat"
    hint = rest if "A" in stays else "A is the surest of all: nothing can remove it"
    return [PILE_MISTAKES.get(stays, hint)]


@exercise("03", "true or not")
def check_sayings(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "now you can argue with most web pages about box losses.")
