"""A question with choices. What happens stays hidden until the student has committed to one."""

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from teachkit.errors import UserError
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground

LETTERS = "abcdefgh"


class Prediction(Playground):
    """Choices to commit to, then what really happens and why.

    right: the place of the right choice; because: a sentence for each choice, or one for all; show: makes the picture
    that is then shown, if any; committed: called once with the first choice's place.
    """

    _esm = front_end("widgets/prediction.js")
    _css = front_end("widgets/prediction.css")
    title = "Predict first"

    def __init__(
        self,
        question: str,
        choices: Sequence[str],
        right: int,
        because: str | Sequence[str],
        show: Callable[[], NotebookFigure] | None = None,
        committed: Callable[[int], None] | None = None,
    ) -> None:
        if not 2 <= len(choices) <= len(LETTERS) or not 0 <= right < len(choices):
            raise UserError(f"a prediction has 2 to {len(LETTERS)} choices, one of them right, not {len(choices)}")
        self.question, self.choices, self.right = question, list(choices), right
        self.because = [because] * len(choices) if isinstance(because, str) else list(because)
        if len(self.because) != len(choices):
            raise UserError(f"{len(choices)} choices need as many reasons, or one for all, not {len(self.because)}")
        self._draw, self._committed = show, committed
        self.levers = {"choice": self._place}
        lines = [f"{letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
        self.words = "\n".join([f"Predict first: {question}", *lines])
        super().__init__()
        self._counted = False
        self.answers["reset"] = lambda message: self.reset()

    def commit(self, choice: int) -> str:
        """Chooses, as a click does → what happens and why. The first choice is the one that counts."""
        self.set(choice=choice)
        return self.verdict()

    def set(self, **values: Any) -> None:
        checked = self._checked(values)
        if "choice" in checked and not self._counted:  # counted first: the picture of what happens may fail
            self._counted = True
            if self._committed is not None:
                self._committed(checked["choice"])
        super().set(**values)

    def reset(self) -> None:
        """Opens the question again and hides the answer. The next choice does not count."""
        self.values, self.refused, self.error = {}, "", ""
        self._show()

    def verdict(self) -> str:
        """Empty until committed."""
        if "choice" not in self.values:
            return ""
        choice = self.values["choice"]
        if choice == self.right:
            return f"Right. {self.because[choice]}"
        return f"Not what happens. {self.because[choice]} It is {LETTERS[self.right]}) {self.choices[self.right]}"

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        return {"question": self.question, "choices": self.choices}, []

    def numbers(self) -> dict[str, Any]:
        verdict = self.verdict()
        return {"verdict": verdict, "right": self.right if verdict else None, "words": verdict}

    def _show(self) -> None:
        super()._show()
        if self.values and self._draw is not None:
            figure = self._draw()
            self.post(
                "numbers",
                self.numbers() | {"values": self.values, "refused": "", "error": "", "alt": figure.alt},
                [figure.png()],
            )

    def figure(self) -> NotebookFigure:
        lines = textwrap.wrap(self.question, 88)
        for letter, choice in zip(LETTERS, self.choices, strict=False):
            lines += textwrap.wrap(choice, 84, initial_indent=f"○  {letter})  ", subsequent_indent="        ")
        figure = NotebookFigure(
            figsize=(8.5, 0.5 + 0.27 * len(lines)), alt=self.words, layout=None, facecolor="#f4f6f9"
        )
        figure.text(0.02, 0.95, "Predict first", fontsize=9, color="#0072B2", va="top", weight="bold")
        figure.text(
            0.02,
            0.95 - 0.3 / figure.get_figheight(),
            "\n".join(lines),
            fontsize=11,
            va="top",
            linespacing=1.5,
            parse_math=False,
        )
        return figure

    def _place(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value < len(self.choices):
            raise UserError(f"choose one of {', '.join(LETTERS[: len(self.choices)])}")
        return value
