"""Lesson 06: the total loss by hand and in code, shares of the gradient, and claims about loss weights."""

from collections.abc import Callable
from typing import Any

import torch

from teachkit.exercises.answers import check_claims, check_numbers, near, row
from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong
from teachkit.structures import LossWeights

# the exercises' own batch: raw losses, and lengths of their gradients
RAW = {"box": 0.8, "cls": 2.0, "dfl": 1.2}
LENGTHS = {"box": 0.2, "cls": 1.2, "dfl": 0.6}

TOTAL_SLIPS = {
    4.0: "that is .8 + 2 + 1.2: each loss is first multiplied by its own weight",
    38.0: "that is the sum of the losses times the sum of the weights: each loss has a weight of its own",
    12.67: "that is the mean weight at work; each loss has a weight of its own",
    7.8: "the class loss is missing: .5 × 2 is 1",
    7.0: "the DFL loss is missing: 1.5 × 1.2 is 1.8",
    2.8: "the box loss is missing: 7.5 × .8 is 6",
    2.93: "a third of the sum: the total is a sum, not a mean",
    17.4: "the weights are mixed up: 7.5 belongs to box, .5 to class, 1.5 to DFL",
}
TENFOLD_SLIPS = {
    88.0: "88 is ten times everything: only DFL's weight was moved",
    8.8: "the raw losses stay, but the total does not: DFL now counts ten times as much in it",
    26.8: "18 is DFL's new part, but its old 1.8 has to go",
    18.8: "10 was added; the weight was multiplied by 10",
    18.0: "18 is DFL's part alone; the other two still count",
    10.0: "10 is the factor; what does the total come to?",
    72.0: "18 of 25 is 72 %, DFL's share of the total; the total itself is asked for",
    0.72: "18 of 25 is 72 %, DFL's share of the total; the total itself is asked for",
}
SHARE_SLIPS = {
    (0.1, 0.6, 0.3): "these are shares of the unweighted gradients: multiply each length by its weight first",
    (0.682, 0.114, 0.205): "these are shares of the loss. How large a loss is does not say how hard it pulls",
    (1.5, 0.6, 0.9): "these are the weighted lengths; divide each by their sum, 3",
    (0.789, 0.053, 0.158): "these are shares of the weights alone: the lengths of the gradients count too",
    (0.2, 0.5, 0.3): "the order asked for is box, class, DFL",
    (1 / 3, 1 / 3, 1 / 3): "three losses, but they do not pull alike: weight × length, over the sum",
}
CLAIMS = {
    "a": (False, "a raw loss compares predictions with the truth; no weight of the total takes part in that"),
    "b": (False, "the ruler has changed, not the student: look at the raw losses"),
    "c": (True, "DFL teaches the same four edges: on five seeds the boxes came to lie nearly as well"),
    "d": (False, "boxes come to lie well, but nothing teaches a score, and without a score nothing is shown"),
    "e": (False, "the share of a loss says nothing of its slope: a large loss may be flat"),
    "f": (True, "all three pulls grow alike, so the direction stays; only the length grows ten times"),
}


@exercise("06", "the total by hand")
def check_total(answer: Any) -> Verdict:
    """answer: the total of the raw losses .8, 2 and 1.2 under the usual weights."""
    return check_numbers(
        answer,
        (8.8,),
        TOTAL_SLIPS,
        open_="write the total as one number",
        praise="6 from the boxes, 1 from the classes, 1.8 from the edges.",
        hint="weight × loss for each of the three, then the sum: 7.5 × .8 is the first",
        within=0.05,
    )


@exercise("06", "DFL's weight times ten")
def check_tenfold(answer: Any) -> Verdict:
    """answer: the total of the same batch with DFL's weight at 15."""
    return check_numbers(
        answer,
        (25.0,),
        TENFOLD_SLIPS,
        open_="write the total as one number",
        praise="6 + 1 + 18. The total has nearly tripled, and not a box has moved.",
        hint="6 and 1 stay; DFL's part becomes 15 × 1.2",
        within=0.05,
    )


@exercise("06", "who pulls")
def check_shares(answer: Any) -> Verdict:
    """answer: shares of the gradient, box, class, DFL; in 0–1 or in per cent."""
    return check_numbers(
        list(answer.values()) if isinstance(answer, dict) else answer,
        (0.5, 0.2, 0.3),
        SHARE_SLIPS,
        open_="write three shares: box, class, DFL",
        praise="1.5, .6 and .9 of 3: the class loss has the longest gradient and, weighted, pulls least.",
        hint="weight × length for each loss, then each over the sum of the three",
        within=0.011,
    )


@exercise("06", "the total in code")
def check_function(function: Callable[..., Any] | None) -> Verdict:
    """function(box, cls, dfl, weights) → the total, a 0-d tensor that a gradient can flow through."""
    if function is None or not callable(function):
        return missing("write the function and hand it over: check_function(my_total)")
    generator = torch.Generator().manual_seed(6)
    for _ in range(3):
        raw = (3 * torch.rand(3, generator=generator)).requires_grad_()
        weights = LossWeights(*(10 * torch.rand(3, generator=generator)).tolist())
        try:
            total = function(*raw, weights)
        except Exception as error:
            return wrong(f"it stops with {type(error).__name__}: {error}")
        if total is None:
            return missing("my_total returns nothing yet: write the sum behind `return`")
        numbers = row(total)
        if numbers is None or len(numbers) != 1:
            return wrong("one number is wanted, the total, and it gives something else")
        by_hand = weights.box * raw[0] + weights.cls * raw[1] + weights.dfl * raw[2]
        if not near(numbers, [by_hand.item()], 1e-3):
            return wrong(_why_total(numbers[0], raw, weights))
        if not isinstance(total, torch.Tensor) or not total.requires_grad:
            return wrong("the number is right, but it has lost its way back (`.item()`, `float` or `detach`): "
                         "`backward` would reach no weight of the network")  # fmt: skip
        if not torch.allclose(torch.autograd.grad(total, raw)[0], torch.tensor(list(weights.as_dict().values()))):
            return wrong("the number is right, but not its slope: is a part of it detached?")
    return right("that is `Losses.total`; its slope in each raw loss is that loss's weight.")


def _why_total(number: float, raw: torch.Tensor, weights: LossWeights) -> str:
    usual, mine, losses = LossWeights(), weights.as_dict(), raw.tolist()
    guesses = {
        sum(losses): "it adds the losses without their weights",
        sum(losses) * sum(mine.values()): "it multiplies two sums: each loss has a weight of its own",
        sum(w * one for w, one in zip(usual.as_dict().values(), losses, strict=True)):
            "it uses the usual weights: use those that are handed over",
        sum(w * one for w, one in zip(mine.values(), losses, strict=True)) / 3: "it takes the mean; the total is a sum",
        sum(w + one for w, one in zip(mine.values(), losses, strict=True)): "weights multiply, they are not added",
    }  # fmt: skip
    return next((why for guess, why in guesses.items() if abs(number - guess) < 1e-3), "weight × loss, three times")


@exercise("06", "what a weight can do")
def check_sayings(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, CLAIMS, "you will not take a moved weight for learning.")
