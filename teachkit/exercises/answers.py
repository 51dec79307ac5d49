"""Judging what a student has written: a number, a row of numbers, or a word, or true and false, beside each claim."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from teachkit.exercises.lesson import Verdict, missing, right, wrong


def row(answer: Any) -> list[float] | None:
    """The numbers of a tensor, array, list or tuple, nested or not, or of one number alone; None for all else."""
    if hasattr(answer, "detach"):
        answer = answer.detach()
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, int | float):
        return [float(answer)] if math.isfinite(answer) else None
    if isinstance(answer, list | tuple):
        parts = [row(one) for one in answer]
        return None if any(part is None for part in parts) else [one for part in parts if part for one in part]
    return None


def near(answer: Sequence[float], wanted: Sequence[float], within: float = 0.01) -> bool:
    """Whether all of them agree, rounding aside."""
    return len(answer) == len(wanted) and all(abs(a - b) <= within for a, b in zip(answer, wanted, strict=True))


def slip(numbers: Sequence[float], slips: Iterable[tuple[Any, str]], within: float = 0.01) -> str | None:
    """Why the numbers are wrong, if they are what a known mistake comes to: a number or a row, of whatever length."""
    return next((why for known, why in slips if near(numbers, row(known) or [], within)), None)


def check_numbers(
    answer: Any,
    wanted: Sequence[float],
    slips: Mapping[Any, str],
    *,
    open_: str,
    praise: str,
    hint: str,
    within: float = 0.01,
) -> Verdict:
    """An answer of one number or a row. slips: what a known mistake comes to, a number or a row → why it is one.

    open_: what to write, said while there is nothing; hint: said of any other mistake.
    """
    if answer is None:
        return missing(open_)
    numbers = row(answer)
    if numbers is not None and near(numbers, wanted, within):
        return right(praise)
    if numbers and (why := slip(numbers, slips.items(), within)):
        return wrong(why)
    if numbers is None or len(numbers) != len(wanted):
        count = "one number is" if len(wanted) == 1 else f"{len(wanted)} numbers are"
        return wrong(f"{count} asked for, not {answer!r}")
    return wrong(hint)


def fault(answer: Any, wanted: float, within: float, slips: Mapping[float, str], hint: str) -> str | None:
    """What is wrong with one number; None if nothing is. slips: what a known mistake comes to → why it is one."""
    numbers = row(answer)
    if numbers is None or len(numbers) != 1:
        return f"write one number, not {answer!r}"
    if near(numbers, [wanted], within):
        return None
    return slip(numbers, slips.items(), within) or hint


def check_choices(
    answers: Any,
    wanted: Mapping[str, str],
    choices: Iterable[str],
    why: Callable[[str, str], str],
    praise: str,
    read: Callable[[str], str] = lambda text: " ".join(text.lower().split()),
) -> Verdict:
    """answers: name → one of the choices, None if open. why(name, choice): of a wrong one; read: what is written."""
    choices = list(choices)
    if not isinstance(answers, Mapping):
        return wrong(f"hand over the dictionary, with a choice beside each name: {', '.join(choices)}")
    empty = [name for name in wanted if answers.get(name) is None]
    if empty:
        return missing(f"{len(empty)} of {len(wanted)}; choose from {', '.join(choices)}")
    given = {name: read(str(answers[name])) for name in wanted}
    unknown = sorted(set(given.values()) - set(choices))
    if unknown:
        return wrong(f"{', '.join(unknown)}: choose from {', '.join(choices)}")
    mistakes = [why(name, choice) for name, choice in given.items() if choice != wanted[name]]
    return wrong(*mistakes) if mistakes else right(praise)


def check_claims(answers: Any, claims: Mapping[str, tuple[bool, str]], praise: str) -> Verdict:
    """answers: claim → True or False, None if open; claims: claim → what it is, and why."""
    if not isinstance(answers, Mapping):
        return wrong("hand over the dictionary of claims, with True or False beside each")
    empty = [claim for claim in claims if answers.get(claim) is None]
    if empty:
        return missing(f"{len(empty)} of {len(claims)}; write True or False beside each claim")
    unclear = [claim for claim in claims if not isinstance(answers[claim], bool | int) or answers[claim] not in (0, 1)]
    if unclear:
        return wrong(f"{answers[unclear[0]]!r}: write True or False, without quotes")
    mistakes = [f"{claim!r}: {why}" for claim, (truth, why) in claims.items() if bool(answers[claim]) != truth]
    return wrong(*mistakes) if mistakes else right(praise)
