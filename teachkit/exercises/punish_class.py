"""Lesson 04: target scores of two anchor points, the cross-entropy of a score, and claims about the class loss."""

import math
from collections.abc import Mapping
from typing import Any

from teachkit.exercises.answers import check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise

CLAIMS = {
    "a": (False, "each class has a sigmoid of its own: all may be near 0, and for most anchor points they are"),
    "b": (False, "no number says 'there is an object'; background is where every class scores low"),
    "c": (False, "its target is its object's best overlap: asked for .8, a score of 1 would be punished"),
    "d": (True, "its target is 0 for each class, so that each score above 0 costs −log(1 − score)"),
    "e": (True, "it multiplies a column of the cross-entropy; box loss and DFL know no class"),
    "f": (
        False,
        "it looks at one score at a time and fades what is right already; a rare class and a common one with the same "
        "score cost the same",
    ),
}

# what mistakes give for A and B
TARGET_SLIPS = {
    (0.8, 0.143): "the two are swapped: .9^.5 · .5^6 = .015 is A, .1^.5 · .8^6 = .083 is B; B is the better one",
    (1.0, 0.0): "those are hard labels: here both points share the object, each by its own target",
    (0.0, 1.0): "those are hard labels, and the best target is the best overlap, .8, not 1",
    (0.0148, 0.0829): "those are the metrics; scale them so that the better one gets the best overlap, .8",
    (0.179, 1.0): "scaled to 1: the best point's target is its object's best overlap, .8",
    (0.5, 0.8): "those are the overlaps alone: a metric mixes in the score, as score^.5 · overlap^6",
    (0.9, 0.1): "those are the scores: the detector would be asked for what it says already",
    (0.0089, 0.08): "beta has the exponent 6 and alpha .5; you multiplied score and overlap by other powers",
}


@exercise("04", "two targets")
def check_targets(answer: Any) -> Verdict:
    """answer: {"A": …, "B": …}, the target scores; A has score .9 and CIoU .5, B has score .1 and CIoU .8."""
    values = [answer.get("A"), answer.get("B")] if isinstance(answer, Mapping) else answer
    if isinstance(values, list) and any(one is None for one in values):
        values = None
    return check_numbers(
        values,
        (0.143, 0.8),
        TARGET_SLIPS,
        open_='write the target scores of both points: {"A": …, "B": …}',
        praise="B sets the scale: its overlap is the best, and A gets .0148 / .0829 of it.",
        hint="the better point's target is the best overlap among its object's points: .8",
        within=0.004,
        looks=[
            ((1, -1), 1e-9, None, "A is confident but badly placed; overlap^6 makes .5 count 17 times less than .8"),
            (
                (0, 1),
                0.796,
                0.804,
                "B is right. A gets the same share of .8 as its metric has of B's: .8 · .0148 / .0829",
            ),
        ],
        names=("A", "B"),
    )


@exercise("04", "the price of .2")
def check_price(answer: Any) -> Verdict:
    """answer: the cross-entropy, in nats, of a score of .2 where the target is 1."""
    return check_numbers(
        answer,
        (-math.log(0.2),),
        {
            -math.log(0.8): "that is −log(1 − .2), the price of .2 where the target is 0",
            0.8: "that is the distance to the target; cross-entropy is −log of the score",
            0.64: "that is the squared distance; cross-entropy is −log of the score",
            -math.log2(0.2): "that is in bits; our losses use the natural logarithm",
            -math.log10(0.2): "that is the logarithm to base 10; our losses use the natural one",
            math.log(0.2): "the size is right; a loss is −log, which is not negative",
        },
        open_="what does a score of .2 cost where the target is 1?",
        praise="−log .2 = 1.61: five times too unsure costs log 5.",
        hint="only the term of the true class is left: −1 · log .2, with the natural logarithm",
        within=0.006,
    )


@exercise("04", "what is said of the class loss")
def check_class_claims(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "you know who is punished, and for what.")
