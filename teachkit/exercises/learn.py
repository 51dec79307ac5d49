"""Lesson 07: the backward pass of a neuron, numerical slopes, what each loss reaches, one step of each update rule."""

from collections.abc import Callable
from typing import Any

import torch

from teachkit.analysis.update_rules import adam_step
from teachkit.exercises.answers import check_claims, check_numbers, near, row, slip
from teachkit.exercises.lesson import Verdict, exercise, missing, right, wrong
from teachkit.exercises.parts import check_parts, number

NEURON_SLIPS = {
    (12, 4): "the sign: the prediction 2 is below 4, so a larger w makes the loss smaller, and the slope is negative",
    (-6, -2): "the 2 of the square is missing: the slope of e² is 2·e",
    (-4, -12): "swapped: w is multiplied by x = 3, b is not",
    (-4, -4): "w acts through x: the signal −4 is multiplied by x = 3 on its way to w",
    (-12, -12): "b is not multiplied by x; its own slope is 1",
    (-2, -0.667): "divided by x? On the way to w the signal is multiplied by x",
    (-2, -2): "−2 is the error p − y; its square has the slope 2·(p − y), and w acts through x",
}
REACHES = {
    "a": (True, "that is where its error starts"),
    "b": (False, "no path leads there: class scores are made without the box branch"),
    "c": (True, "that is where its error starts"),
    "d": (False, "the scores do enter the targets, but those are held still: no gradient flows through them"),
    "e": (True, "DFL looks at the very bins that the box is made of"),
    "f": (False, "bins come from the box branch alone"),
    "g": (True, "both branches read the same features, so all three reach what made them"),
}
FIRST_SLIPS = {
    "SGD": {
        2.05: "the sign: a step goes against the slope",
        1.5: "the learning rate is missing: lr × g is .05",
        1.9: "1.90 is Adam's; SGD steps lr × g",
        0.05: "that is the step; where is w afterwards?",
        1.995: "that is a tenth of the step: nothing is averaged here",
    },
    "Adam": {
        1.995: "that uses m alone, .05, which is neither corrected nor divided by √v",
        1.684: "that is without bias correction: m / √v is .05 / .0158, 3.16 times too large",
        1.95: "that is SGD's step; Adam divides by √v, and g / √g² is 1",
        2.1: "the sign: a step goes against the slope",
        1.8: "v is an average of squares: take its root before dividing, .5 / √.25 is 1",
        0.1: "that is the step; where is w afterwards?",
    },
}
MOMENTUM_SLIPS = {
    1.9: "that takes .05 once more: momentum remembers the step before",
    1.905: "that takes only what is remembered, .45; today's gradient is added to it",
    1.945: "that averages (.1 × g): torch's momentum adds the whole gradient to the fading sum",
    2.045: "the sign: a step goes against the slope",
    1.85: "without fading: the old velocity counts .9, not 1",
    0.95: "that is the velocity; the step is lr × velocity, from 1.95",
}
GRAD_SLIPS = {
    0.3: "that would be so after `zero_grad`; without it the new gradient is added to the old one",
    0.4: "they are added, not averaged",
    0.5: "the second `backward` has added to it",
    0.15: "they are added, not multiplied",
    -0.2: "they are added, not taken away",
    0.2: "they are added, not taken away",
}
BIASES = {
    "a": (True, "it is learned like every weight"),
    "b": (
        False,
        "the word is the same, the thing is not: it corrects Adam's averages, and so the step of every weight",
    ),
    "c": (True, "after one step m is only a tenth of g"),
    "d": (False, "1 − β₂ᵗ is .001 at the first step and nearly 1 after some thousand: it fades away"),
    "e": (False, "m is 10 times too small, but √v is 31.6 times too small: the quotient is 3.16 times too large"),
    "f": (False, "it keeps no average, so there is nothing to correct"),
}


EPS = 1e-8  # of Adam


@exercise("07", "one neuron backwards")
def check_neuron(answer: Any) -> Verdict:
    """answer: the slopes of the loss in w and in b, for w = .5, x = 3, b = .5, y = 4."""
    return check_numbers(
        answer,
        (-12, -4),
        NEURON_SLIPS,
        open_="write two slopes: in w, in b",
        praise="the error −2 becomes the signal −4; times x = 3 for w, times 1 for b.",
        hint="the prediction is 2. Slope in p: 2·(p − y); from there times x to w, times 1 to b",
        within=0.05,
    )


@exercise("07", "a slope by nudging")
def check_slope(function: Callable[..., Any] | None) -> Verdict:
    """function(loss, w) → the approximate slope at w of loss, a function of one float."""
    if function is None or not callable(function):
        return missing("write the function and hand it over: check_slope(my_slope)")
    cases = [(lambda w: 3 * w + 1, 2.0, 3.0), (lambda w: w * w, -1.5, -3.0), (lambda w: 5 - w * w * w, 2.0, -12.0)]
    for loss, w, slope in cases:
        try:
            answer = function(loss, w)
        except Exception as error:
            return wrong(f"it stops with {type(error).__name__}: {error}")
        if answer is None:
            return missing("my_slope returns nothing yet: write the slope behind `return`")
        numbers = row(answer)
        if numbers is None or len(numbers) != 1:
            return wrong("one number is wanted, the slope, and it gives something else")
        given = numbers[0]
        if abs(given - slope) <= 0.02 * max(1, abs(slope)):
            continue
        known = (
            (-slope, "the sign: what the loss is after the nudge, less what it was before"),
            (2 * slope, "between w + ε and w − ε there are two nudges: divide by 2·ε"),
            (slope / 2, "from w to w + ε there is one nudge: divide by ε"),
            (loss(w), "that is the loss itself; by how much does it change when w is nudged?"),
        )
        reason = next((why for value, why in known if abs(given - value) <= 0.02 * max(1, abs(value))), None)
        if reason is None and abs(given) < 0.2 * abs(slope):
            reason = "that is how far the loss moved; the slope is that, divided by the nudge"
        return wrong(reason or f"it gives {given:.3g} where the slope is {slope:g}: is the nudge small enough?")
    return right("it needs no calculus, only two attempts. For each weight, though: that is why there is `backward`.")


@exercise("07", "which loss reaches which part")
def check_reaches(answers: Any) -> Verdict:
    """answers: letter of a "loss → part" → True or False, None if open."""
    return check_claims(answers, REACHES, "each branch has its own teachers; only what is shared hears all three.")


@exercise("07", "zero_grad forgotten")
def check_added(answer: Any) -> Verdict:
    """answer: `.grad` after two backward passes with gradients .5 and .3, without zero_grad."""
    return check_numbers(
        answer,
        (0.8,),
        GRAD_SLIPS,
        open_="write what stands in `.grad`",
        praise=".5 + .3: the step would follow yesterday's notes as well as today's.",
        hint="`backward` adds to what stands there",
    )


@exercise("07", "the first step")
def check_first_steps(answers: Any) -> Verdict:
    """answers: "SGD" and "Adam" → w after the first step, from w = 2, g = .5, lr = .1."""
    parts = {
        "SGD": number(1.95, FIRST_SLIPS["SGD"], "w − lr × g", 0.002),
        "Adam": number(1.9, FIRST_SLIPS["Adam"], "corrected, m is g and √v is |g|: what is their quotient?", 0.002),
    }
    praise = "Adam's first step is the learning rate itself, whatever the size of g."
    return check_parts(answers, parts, open_="write w after the first step", praise=praise)


@exercise("07", "momentum's second step")
def check_momentum(answer: Any) -> Verdict:
    """answer: w after a second step of momentum .9 from w = 2, lr = .1, g = .5 both times."""
    return check_numbers(
        answer,
        (1.855,),
        MOMENTUM_SLIPS,
        open_="write w after the second step",
        praise="velocity .95: nearly twice the first step, from the same slope.",
        hint="velocity = .9 × .5 + .5, then w − lr × velocity",
        within=0.002,
    )


@exercise("07", "Adam in code")
def check_adam(function: Callable[..., Any] | None) -> Verdict:
    """function(w, g, m, v, t, lr, beta1, beta2) → w, m, v."""
    if function is None or not callable(function):
        return missing("write the function and hand it over: check_adam(my_adam)")
    generator = torch.Generator().manual_seed(7)
    for t in (1, 2, 10):
        w, g, m = torch.randn(3, 5, generator=generator, dtype=torch.float64)
        v, lr, beta1, beta2 = g * g * 0.3 + 0.1, 0.02, 0.8, 0.97
        g[0] = m[0] = v[0] = 0  # a weight that no picture has reached yet: 0 / 0 without ε
        try:
            given = function(w.clone(), g.clone(), m.clone(), v.clone(), t, lr, beta1, beta2)
        except Exception as error:
            return wrong(f"it stops with {type(error).__name__}: {error}")
        if given is None:
            return missing("my_adam returns nothing yet: let it return w, m, v")
        if not isinstance(given, tuple | list) or len(given) != 3:
            return wrong("it has to return three things: w, m, v")
        if isinstance(given[0], torch.Tensor) and given[0].isnan().any():
            return wrong("where g, m and v are 0 it divides 0 by 0: add ε, 1e-8, to the root of v")
        numbers = [row(one) for one in given]
        if any(one is None or len(one) != 5 for one in numbers):
            return wrong("each of w, m and v has as many numbers as the weights handed over, all finite")
        wanted = adam_step(w, g, m, v, t, lr, beta1, beta2)
        agree = [near(mine or [], its.tolist(), 1e-6) for mine, its in zip(numbers, wanted, strict=True)]
        if not all(agree[1:]):
            return wrong(_why_averages(numbers, agree, wanted, (1 - beta1**t, 1 - beta2**t)))
        if not agree[0]:
            return wrong(_why_adam(numbers[0] or [], w, wanted[1], wanted[2], t, (lr, beta1, beta2)))
    return right("five lines, and they are what `torch.optim.Adam` does.")


def _why_averages(
    numbers: list[list[float] | None], agree: list[bool], wanted: tuple[Any, ...], parts: tuple[float, float]
) -> str:
    """parts: by which m and v are divided when they are corrected."""
    for place, (name, part) in enumerate(zip("mv", parts, strict=True), start=1):
        if not agree[place] and near(numbers[place] or [], (wanted[place] / part).tolist(), 1e-6):
            return f"{name} comes back corrected: correct it for this step, and return it uncorrected for the next"
    return "v: beta2 × v + (1 − beta2) × g × g" if agree[1] else "m: beta1 × m + (1 − beta1) × g"


def _why_adam(
    given: list[float], w: torch.Tensor, m: torch.Tensor, v: torch.Tensor, t: int, knobs: tuple[float, float, float]
) -> str:
    lr, beta1, beta2 = knobs
    first, second = m / (1 - beta1**t), v / (1 - beta2**t)
    guesses = [
        (w - lr * m / (v**0.5 + EPS), "the averages are not corrected: divide m by 1 − beta1**t, v by 1 − beta2**t"),
        (w - lr * first / (v**0.5 + EPS), "v is not corrected: divide it by 1 − beta2**t"),
        (w - lr * m / (second**0.5 + EPS), "m is not corrected: divide it by 1 − beta1**t"),
        (w + lr * first / (second**0.5 + EPS), "the sign: a step goes against the slope"),
        (w - lr * first / (second + EPS), "the root of v is missing"),
        (w - lr * first, "the division by √v is missing"),
        (w - first / (second**0.5 + EPS), "the learning rate is missing"),
    ]
    return slip(given, guesses, 1e-5) or "w − lr × m̂ / (√v̂ + 1e-8)"


@exercise("07", "two things called bias")
def check_biases(answers: Any) -> Verdict:
    """answers: letter of a claim → True or False, None if open."""
    return check_claims(answers, BIASES, "one word, two things, and you can tell them apart.")
