"""Steps down a parabola: why a learning rate has a limit, and that the limit is 2 over the curvature."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.widgets.chart import Axis, ChartPlayground, Line, LineStyle, choice_of

START = 1.0  # where the weight begins
WIDE, TALL = 2.2, 50.0  # half the width of the chart, and the greatest loss in it
RATES = tuple(round(0.005 * step, 3) for step in range(1, 51))  # 0.005 … 0.25
NEAR = 1e-9  # of a factor: what decimals cannot say exactly
CURVATURES = (5, 10, 20, 40)
STEPS = tuple(range(21))


class DescentPlayground(ChartPlayground):
    """The trail of plain gradient descent on L = c / 2 · w², from w = 1: each step multiplies w by 1 − rate · c.

    rate: one of RATES; curvature: c, one of CURVATURES; steps: 0 … 20. It shrinks for a rate below 2 / c.
    """

    title = "Why the learning rate has a limit"
    words = "A loss that is a parabola in one weight, with the trail of the weight's steps"
    caption = "loss"
    STYLES: ClassVar[dict[str, LineStyle]] = {
        "loss": LineStyle("loss", "#8a96a5", (), width=2),
        "trail": LineStyle("steps of the weight", PALETTE[1], (6, 4), "circle", 1.5),
        "now": LineStyle("now", PALETTE[0], (), "square", 0),
    }
    across = Axis("weight w", (-WIDE, WIDE))
    up = Axis("loss", (0, TALL))
    sliders: ClassVar[list[Any]] = [
        ("rate", "Learning rate η", RATES),
        ("curvature", "Curvature c", CURVATURES),
        ("steps", "Steps", STEPS),
    ]
    levers: Mapping[str, Callable[[Any], Any]] = {
        "rate": choice_of("rate", RATES),
        "curvature": choice_of("curvature", CURVATURES),
        "steps": choice_of("steps", STEPS),
    }

    def __init__(self, rate: float = 0.02, curvature: float = 20, steps: int = 6) -> None:
        super().__init__(rate=rate, curvature=curvature, steps=steps)

    def trail(self) -> list[float]:
        """w at the start and after each step."""
        factor = 1 - self.values["rate"] * self.values["curvature"]
        return [START * factor**step for step in range(int(self.values["steps"]) + 1)]

    def lines(self) -> list[Line]:
        half = self.values["curvature"] / 2
        at = [WIDE * place / 40 for place in range(-40, 41)]
        trail = [(w, half * w * w) for w in self.trail()]
        seen = [one for one in trail if abs(one[0]) <= WIDE and one[1] <= TALL]
        gone = len(seen) < len(trail)
        return [
            Line("loss", [(w, half * w * w) for w in at if half * w * w <= TALL]),
            Line("trail", seen, "leaves the picture" if gone else ""),
            Line("now", [] if gone else trail[-1:], self.told()),
        ]

    def facts(self) -> dict[str, str]:
        rate, c = self.values["rate"], self.values["curvature"]
        w = self.trail()[-1]
        return {
            "a step multiplies w by": f"{1 - rate * c:.2f}",
            "limit 2 / c": f"{2 / c:.3g}",
            "w now": f"{w:.3g}",
            "loss now": f"{c / 2 * w * w:.3g}",
        }

    def told(self) -> str:
        """What the steps do, in words."""
        factor = 1 - self.values["rate"] * self.values["curvature"]
        if factor >= NEAR:
            return "slides down one side"
        if factor > -NEAR:
            return "is there in one step"
        if factor > -1 + NEAR:
            return "jumps across, ever lower"
        return "jumps across for ever" if factor > -1 - NEAR else "jumps across, ever higher"

    def numbers(self) -> dict[str, Any]:
        now = super().numbers()
        return now | {"words": f"w {self.told()}; {now['words']}"}
