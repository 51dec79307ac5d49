"""Checks of answers in parts: numbers and truth values by name, and names that are to be marked."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from teachkit.exercises.answers import TRUTHS, by_letter, decimal_comma, near, rounded, row, slip
from teachkit.exercises.lesson import Verdict, missing, right, wrong

Table = dict[str, Any]
Reasons = Callable[[str, frozenset[str]], list[str]]


def number(wanted: float, slips: Mapping[float, str], hint: str, within: float = 0.01) -> Table:
    """A part that is one number. slips: what a known mistake gives → why it is wrong; hint: for any other mistake."""
    known = [[[one], why] for one, why in slips.items()]
    return {"kind": "number", "wanted": wanted, "slips": known, "hint": hint, "within": within}


def truth(wanted: bool, why: str) -> Table:
    """A part that is True or False. why: for the other of the two."""
    return {"kind": "truth", "wanted": wanted, "why": why}


def check_parts(answers: Any, parts: Mapping[str, Table], *, open_: str, praise: str) -> Verdict:
    """answers: name of a part → its answer, None if open; parts: as `number` and `truth` make them."""
    table = {"kind": "parts", "parts": dict(parts), "open": open_, "praise": praise}
    return replace(_of_parts(answers, parts, open_, praise), table=table)


def _of_parts(answers: Any, parts: Mapping[str, Table], open_: str, praise: str) -> Verdict:
    if not isinstance(answers, Mapping):
        return wrong("hand over the dictionary, with an answer beside each name")
    empty = [name for name in parts if answers.get(name) is None]
    if empty:
        return missing(f"{', '.join(empty)}; {open_}")
    found = {name: (_of_number if part["kind"] == "number" else _of_truth)(answers[name], part)
             for name, part in parts.items()}  # fmt: skip
    reasons = [f"{name}: {why}" for name, why in found.items() if why]
    return wrong(*reasons) if reasons else right(praise)


def _of_number(answer: Any, part: Table) -> str | None:
    """What is wrong with it."""
    numbers, wanted = row(answer), [part["wanted"]]
    if numbers is None or len(numbers) != 1:
        return decimal_comma(answer, wanted, part["within"]) or f"write one number, not {answer!r}"
    if near(numbers, wanted, part["within"]):
        return None
    if why := slip(numbers, part["slips"], part["within"]):
        return why
    return None if rounded(numbers, wanted) else str(part["hint"])


def _of_truth(answer: Any, part: Table) -> str | None:
    if str(answer) not in TRUTHS:
        return "write True or False, without quotes"
    return None if TRUTHS[str(answer)] == part["wanted"] else str(part["why"])


def check_marks(
    answers: Any, letters: Iterable[str], names: Sequence[str], reasons: Reasons, *, open_: str, praise: str
) -> Verdict:
    """answers: letter → the names that are marked, as a text, list or set; None if open.

    names: all that may be marked, in lower case; reasons(letter, marked): why these are wrong, none if they are right.
    """
    letters, sets = (
        list(letters),
        [frozenset(one) for size in range(len(names) + 1) for one in itertools.combinations(names, size)],
    )
    why = {letter: {" ".join(sorted(one)): reasons(letter, one) for one in sets} for letter in letters}
    table = {"kind": "marks", "names": list(names), "reasons": why, "open": open_, "praise": praise}
    return replace(_of_marks(answers, letters, names, reasons, open_, praise), table=table)


def _of_marks(
    answers: Any, letters: list[str], names: Sequence[str], reasons: Reasons, open_: str, praise: str
) -> Verdict:
    given = by_letter(answers, letters)
    if isinstance(given, Verdict):
        return given
    empty = [letter for letter, answer in given.items() if answer is None]
    if empty:
        return missing(open_ if letters == [""] else f"{', '.join(empty)}; {open_}")
    found = []
    for letter, answer in given.items():
        marked = words_of(answer)
        if marked is None or not marked <= set(names):
            return wrong(f"{letter}: choose from {', '.join(names)}".removeprefix(": "))
        found += reasons(letter, frozenset(marked))
    return wrong(*found) if found else right(praise)


def words_of(answer: Any) -> set[str] | None:
    """The words of a text, or of a list, tuple or set of texts, in lower case; None for anything else."""
    if isinstance(answer, str):
        answer = answer.replace(",", " ").replace("+", " ").replace(" and ", " ").split()
    if not isinstance(answer, Sequence | set | frozenset) or not all(isinstance(one, str) for one in answer):
        return None
    return {one.strip().lower() for one in answer}
