"""The base of every playground: settings come in, numbers go out at once, without a thread."""

from collections.abc import Callable, Mapping
from typing import Any

from teachkit.errors import UserError
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.notebook import replace_widget_of_this_cell
from teachkit.watch.frontend.widget import Widget


class Playground(Widget):
    """A widget about one idea, with settings that are moved by hand.

    A subclass names its `title` and its `levers`, a check for each setting that turns what the page sends into a value
    or raises UserError; `setup` gives what never changes, `numbers` what the settings as they stand come to, and
    `figure` the static image. `values` holds the settings. Its front end calls `playground` of playground.js.
    """

    title = "Playground"
    levers: Mapping[str, Callable[[Any], Any]] = {}

    def __init__(self, **values: Any) -> None:
        super().__init__()
        replace_widget_of_this_cell(self)
        self.refused, self.error = "", ""
        self.values = self._checked(values)
        self._first = dict(self.values)
        self.answers = {
            "hello": lambda message: self._introduce(),
            "set": lambda message: self.set(**message["values"]),
            "reset": lambda message: self.set(**self._first),
        }

    def set(self, **values: Any) -> None:
        """Sets all values or none. UserError for a refused value; the old values stay."""
        self.values = self.values | self._checked(values)
        self.refused, self.error = "", ""
        self._show()

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        """What a new view needs once, and pictures as files, if any."""
        return {}, []

    def numbers(self) -> dict[str, Any]:
        """What is shown for `values`. "words", one sentence, is read out by screen readers."""
        raise NotImplementedError

    def figure(self) -> NotebookFigure:
        """The widget as it stands, for a page without a kernel."""
        raise NotImplementedError

    def static_image(self) -> bytes:
        return self.figure().stored()

    def refuse(self, message: str) -> None:
        self.refused = message
        self._show()

    def fail(self, error: BaseException) -> None:
        self.error = f"{type(error).__name__}: {error}"
        self.post("numbers", {"values": self.values, "refused": "", "error": self.error})

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        unknown = set(values) - set(self.levers)
        if unknown:
            raise UserError(f"there is no setting {', '.join(sorted(unknown))}: choose from {', '.join(self.levers)}")
        return {name: self.levers[name](value) for name, value in values.items()}

    def _introduce(self) -> None:
        content, pictures = self.setup()
        self.post("setup", {"title": self.title, **content}, pictures)
        self._show()

    def _show(self) -> None:
        shown = {"values": self.values, "refused": self.refused, "error": self.error}
        self.post("numbers", self.numbers() | shown)


def between(name: str, low: float, high: float) -> Callable[[Any], float]:
    """A lever that takes a number, or text that is one, from low to high."""

    def check(value: Any) -> float:
        try:
            number = float(value.replace(",", ".") if isinstance(value, str) else value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if isinstance(value, bool) or not low <= number <= high:
            raise UserError(f"{name} must be a number from {low:g} to {high:g}, not {value!r:.60}")
        return number

    return check


def rounded(name: str, low: int, high: int) -> Callable[[Any], int]:
    """A lever that takes a number as `between` does, and rounds it."""
    check = between(name, low, high)
    return lambda value: round(check(value))


def one_of(name: str, choices: Mapping[str, Any] | list[str]) -> Callable[[Any], str]:
    """A lever that takes one of the named choices."""

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            raise UserError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    return check
