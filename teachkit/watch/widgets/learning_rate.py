"""The learning rate: the same detector at three rates, and a range test of the middle one."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from teachkit.experiments.lr_range_test import RangePoint, RangeTest, range_points
from teachkit.experiments.small import SIDE, small_validation_batch
from teachkit.feed.scenes import CLASSES
from teachkit.learn.schedule import SCHEDULES
from teachkit.watch.cockpit.painter import Painter
from teachkit.watch.cockpit.worker import Worker
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.images import png
from teachkit.watch.figures.plots import LOSSES, NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.frontend.notebook import stop_on_interrupt
from teachkit.watch.widgets.playground import Playground, between, one_of
from teachkit.watch.widgets.race import LANES, STEPS, Race, lane_rates

FACTORS = (2.0, 1000.0)
OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD"}
TEST_RATES, TEST_STEPS = (1e-5, 10.0), 100
LANE_STYLES = {"low": (PALETTE[0], ":"), "usual": (PALETTE[2], "-"), "high": (PALETTE[1], "--")}


class LearningRatePlayground(Playground):
    """factor: what the usual rate is divided by and multiplied with; optimizer: "adamw" or "sgd"; schedule: a name.

    Start trains on one thread; a moved setting begins the race anew. `run(n)` and `test()` do the same work here and
    now. `close()` ends the threads. seed: of weights and order.
    """

    _esm = front_end("widgets/learning_rate.js")
    _css = front_end("widgets/learning_rate.css")
    title = "One detector, three learning rates"
    words = "Three learning rates side by side: run this notebook to try rates yourself; the picture shows how it stood"
    levers: Mapping[str, Callable[[Any], Any]] = {
        "factor": between("factor", *FACTORS),
        "optimizer": one_of("optimizer", OPTIMIZERS),
        "schedule": one_of("schedule", list(SCHEDULES)),
    }

    def __init__(
        self, factor: float = 100.0, optimizer: str = "adamw", schedule: str = "constant", *, seed: int = 0
    ) -> None:
        super().__init__(factor=factor, optimizer=optimizer, schedule=schedule)
        self.seed = seed
        self.steps_left: float = 0
        self.points: list[RangePoint] = []
        self._test: Iterator[RangePoint] | None = None
        self._test_wanted = self._moved = False
        self.race = self._new_race()
        self.worker = Worker(self._advance, ended=self._ended)
        self.painter = Painter(self._show, lambda: self.worker.alive)
        self.answers |= {
            "start": lambda message: self.start(),
            "pause": lambda message: self.pause(),
            "step": lambda message: self.start(steps=1),
            "test": lambda message: self.start_test(),
        }

    # what buttons and sliders do

    def start(self, steps: float = float("inf")) -> None:
        """Trains in the background until `pause` or the end of the race, for `steps` steps at most."""
        self.steps_left, self.refused, self.error = steps, "", ""
        self._work()

    def start_test(self) -> None:
        """Runs a range test of the middle training as it stands, in the background. The race waits meanwhile."""
        self._test_wanted = True
        self._work()

    def pause(self) -> None:
        self.steps_left, self._test_wanted, self._test = 0, False, None
        self.painter.refresh()

    def set(self, **values: Any) -> None:
        """Sets all values or none, and begins the race anew. UserError for a refused value."""
        before = self.values
        checked = self._checked(values)
        self.values, self.refused, self.error = self.values | checked, "", ""
        if self.values["optimizer"] != before["optimizer"]:
            self.points = []  # seen with another optimizer
        self._moved = True
        self.painter.refresh()

    def run(self, steps: int) -> None:
        """Trains `steps` steps in this thread, with the same result as Start."""
        self.stop()
        self.steps_left = steps
        while self._advance():
            pass
        self.race.detect()
        self._show()

    def test(self) -> RangeTest:
        """Runs the range test in this thread."""
        self.stop()
        self._test_wanted = True
        while self._advance():
            pass
        self._show()
        return RangeTest(self.points)

    def stop(self) -> None:
        """Ends what runs in the background, and waits until it has ended."""
        self.steps_left, self._test_wanted, self._test = 0, False, None
        self.worker.stop()
        self.painter.stop()

    def close(self) -> None:
        if hasattr(self, "worker"):
            self.stop()
            del self.worker, self.painter, self.race
            self.answers = {}
        super().close()

    # one unit of work, by the worker or by `run`

    def _advance(self) -> bool:
        if self._moved:
            self._moved, self._test = False, None
            self.race = self._new_race()
        if self._test_wanted:
            self._test_wanted, self.points = False, []
            self._test = range_points(self.race.trainers["usual"], *TEST_RATES, TEST_STEPS)
        if (test := self._test) is not None:
            point = next(test, None)
            if point is None:
                self._test = None
            else:
                self.points = [*self.points, point]
            return True
        if self.steps_left < 1 or self.race.over:
            self.steps_left = 0
            return False
        self.steps_left -= 1
        self.race.step()
        return True

    def _new_race(self) -> Race:
        return Race(**self.values, seed=self.seed)

    def _work(self) -> None:
        stop_on_interrupt(self)
        self.worker.start()
        self.painter.start()

    def _ended(self) -> None:
        if self.worker.error is not None:
            self.fail(self.worker.error)
        self.painter.wake()

    # what is shown

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        validation = small_validation_batch()
        content = {
            "classes": list(CLASSES),
            "image_size": [SIDE, SIDE],
            "truth": validation.ground_truth.image(0)[0].tolist(),
            "factors": FACTORS,
            "optimizers": list(OPTIMIZERS.items()),
            "schedules": [[name, name.replace("_", " ")] for name in SCHEDULES],
            "test_rates": TEST_RATES,
            "steps": STEPS,
        }
        return content, [png(validation.images[0])]

    def numbers(self) -> dict[str, Any]:
        race, fresh = self.race, self._moved  # a race that is to be begun anew is not shown any more
        rates = lane_rates(self.values["optimizer"], self.values["factor"])
        test = RangeTest(self.points)
        losses = {
            name: {lane: [] if fresh else [_four(value) for value in list(race.losses[lane][name])] for lane in LANES}
            for name in LOSSES
        }
        return {
            "state": self._state(),
            "step": 0 if fresh else race.steps,
            "rates": rates,
            "lr": rates if fresh else race.lr,
            "losses": losses,
            "found": {lane: [] if fresh else race.found[lane] for lane in LANES},
            "f1": {lane: 0.0 if fresh else race.f1[lane] for lane in LANES},
            "ended": {lane: "" if fresh else race.ended(lane) for lane in LANES},
            "test": {
                "lr": [point.lr for point in self.points],
                **{name: [_four(value) for value in test.curve(name)] for name in LOSSES},
                "suggested": test.suggested if self._test is None else None,
                "largest": test.largest if self._test is None else None,
            },
            "words": self._words(),
        }

    def _state(self) -> str:
        if not self.worker.alive:
            return "over" if self.race.over and not self._moved else "paused" if self.race.steps else "ready"
        return "testing" if self._test is not None or self._test_wanted else "running"

    def _words(self) -> str:
        return f"Step {self.race.steps}: F1 " + ", ".join(
            f"{self.race.f1[lane]:.2f} at the {lane} rate" for lane in LANES
        )

    def figure(self) -> NotebookFigure:
        """Three losses at three rates, and the range test if there has been one."""
        test = RangeTest(self.points)
        alt = f"Losses of the same detector at three learning rates after {self.race.steps} steps"
        lanes = (
            list(LOSSES) if self.race.steps or not self.points else []
        )  # a test alone needs no empty charts beside it
        figure = NotebookFigure(figsize=(11 if lanes else 5, 3.4), alt=alt)
        grid = list(figure.subplots(1, len(lanes) + bool(self.points), squeeze=False)[0])
        for axes, name in zip(grid, lanes, strict=False):
            for lane, (colour, dash) in LANE_STYLES.items():
                values = self.race.losses[lane][name]
                axes.plot(
                    range(len(values)), values, color=colour, linestyle=dash, label=f"{self.race.rates[lane]:.2g}"
                )
            axes.set(title=f"{name} loss, unweighted", xlabel="step")
            if any(value > 0 for line in axes.lines for value in line.get_ydata()):
                axes.set_yscale("log")
            axes.grid(alpha=0.3)
        if lanes:
            grid[0].legend(title="rate", fontsize=9)
        if self.points:
            for name, (colour, dash, _) in LOSSES.items():
                rates = [point.lr for point in self.points]
                grid[-1].plot(rates, test.curve(name), color=colour, linestyle=dash, label=name)
            grid[-1].set(title="range test", xlabel="learning rate", xscale="log", yscale="log")
            grid[-1].legend(fontsize=9)
            grid[-1].grid(alpha=0.3)
        return figure


def _four(value: float) -> float:
    """Four digits: more cannot be seen in a curve."""
    return float(f"{value:.4g}")
