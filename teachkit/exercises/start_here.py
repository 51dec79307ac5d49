"""Lesson 00: the student's story told in code, and the orders in which the last three lines still learn."""

from collections.abc import Mapping

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


@exercise("00", "story")
def check_story(answers: Mapping[str, str | None]) -> Verdict:
    """answers: event of the story → "model", "criterion", "zero_grad", "backward" or "step", None if open."""
    unanswered = [event for event in STORY if answers.get(event) is None]
    if unanswered:
        return missing(f"{len(unanswered)} of {len(STORY)}; choose from {', '.join(MIX_UPS)}")
    lines = {event: str(answers[event]) for event in STORY}
    unknown = sorted(set(lines.values()) - set(MIX_UPS))
    if unknown:
        return wrong(f"{', '.join(unknown)}: choose from {', '.join(MIX_UPS)}")
    mistaken = [f"{event!r} is not {line}. {MIX_UPS[line]}." for event, line in lines.items() if line != STORY[event]]
    return wrong(*mistaken) if mistaken else right("that is the whole story, line by line.")


@exercise("00", "orders")
def check_orders(answers: Mapping[str, bool | None]) -> Verdict:
    """answers: order of the calls → True where the detector learns, False where it does not, None if open."""
    unanswered = [order for order in ORDERS if answers.get(order) is None]
    if unanswered:
        return missing(f"{len(unanswered)} of {len(ORDERS)}; write True where the detector learns, else False")
    unclear = [str(answers[order]) for order in ORDERS if answers[order] not in (True, False)]
    if unclear:
        return wrong(f"{', '.join(unclear)}: write True or False, without quotes")
    mistaken = [f"{order}: {WHY[order]}." for order in ORDERS if bool(answers[order]) != ORDERS[order]]
    return (
        wrong(*mistaken)
        if mistaken
        else right("learning needs gradients that are computed, still there, and then used.")
    )
