"""What of a lesson is alive in its page: playgrounds, predictions, and exercises that a table can check."""

import ast
import functools
import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from teachkit.exercises import progress
from teachkit.exercises.lesson import Verdict, questions
from teachkit.page.playgrounds import PLAYGROUNDS
from teachkit.watch.widgets.race import lane_rates

CLAIM = re.compile(r'^\s*"(\w+)": None,\s*# (.+)$', re.MULTILINE)  # a claim or a case, beside its letter
TITLES = {name: name.replace("_", " ") for name in PLAYGROUNDS} | {
    "iou": "IoU", "dfl": "DFL", "descent": "steps down a parabola",
    "film_of_weights": "a film of three sets of weights", "film_of_pictures": "a film of 32 pictures and 1,000",
}  # fmt: skip
ANY_PICTURE = {"augment"}  # playgrounds that say the same of a picture of their own
Here = dict[str, Any]
Run = tuple[str, dict[str, str]]  # of the live page: how it is called, and its settings


def alive_in(notebook: Path) -> dict[int, Here]:
    """Place of a code cell → what stands below it in the page. notebook: of a lesson; none of another one's cells."""
    lesson = notebook.stem[:2]
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    made: dict[str, ast.expr] = {}  # name → what it was assigned last
    found = {}
    for place, cell in enumerate(cells if lesson in progress.LESSONS else []):
        if cell["cell_type"] == "code" and (here := _alive("".join(cell["source"]), lesson, made)):
            found[place] = here
    return found


def _alive(source: str, lesson: str, made: dict[str, ast.expr]) -> Here | None:
    """Of a cell whose last line shows a widget or calls a checker."""
    body = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)).body
    for line in body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            made[line.targets[0].id] = line.value
    shown = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    if isinstance(shown, ast.Name):
        shown = made.get(shown.id)
    if not isinstance(shown, ast.Call) or not isinstance(shown.func, ast.Attribute):
        return None
    called = shown.func.attr
    if called == "predict" and isinstance(shown.args[0], ast.Constant):
        asked = questions(lesson)[str(shown.args[0].value)]
        return {"kind": "prediction", "name": shown.args[0].value, **asked}
    if called.startswith("check_") and (one := checkers(lesson).get(called)):
        return {"kind": "exercise" if one["table"] else "code", **one, "words": dict(CLAIM.findall(source))}
    return _training(called, shown) or _playground(called, shown)


def _training(called: str, shown: ast.Call) -> Here | None:
    """A training of the small setting from plain values: the live page shows it. runs: words of a link, its query."""
    try:
        if called == "LearningRatePlayground":
            runs = _race(**_plain(shown))
        elif called == "Cockpit" and shown.args and ast.unparse(shown.args[0]).startswith("small_trainer("):
            runs = _small(**_plain(cast(ast.Call, shown.args[0])))
        else:
            return None
    except (TypeError, ValueError):  # settings of the notebook's own, or that the live page has not
        return None
    return {"kind": "live", "runs": [(words, urlencode(query)) for words, query in runs]}


def _plain(call: ast.Call) -> dict[str, Any]:
    """The settings of a call, by name. ValueError for one that is no plain value."""
    if call.args:
        raise ValueError(ast.unparse(call))
    return {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}


def _race(factor: float = 100, optimizer: str = "adamw") -> list[Run]:
    words = {"low": f"the usual rate\xa0/\xa0{factor:g}", "usual": "the usual rate", "high": f"×\xa0{factor:g}"}
    rates = lane_rates(optimizer, factor)
    return [(words[lane], {"optimizer": optimizer, "lr": f"{rate:.4g}"}) for lane, rate in rates.items()]


def _small(lr: float | None = None, optimizer: str = "adamw") -> list[Run]:
    query = {"optimizer": optimizer} | ({} if lr is None else {"lr": f"{lr:g}"})
    return [(", ".join(f"{name} {value}" for name, value in query.items()), query)]


def _playground(called: str, shown: ast.Call) -> Here | None:
    """A playground with settings that are plain values; what is shown of a notebook's own things stays there.

    instead: a built-in picture below the still one of the notebook.
    """
    names = [name for name in PLAYGROUNDS if _kind(name) == called]
    if shown.args and ANY_PICTURE.intersection(names):
        return {"kind": "playground", "name": names[0], "first": {}, "instead": True}
    try:
        arguments = [ast.literal_eval(one) for one in shown.args]
        named = {str(one.arg): ast.literal_eval(one.value) for one in shown.keywords}
    except ValueError:
        return None
    for name in names:
        make = PLAYGROUNDS[name][0]
        args, fixed = (make.args, make.keywords) if isinstance(make, functools.partial) else ((), {})
        if args == tuple(arguments) and fixed.items() <= named.items():
            first = {key: value for key, value in named.items() if key not in fixed}
            return {"kind": "playground", "name": name, "first": first}
    return None


def _kind(name: str) -> str:
    make: Any = PLAYGROUNDS[name][0]
    return str((make.func if isinstance(make, functools.partial) else make).__name__)


@functools.cache
def checkers(lesson: str) -> dict[str, Here]:
    """Name of a checker → its exercise, and its table: None where code has to run."""
    return {name: {"name": check.exercise, "table": table} for name, check, table in _checkers(lesson)}


def _checkers(lesson: str) -> Iterator[tuple[str, Any, dict[str, Any] | None]]:
    """Each checker is asked about an open exercise: what it goes by comes with its verdict."""
    module = import_module(f"teachkit.exercises.{progress.LESSONS[lesson][1]}")
    for name, check in vars(module).items():
        if getattr(check, "lesson", None) != lesson:
            continue
        asked = [one for one in inspect.signature(check).parameters.values() if one.default is one.empty]
        verdict: Verdict = check(*[None] * len(asked))
        yield name, check, verdict.table


def exercises() -> dict[str, list[str]]:
    """Lesson → the names of its exercises."""
    return {lesson: progress.exercises_of(lesson) for lesson in progress.LESSONS}


def told(here: list[Here], lesson: str) -> str:
    """What runs in the page, as a list in words."""
    count = lambda kind: sum(one["kind"] == kind for one in here)  # noqa: E731
    plural = lambda number, noun: f"{number} {noun}{'' if number == 1 else 's'}"  # noqa: E731
    parts = [f"the playground “{TITLES[one['name']]}”" for one in here if one["kind"] == "playground"]
    if predictions := count("prediction"):
        parts.append(plural(predictions, "prediction"))
    if exercises_here := count("exercise"):
        parts.append(f"{exercises_here} of {plural(len(progress.exercises_of(lesson)), 'exercise')}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def needs_notebook(here: list[Here]) -> str:
    """What does not run in the page, in a sentence."""
    names = [f"“{one['name']}”" for one in here if one["kind"] == "code"]
    does, exercise, ask = ("do", "exercises", "ask") if len(names) > 1 else ("does", "exercise", "asks")
    asks = f", and so {does} the {exercise} {' and '.join(names)}, which {ask} you to write some" if names else ""
    return f"The code needs the notebook{asks}."
