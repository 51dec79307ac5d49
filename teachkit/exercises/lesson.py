"""What a lesson's cells call: `begin`, `about`, checkers that give a Verdict, and predictions before experiments."""

import functools
import html
import re
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from teachkit.errors import UserError
from teachkit.exercises import progress
from teachkit.learn.resources import choose_threads, use_threads
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.widgets.prediction import Prediction

# of a verdict: right, wrong, still open; the colours are told apart on light and on dark ground
MARKS = {True: ("✓", "#009E73"), False: ("✗", "#D55E00"), None: ("○", "#8a96a5")}

_begun: set[str] = set()  # lessons of this kernel whose answers count; worked solutions never begin one


@dataclass(frozen=True)
class Verdict:
    """The result of a checker. right: None while the exercise is open; words: what a notebook shows.

    table: all that the checker goes by, where numbers, choices or claims are checked: whoever has it can check alike.
    """

    right: bool | None
    words: str
    table: dict[str, Any] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        """A line for each reason, behind a mark that needs no colour; what stands in ` ` is set as code."""
        mark, colour = MARKS[self.right]
        style = f"border-left: .3em solid {colour}; padding: .15em 0 .15em .7em; margin: .3em 0; max-width: 46em"
        lines = (re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line)) for line in self.words.splitlines())
        return "".join(f'<div style="{style}"><b aria-hidden="true">{mark}</b> {line}</div>' for line in lines)


def missing(words: str) -> Verdict:
    return Verdict(None, f"still open: {words}")


def wrong(*reasons: str) -> Verdict:
    return Verdict(False, "\n".join(f"not yet: {reason}" for reason in reasons))


def right(words: str) -> Verdict:
    return Verdict(True, f"Right: {words}")


def exercise(lesson: str, name: str) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Declares a checker to be an exercise of a lesson. Its verdict is kept if the lesson has begun in this kernel."""

    def mark(check: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @functools.wraps(check)
        def checked(*answers: Any, **named: Any) -> Verdict:
            verdict = check(*answers, **named)
            if verdict.right is not None:
                _note(lesson, name, verdict.right)
            return verdict

        checked.lesson, checked.exercise = lesson, name  # type: ignore[attr-defined]
        return checked

    return mark


def _note(lesson: str, name: str, solved: bool) -> None:
    """Records a try. If progress cannot be written, a warning says so and the lesson goes on."""
    if lesson not in _begun:
        return
    try:
        progress.record(lesson, name, solved)
    except (UserError, OSError) as error:
        warnings.warn(f"your progress was not kept: {error}", stacklevel=3)


@functools.cache
def _questions() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(resources.files(__package__).joinpath("predictions.toml").read_text(encoding="utf-8"))


def questions(lesson: str) -> dict[str, dict[str, Any]]:
    """Name of a prediction of the lesson → its question, choices, right and because."""
    return _questions().get(lesson, {})


class Lesson:
    """A lesson that has begun. It shows the progress and asks predictions. UserError if the number is unknown."""

    def __init__(self, number: str) -> None:
        if number not in progress.LESSONS:
            raise UserError(f"there is no lesson {number!r}: choose from {', '.join(progress.LESSONS)}")
        self.number, self.title = number, progress.LESSONS[number][0]
        _begun.add(number)

    def predict(self, name: str, show: Callable[[], NotebookFigure] | None = None) -> Prediction:
        """A question from predictions.toml, to be answered before the experiment. The first answer is kept as progress.

        show: makes the picture of what happens, for after the answer. UserError if the lesson asks no such question.
        """
        asks = questions(self.number)
        if name not in asks:
            raise UserError(f"lesson {self.number} asks nothing named {name!r}: choose from {', '.join(asks)}")
        asked = asks[name]
        note = functools.partial(_note, self.number, f"prediction: {name}")
        return Prediction(**asked, show=show, committed=lambda choice: note(choice == asked["right"]))

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A figure of the progress. Its text is the same for everybody, because notebooks store it."""
        try:
            figure = progress_figure(self.number, done_by_lesson(progress.read()))
        except UserError as error:
            warnings.warn(str(error), stacklevel=2)
            figure = progress_figure(self.number, done_by_lesson({}))
        data, metadata = figure._repr_mimebundle_()
        return data | {"text/plain": f"Lesson {self.number}, {self.title}: your progress"}, metadata


def done_by_lesson(done: progress.Record) -> dict[str, tuple[int, int]]:
    """lesson → what is done and how much there is: exercises that are solved, and predictions committed to.

    A prediction counts as it is, right or wrong: it is made before anybody can know.
    """
    result = {}
    for lesson, (solved, exercises) in progress.counts(done).items():
        entries = [done.get(lesson, {}).get(f"prediction: {name}", {}) for name in questions(lesson)]
        committed = sum(bool(entry.get("tries")) for entry in entries)
        result[lesson] = (solved + committed, exercises + len(entries))
    return result


def about(*values: float, digits: int = 2) -> str:
    """The values, rounded to so many digits, with the mark of what varies by machine and seed: "≈ 0.83, ≈ 0.79"."""
    return ", ".join(f"≈ {float(f'{value:.{digits}g}'):g}" for value in values)


def begin(number: str) -> Lesson:
    """Begins a lesson: from here on, solved exercises of this notebook are kept (see `progress.place`).

    torch uses as many threads as a training would: with more, a browser on the same cores has to wait.
    """
    use_threads(choose_threads())
    return Lesson(number)


def progress_figure(lesson: str, counts: dict[str, tuple[int, int]]) -> NotebookFigure:
    """One bar per lesson, filled by the share of what is done. counts: lesson → done, and of how many."""
    solved, of = counts[lesson]
    told = ", ".join(f"{number}: {one} of {all_of}" for number, (one, all_of) in counts.items() if all_of)
    figure = NotebookFigure(figsize=(8, 1.05), alt=f"Exercises and predictions done. {told}")
    axes = figure.subplots()
    for at, (number, (one, all_of)) in enumerate(counts.items()):
        here = number == lesson
        axes.bar(
            at, 1, width=0.8, color="white", edgecolor=PALETTE[1] if here else "#8a96a5", linewidth=2.2 if here else 1
        )
        axes.bar(
            at, one / all_of if all_of else 0, width=0.8, color=PALETTE[0], hatch="//", edgecolor="white", linewidth=0
        )
        axes.text(at, 1.08, f"{one}/{all_of}" if all_of else "–", ha="center", fontsize=9)
    axes.set(
        xticks=range(len(counts)), xticklabels=list(counts), yticks=[], ylim=(0, 1.35), xlim=(-0.6, len(counts) - 0.4)
    )
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(f"Your exercises and predictions: {solved} of {of} done in lesson {lesson}", fontsize=9, loc="left")
    return figure
