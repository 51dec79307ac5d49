"""Checks of what a student has written: a number, a row of numbers, or a word or truth value beside each letter."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from numbers import Real
from typing import Any

from IPython.core.getipython import get_ipython

from teachkit.exercises.lesson import Verdict, missing, right, wrong

# What a sum of the numbers, each times its factor, tells where it lies from low to high (None: without end): why.
Look = tuple[Sequence[float], float | None, float | None, str]
TRUTHS = {"True": True, "1": True, "False": False, "0": False}  # by what is written


def row(answer: Any, count: int = 1) -> list[float] | None:
    """The numbers of a tensor, array, list or tuple, nested or not, of a text or of a number; None for anything else.

    count: how many are asked for, where a text has two readings: "1,5" is one number or two.
    """
    if hasattr(answer, "detach"):
        answer = answer.detach()
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, Real | Decimal):
        return [float(answer)] if math.isfinite(answer) else None
    if isinstance(answer, str):
        return _numbers_in(answer, count)
    if isinstance(answer, list | tuple):
        parts = [row(one) for one in answer]
        return None if any(part is None for part in parts) else [one for part in parts if part for one in part]
    return None


def _numbers_in(text: str, count: int) -> list[float] | None:
    """The numbers of a text as people write them: 0.5, .5, 1/3, −2, 40 %, and 0,5 where a comma is a decimal point."""
    text = re.sub(r"[()\[\]]", " ", text.replace("−", "-")).replace(" %", "%")
    decimal = re.sub(r"(?<=\d),(?=\d)", ".", text)
    readings = [
        [_number(part) for part in re.split(r"[\s,;]+", one.strip(" ,;"))]
        for one in ((text,) if "." in text else (decimal, text))
    ]
    whole = [one for one in readings if None not in one]
    return next((one for one in whole if len(one) == count), whole[0] if whole else None)  # type: ignore[return-value]


def _number(text: str) -> float | None:
    above, _, below = text.removesuffix("%").partition("/")
    try:
        value = float(above) / (float(below) if below else 1) / (100 if text.endswith("%") else 1)
    except (ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) else None


def near(answer: Sequence[float], wanted: Sequence[float], within: float = 0.01) -> bool:
    """Whether both have as many numbers, and each pair differs by at most `within`."""
    return len(answer) == len(wanted) and all(abs(a - b) <= within for a, b in zip(answer, wanted, strict=True))


def rounded(answer: Sequence[float], wanted: Sequence[float]) -> bool:
    """Whether each number is the wanted one rounded to two digits or more, as texts print them: 1.86 for 1.8551."""

    def is_rounded(number: float, whole: float) -> bool:
        _, digits, exponent = Decimal(f"{number:.12g}").as_tuple()
        assert isinstance(exponent, int)  # finite, as `row` gives them
        return number == whole or (len(digits) >= 2 and abs(number - whole) <= 0.5 * 10.0**exponent * (1 + 1e-9))

    return len(answer) == len(wanted) and all(map(is_rounded, answer, wanted))


def slip(numbers: Sequence[float], slips: Iterable[tuple[Any, str]], within: float = 0.01) -> str | None:
    """Why the numbers are wrong, if a known mistake gives them; else None. slips: (number or row, why)."""
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
    also: Mapping[Any, str] | None = None,
    looks: Iterable[Look] = (),
    names: Sequence[str] = (),
) -> Verdict:
    """An answer of one number or a row. slips: what a known mistake gives, a number or a row → why it is wrong.

    open_: what to write, for an answer of None; hint: for any other mistake, behind the names of the numbers that are
    off; also: other answers that are right → their praise; looks: see Look, before the hint.
    """
    listed = lambda rows: [[row(one), words] for one, words in rows.items()]  # noqa: E731
    table: dict[str, Any] = {"kind": "numbers", "wanted": list(wanted), "slips": listed(slips), "open": open_}
    table |= {"praise": praise, "hint": hint, "within": within, "names": list(names)}
    table |= {"also": listed(also or {}), "looks": list(looks)}
    return replace(_of_numbers(answer, table), table=table)


def _of_numbers(answer: Any, table: dict[str, Any]) -> Verdict:
    wanted, within, praise = table["wanted"], table["within"], table["praise"]
    if answer is None:
        return missing(table["open"])
    numbers = row(answer, len(wanted))
    if numbers is not None and near(numbers, wanted, within):
        return right(praise)
    if numbers and (other := slip(numbers, table["also"], within)):
        return right(other)
    if numbers and (why := slip(numbers, table["slips"], within)):
        return wrong(why)
    if numbers and rounded(numbers, wanted):
        return right(praise)
    if numbers and (why := next((why for known, why in table["slips"] if rounded(numbers, known)), None)):
        return wrong(why)
    if numbers and len(numbers) == len(wanted) and (why := _seen(numbers, table["looks"])):
        return wrong(why)
    if numbers and max(wanted) <= 1 and near([one / 100 for one in numbers], wanted, within):
        shares = ", ".join(f"{one / 100:g}" for one in numbers)
        return right(f"{praise} (You wrote per cent; as a share from 0 to 1 that is {shares}.)")
    if why := decimal_comma(answer, wanted, within):
        return wrong(why)
    if numbers is None or len(numbers) != len(wanted):
        count = {1: "one number is", 2: "two numbers are"}.get(len(wanted), f"{len(wanted)} numbers are")
        return wrong(f"{count} asked for, not {answer!r}")
    off = [name for name, a, b in zip(table["names"], numbers, wanted, strict=False) if abs(a - b) > within]
    return wrong(f"{', '.join(off)}: {table['hint']}".removeprefix(": "))


def _seen(numbers: Sequence[float], looks: Iterable[Look]) -> str | None:
    for factors, low, high, why in looks:
        value = sum(factor * one for factor, one in zip(factors, numbers, strict=True))
        if (low is None or value >= low) and (high is None or value <= high):
            return why
    return None


def decimal_comma(answer: Any, wanted: Sequence[float], within: float) -> str | None:
    """Why a right number with a comma in it, written without quotes, is a pair to Python."""
    if not isinstance(answer, tuple) or len(answer) != 2 or len(wanted) != 1:
        return None
    before, after = answer
    text = f"{before}.{after}"
    if not near([_number(text) or math.inf], wanted, within):
        return None
    return f"to Python {before},{after} is two numbers: write {text}, with a point"


def by_letter(answers: Any, letters: Iterable[str]) -> dict[str, Any] | Verdict:
    """The answer beside each letter, None if open; a Verdict if the answers do not stand beside letters.

    answers: letter, small or capital → answer. Claims and cases have letters, so that their words stand in the notebook
    alone.
    """
    letters = list(letters)
    which = f"letters {letters[0]} to {letters[-1]}"
    if not isinstance(answers, Mapping):
        return wrong(f"hand over the dictionary, with an answer beside each of the {which}")
    known = {letter.lower(): letter for letter in letters}
    strange = [key for key in answers if str(key).strip().lower() not in known]
    if strange:
        return wrong(f"{strange[0]!r} is no letter of this exercise: name each line by its letter, {which}")
    given = {known[str(key).strip().lower()]: answer for key, answer in answers.items()}
    return {letter: given.get(letter) for letter in letters}


def check_choices(
    answers: Any,
    wanted: Mapping[str, str],
    choices: Iterable[str],
    why: Callable[[str, str], str],
    praise: str,
    read: Callable[[str], str] = lambda text: " ".join(text.lower().split()),
) -> Verdict:
    """answers: letter → one of the choices, None if open. why(letter, choice): if wrong; read: what is written."""
    choices = list(choices)
    reasons = {a: {one: why(a, one) for one in choices if one != right_one} for a, right_one in wanted.items()}
    table = {"kind": "choices", "wanted": dict(wanted), "choices": choices, "why": reasons, "praise": praise}
    return replace(_of_choices(answers, wanted, choices, reasons, praise, read), table=table)


def _of_choices(
    answers: Any,
    wanted: Mapping[str, str],
    choices: list[str],
    reasons: Mapping[str, Mapping[str, str]],
    praise: str,
    read: Callable[[str], str],
) -> Verdict:
    given = by_letter(answers, wanted)
    if isinstance(given, Verdict):
        return given
    empty = [letter for letter, answer in given.items() if answer is None]
    if empty:
        return missing(f"{', '.join(empty)}; choose from {', '.join(choices)}")
    chosen = {letter: read(_written(answer, choices)) for letter, answer in given.items()}
    unknown = sorted(set(chosen.values()) - set(choices))
    if unknown:
        return wrong(f"{', '.join(unknown)}: choose from {', '.join(choices)}")
    mistakes = [reasons[letter][choice] for letter, choice in chosen.items() if choice != wanted[letter]]
    return wrong(*mistakes) if mistakes else right(praise)


def _written(answer: Any, choices: Iterable[str]) -> str:
    """A text as it stands; of anything else its name, which somebody wrote without quotes."""
    if isinstance(answer, str):
        return answer
    shell = get_ipython()  # type: ignore[no-untyped-call]
    names = [] if shell is None else [name for name, value in shell.user_ns.items() if value is answer]
    return next((name for name in names if name in choices), getattr(answer, "__name__", f"{answer!s:.40}"))


def check_claims(answers: Any, claims: Mapping[str, tuple[bool, str]], praise: str) -> Verdict:
    """answers: letter of a claim → True or False, None if open; claims: letter → whether it is true, and why."""
    table = {"kind": "claims", "claims": {letter: list(one) for letter, one in claims.items()}, "praise": praise}
    return replace(_of_claims(answers, claims, praise), table=table)


def _of_claims(answers: Any, claims: Mapping[str, tuple[bool, str]], praise: str) -> Verdict:
    given = by_letter(answers, claims)
    if isinstance(given, Verdict):
        return given
    empty = [letter for letter, answer in given.items() if answer is None]
    if empty:
        return missing(f"{', '.join(empty)}; write True or False beside each letter")
    unclear = [answer for answer in given.values() if str(answer) not in TRUTHS]
    if unclear:
        return wrong(f"{unclear[0]!r}: write True or False, without quotes")
    mistakes = [f"{letter}: {why}" for letter, (truth, why) in claims.items() if TRUTHS[str(given[letter])] != truth]
    return wrong(*mistakes) if mistakes else right(praise)
