"""Lesson 08: one learning rate by hand, names for unseen curves, and loss weight against learning rate."""

import math
from typing import Any

from teachkit.exercises.answers import check_choices, check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise
from teachkit.learn.schedule import cosine

NAMES = ("good", "too low", "too high", "diverged", "weights moved")
UNSEEN = {"A": "too high", "B": "weights moved", "C": "good", "D": "diverged", "E": "too low"}
WHY = {
    ("B", "too high"): "at step 80 the total jumps and the three raw losses go on as before: look at those",
    ("B", "diverged"): "a run that diverges takes its raw losses along; here only the total has jumped, and it falls "
    "on",
    ("B", "good"): "the raw losses are good ones, but the total is ten times as large from step 80 on: who did that?",
    ("E", "good"): "the losses do fall, but after 160 steps they have lost a tenth or so; C has lost more than half",
    ("E", "too high"): "no jump at the start and no unrest: this is slow, not wild. A plateau after a spike looks "
    "different",
    ("A", "too low"): "look at the first steps: the class loss shoots up before it settles. A low rate never does that",
    ("A", "diverged"): "it has come back down and goes on: high, but alive. D is the one that ends",
    ("A", "good"): "it starts with a spike and then stays above C for good",
    ("C", "too low"): "its losses fall by more than half; on a linear axis the last part only looks flat",
    ("D", "good"): "losses of exactly 0 are no perfect marks: the detector answers nothing, so nothing is marked",
    ("D", "too high"): "it is too high, and more than that: the run ends. There is a better name among the five",
    ("D", "weights moved"): "the raw losses explode too, not only the total",
    ("A", "weights moved"): "the jump is at the very first steps, and the raw class loss has it, not only the total",
}
SAME = {
    "a": (True, "the step is rate · slope, and k may stand at either factor: k · (rate · slope)"),
    "b": (True, "its memory adds up slopes, all k times as large: k moves out again"),
    "c": (False, "decay shrinks by rate · decay: a larger rate shrinks more, a larger loss does not"),
    "d": (False, "it divides by the slope's usual size, and k cancels: k times the loss changes next to nothing"),
}


@exercise("08", "a cosine by hand")
def check_cosine(answer: Any) -> Verdict:
    """answer: the rate at step 70 of 0 … 100: base 0.008, warm-up until step 10, then a cosine to a hundredth."""
    truth = 0.008 * cosine(70, 101, 10)
    return check_numbers(
        answer,
        (truth,),
        {
            0.008 / 3: "that is a straight line down; a cosine is flat at both ends and steep in the middle",
            0.008 * 2 / 3: "that is how much of the way is done, not how much of the rate is left",
            0.008 / 4: "nearly: this cosine does not end at 0 but at a hundredth of the base",
            0.008 * cosine(70, 101, 0): "the cosine begins where the warm-up ends: 60 of its 90 steps are done",
            0.008 * math.cos(math.pi * 2 / 3): "a bare cosine goes below zero: it is shifted up by 1 and halved",
            truth / 0.008: "that is the factor; the rate is the base times that",
            0.008: "that is the base rate: at step 70 the cosine has taken it down",
        },
        open_="write the rate at step 70, a number",
        praise="two thirds of the way down the cosine, a quarter of the rate is left, and a little more.",
        hint="done = 60 / 90; factor = 0.01 + 0.99 · (1 + cos(π · done)) / 2; rate = 0.008 · factor",
        within=truth / 100,
    )


@exercise("08", "names for unseen curves")
def check_curves(answers: Any) -> Verdict:
    """answers: letter → one of NAMES, None if open."""

    def why(letter: str, name: str) -> str:
        reason = WHY.get((letter, name), "compare its three raw losses with those of the others")
        return f"{letter} is not “{name}”: {reason}"

    praise = "you read raw losses first, the total last, and the start with care."
    return check_choices(answers, UNSEEN, NAMES, why, praise)


@exercise("08", "weight or rate")
def check_weight_or_rate(answers: Any) -> Verdict:
    """answers: letter of an optimizer → True where k times all loss weights is the same as k times the rate."""
    praise = "only where the step is proportional to the slope is a weight a rate."
    return check_claims(answers, SAME, praise)
