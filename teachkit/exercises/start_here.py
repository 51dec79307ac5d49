"""Lesson 00: the lines of the loop, and the orders of its last three lines that learn."""

from typing import Any

from teachkit.exercises.answers import check_choices, check_claims, row
from teachkit.exercises.lesson import Verdict, exercise, missing, wrong

STORY = {
    "a": "model",
    "b": "criterion",
    "c": "zero_grad",
    "d": "backward",
    "e": "step",
}
MIX_UPS = {
    "model": "`model(…)` is the attempt: pictures go in, predictions come out, and nothing is judged yet",
    "criterion": "`criterion(…)` compares the attempt with the truth; it writes the red ink and changes nothing",
    "zero_grad": "`zero_grad()` wipes the gradients that the last `backward()` left, else they would add up",
    "backward": "`backward()` computes a gradient for every weight; no weight has changed when it is done",
    "step": "`step()` is the only line that changes a weight",
}

ORDERS = {
    "a": (True, "this is the loop you have just run: gradients are wiped, computed, used"),
    "b": (True, "the same circle, entered one line later: gradients are used before they are wiped"),
    "c": (False, "`zero_grad` wipes the gradients before `step` has used them, and nothing moves"),
    "d": (False, "`step` computes no gradients, and the next round wipes what `backward` left"),
    "e": (False, "`backward` only finds out what should change: without `step` no box ever moves"),
}


def beside(guess: Any, found: int, objects: int) -> Verdict:
    """Compares a guess of the share of objects found with the share. guess: .4, 40 or "40 %", None if open."""
    if guess is None:
        return missing("you wrote no guess; write one now, before you look further, and run the cell again")
    numbers = row(guess)
    if numbers is None or len(numbers) != 1 or not 0 <= numbers[0] <= 100:
        return wrong("a guess is one number from 0 to 1, such as 0.4")
    share = numbers[0] if numbers[0] <= 1 else numbers[0] / 100  # whoever writes 40 means per cent
    return Verdict(None, f"{found / objects:.0%} of all objects are found; you said {share:.0%}")


@exercise("00", "story")
def check_story(answers: Any) -> Verdict:
    """answers: letter of an event → "model", "criterion", "zero_grad", "backward" or "step", None if open."""
    return check_choices(
        answers,
        STORY,
        MIX_UPS,
        lambda letter, line: f"{letter} is not {line}. {MIX_UPS[line]}.",
        "that is the whole story, line by line.",
        read=_line,
    )


def _line(written: str) -> str:
    """The name that a line calls: `optimizer.step()` → step, `predictions = model(batch.images)` → model."""
    name = written.split("=")[-1].split("(")[0].split(".")[-1].strip().lower()
    return name.replace(" ", "_").replace("-", "_")


@exercise("00", "orders")
def check_orders(answers: Any) -> Verdict:
    """answers: letter of an order → True where the detector learns, False where it does not, None if open."""
    return check_claims(answers, ORDERS, "learning needs gradients that are computed, still there, and then used.")
