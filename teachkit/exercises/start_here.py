"""Lesson 00: the student's story told in code, and the orders in which the last three lines still learn."""

from collections.abc import Mapping
from typing import Any

from teachkit.exercises.answers import check_choices, row
from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong

STORY = {
    "tries the problems": "model",
    "gets the paper back, with red ink": "criterion",
    "throws away the notes of the last paper": "zero_grad",
    "understands, line by line, what to do differently": "backward",
    "actually does it differently": "step",
}
MIX_UPS = {
    "model": "`model(…)` is the attempt: pictures go in, predictions come out, and nothing is judged yet",
    "criterion": "`criterion(…)` compares the attempt with the truth; it writes the red ink and changes nothing",
    "zero_grad": "`zero_grad()` wipes the gradients that the last `backward()` left, else they would add up",
    "backward": "`backward()` computes a gradient for every weight; no weight has changed when it is done",
    "step": "`step()` is the only line that changes a weight",
}

ORDERS = {
    "zero_grad, backward, step": True,
    "backward, step, zero_grad": True,
    "backward, zero_grad, step": False,
    "zero_grad, step, backward": False,
    "zero_grad, backward": False,
}
WHY = {
    "zero_grad, backward, step": "this is the loop you have just run: gradients are wiped, computed, used",
    "backward, step, zero_grad": "the same circle, entered one line later: gradients are used before they are wiped",
    "backward, zero_grad, step": "`zero_grad` wipes the gradients before `step` has used them, and nothing moves",
    "zero_grad, step, backward": "`step` computes no gradients, and the next round wipes what `backward` left",
    "zero_grad, backward": "`backward` only finds out what should change: without `step` no box ever moves",
}


def beside(guess: Any, found: int, objects: int) -> Verdict:
    """A guess of the share of objects found, and the share. guess: .4, 40 or "40 %", None if open."""
    if guess is None:
        return missing("you wrote no guess; write one now, before you look further, and run the cell again")
    numbers = row(_number(guess))
    if numbers is None or len(numbers) != 1 or not 0 <= numbers[0] <= 100:
        return wrong("a guess is one number from 0 to 1, such as 0.4")
    share = numbers[0] if numbers[0] <= 1 else numbers[0] / 100  # whoever writes 40 means per cent
    return Verdict(None, f"{found / objects:.0%} of all objects are found; you said {share:.0%}")


def _number(text: Any) -> Any:
    try:
        return float(text.rstrip(" %")) / (100 if "%" in text else 1) if isinstance(text, str) else text
    except ValueError:
        return None


@exercise("00", "story")
def check_story(answers: Any) -> Verdict:
    """answers: event of the story → "model", "criterion", "zero_grad", "backward" or "step", None if open."""
    return check_choices(
        answers,
        STORY,
        MIX_UPS,
        lambda event, line: f"{event!r} is not {line}. {MIX_UPS[line]}.",
        "that is the whole story, line by line.",
        read=_line,
    )


def _line(written: str) -> str:
    """What is called: `optimizer.step()` is step, `predictions = model(batch.images)` is model."""
    return written.split("=")[-1].split("(")[0].split(".")[-1].strip().lower()


@exercise("00", "orders")
def check_orders(answers: Any) -> Verdict:
    """answers: order of the calls → True where the detector learns, False where it does not, None if open."""
    if not isinstance(answers, Mapping):
        return wrong("hand over the dictionary of orders, with True or False beside each")
    unanswered = [order for order in ORDERS if answers.get(order) is None]
    if unanswered:
        return missing(f"{len(unanswered)} of {len(ORDERS)}; write True where the detector learns, else False")
    unclear = [str(answers[order]) for order in ORDERS if str(answers[order]) not in ("True", "False", "1", "0")]
    if unclear:
        return wrong(f"{', '.join(unclear)}: write True or False, without quotes")
    mistaken = [
        f"{order}: {WHY[order]}." for order in ORDERS if (str(answers[order]) in ("True", "1")) != ORDERS[order]
    ]
    return (
        wrong(*mistaken)
        if mistaken
        else right("learning needs gradients that are computed, still there, and then used.")
    )
