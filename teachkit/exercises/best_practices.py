"""Lesson 10: data faults by their numbers, the spread of runs over seeds, and claims about good practice."""

from typing import Any

from teachkit.exercises.answers import check_choices, check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise
from teachkit.experiments import recorded
from teachkit.structures import LOSS_NAMES

FAULTS = ("missing boxes", "loose boxes", "wrong classes", "few scenes")
CASES = {"A": "few scenes", "B": "missing boxes", "C": "loose boxes", "D": "wrong classes"}
SEED = 2  # of the runs in the table
WHY = {
    ("few scenes", "loose boxes"): "its exam box loss is up, but its training losses are by far the lowest of all: it "
    "knows its few pictures by heart. Loose boxes are harder to learn, not easier",
    ("few scenes", "missing boxes"): "its training class loss is a fraction of anybody's. With boxes missing, training "
    "gets harder: what looks like an object is sometimes one and sometimes not",
    ("few scenes", "wrong classes"): "wrong labels cannot be learned so well: its training class loss would be above "
    "the clean run's, and it is far below",
    ("loose boxes", "missing boxes"): "its box and DFL losses in the exam are about twice the clean run's. A missing "
    "box has no box loss and no DFL at all, so that these two hardly tell of it",
    ("loose boxes", "wrong classes"): "a wrong label does not move an edge, and here box loss and DFL are about twice "
    "the clean run's. The class loss is up as well, as its targets hang on the overlap",
    ("loose boxes", "few scenes"): "the gap between training and exam is in box and DFL, and training is no easier "
    "than with clean data; with few scenes all training losses would be far lower",
    ("missing boxes", "loose boxes"): "its box loss and DFL are near the clean run's, not twice as large. An object "
    "without a label has no box loss: what it does is to be punished as background, in the class loss",
    ("missing boxes", "wrong classes"): "the class loss cannot tell these two apart; the number of boxes does. Whoever "
    "was punished for seeing an object goes silent, and draws by far the fewest",
    ("missing boxes", "few scenes"): "its training losses are above the clean run's; few scenes give far lower ones",
    (
        "wrong classes",
        "missing boxes",
    ): "the class loss cannot tell these two apart; the number of boxes does. A "
    "missing box teaches silence; a wrong name does not, and as many boxes are drawn as with clean data",
    ("wrong classes", "loose boxes"): "its box loss and DFL are the clean run's: the edges are in order, the names not",
    ("wrong classes", "few scenes"): "its training class loss is above the clean run's; few scenes give a far lower "
    "one",
}
CLAIMS: dict[str, tuple[bool, str]] = {
    "a": (
        False,
        "an object without a label has no box loss. The detector is punished for seeing it: the class loss tells",
    ),
    "b": (
        False,
        "the class targets are made from overlaps: where boxes fit worse, the class loss of the exam rises too",
    ),
    "c": (True, "they did: twelve scenes were learned by heart, and the exam's class loss was the highest of all"),
    "d": (False, "five runs of the same setting lay 0.14 apart in mAP50: take several seeds each"),
    "e": (
        False,
        "then the smallest weights win, and nobody has learned anything: a ruler must not be searched. Use the exam",
    ),
    "f": (True, "the first search's winner had 0.62, and trained anew 0.58, 0.63 and 0.76: one score is one run"),
}


def table() -> dict[str, dict[str, float]]:
    """Names ("clean", and the letters of CASES) → "exam mAP50", "exam boxes", "training box" …, at the end."""
    runs = {run["fault"]: run for run in recorded.records("data_faults") if run["seed"] == SEED}
    return {
        name: {"exam mAP50": runs[fault]["map50"], "exam boxes": runs[fault]["detections"]}
        | {f"training {loss}": runs[fault][loss][-1] for loss in LOSS_NAMES}
        | {f"exam {loss}": runs[fault][f"val_{loss}"][-1] for loss in LOSS_NAMES}
        for name, fault in {"clean": "clean", **CASES}.items()
    }


def told() -> str:
    """The table as text: whole boxes, the rest with two decimals."""
    shown = table()
    rows = [" " * 14 + "".join(f"{name:>8}" for name in shown)]
    for line in shown["clean"]:
        digits = 0 if line == "exam boxes" else 2
        rows.append(f"{line:14}" + "".join(f"{row[line]:8.{digits}f}" for row in shown.values()))
    return "\n".join(rows)


@exercise("10", "which fault?")
def check_faults(answers: Any) -> Verdict:
    """answers: letter → one of FAULTS, None if open."""
    praise = "the losses say where to look: edges, names, silence, or too little to learn from."
    return check_choices(answers, CASES, FAULTS, lambda letter, one: f"{letter}: {WHY[CASES[letter], one]}", praise)


@exercise("10", "how sure?")
def check_spread(answer: Any) -> Verdict:
    """answer: the spread of five runs with an mAP50 of 0.70, 0.77, 0.79, 0.84 and 0.84: largest minus smallest."""
    return check_numbers(
        answer,
        (0.14,),
        {
            0.04: "that is how far the friend's run lies above the best; how far apart are the five themselves?",
            0.07: "that leaves out one of the ends, or is half of it. Leaving out the worst run is how people fool "
            "themselves",
            0.79: "that is the middle one, and their mean. The spread says how far they are apart",
            -0.14: "a spread is not negative: largest minus smallest",
        },
        open_="write the largest minus the smallest number, then look at the claim again",
        praise="0.14, with nothing changed but the seed. 0.04 more in one run is no gain yet.",
        hint="the largest of the five minus the smallest",
        within=0.006,
    )


@exercise("10", "claims")
def check_practice(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "you read runs like somebody who has been fooled before.")
