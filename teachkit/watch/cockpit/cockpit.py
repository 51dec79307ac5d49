"""The cockpit: one widget with a detector in training, its controls, and curves that show what each control does."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn.control import Control
from teachkit.learn.trainer import Trainer
from teachkit.structures import LossWeights
from teachkit.watch.cockpit.acts import ACTS
from teachkit.watch.cockpit.frames import Frames, setup
from teachkit.watch.cockpit.painter import Painter
from teachkit.watch.cockpit.presets import PRESETS
from teachkit.watch.cockpit.session import Command, Session
from teachkit.watch.cockpit.start_up import build_session
from teachkit.watch.cockpit.worker import Worker, stop_running
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.frontend.notebook import replace_widget_of_this_cell, stop_on_interrupt
from teachkit.watch.frontend.widget import Widget
from teachkit.watch.replay.recording import Recording
from teachkit.watch.replay.replay import export
from teachkit.watch.timeline.marks import in_words


class Cockpit(Widget):
    """Starts, pauses, rewinds and branches a training. Its rate and its loss weights can be moved while it runs.

    All that is asked for is carried out in the order of asking, between two steps.

    trainer: what is steered; None for the default detector on the built-in shapes; settings: see `build_session` and
    `build_trainer`; rate: frames a second. `run(n)` trains n steps in this thread, with the same result. `close()` ends
    all threads and frees the memory.
    """

    _esm = front_end("cockpit/cockpit.js")
    _css = front_end("cockpit/cockpit.css")
    words = "Training cockpit: run this notebook to steer the training yourself; the picture shows how it stood"

    def __init__(
        self, trainer: Trainer | None = None, *, title: str = "Training cockpit", rate: float = 10.0, **settings: Any
    ) -> None:
        super().__init__()
        stop_running()
        replace_widget_of_this_cell(self)
        self.title = title
        self.session: Session = build_session(trainer, **settings)
        self.worker = Worker(self.session.advance, ended=self._ended)
        self.painter = Painter(self._draw, lambda: self.worker.alive, rate)
        self.frames = Frames(self.session)
        self.playing = ""  # the key of the act that was asked for last
        self.refused = ""  # one sentence, until the next value that is accepted
        self.error: BaseException | None = None
        self._drawing = threading.RLock()  # the stop square may interrupt a drawing
        self.answers = {
            "hello": lambda message: self._introduce(),
            "start": lambda message: self.start(),
            "pause": lambda message: self.pause(),
            "step": lambda message: self.start(steps=1),
            "set": lambda message: self.set(**message["values"]),
            "preset": lambda message: self.preset(message["name"]),
            "optimizer": lambda message: self.use_optimizer(message["name"]),
            "reset": lambda message: self._request("reset", self.session.reset),
            "rewind": lambda message: self._go("back to step", self.session.rewind, message["step"]),
            "branch": lambda message: self._go("branch at step", self.session.branch, message["step"]),
            "fork": lambda message: self._request("branch", self._fork),
            "rescue": lambda message: self._request("rescue", self.session.rescue),
            "export": lambda message: self._request("save replay", self._save_replay),
            "act": lambda message: self.act(message["key"]),
            "ping": lambda message: self.painter.refresh(),
            "peek": lambda message: self._peek(message["step"]),
        }

    # what the buttons and sliders do; each is a method for code, too

    def start(self, steps: float = float("inf")) -> None:
        """Trains in the background until `pause`, for `steps` steps at most."""
        self._request("start", partial(setattr, self.session, "steps_left", steps))

    def pause(self) -> None:
        """Asks the training to stop after the current step. The panel shows it once the thread has ended."""
        self._request("pause", partial(setattr, self.session, "steps_left", 0), works=False)

    def set(self, **values: Any) -> None:
        """lr, schedule, box, cls, dfl: in force from the next step. UserError for a refused value; the old stays."""
        values = {name: typed(name, value) for name, value in values.items()}
        Control(1.0, "constant", LossWeights).set(**values)  # refuses here what the session's would refuse later
        words = in_words({name: value for name, value in values.items() if value is not None})
        self._request(words, partial(self.session.trainer.control.set, **values), values, works=False)

    def preset(self, name: str) -> None:
        """Sets the loss weights, and the rate if the preset has one. UserError for a name that is not in `PRESETS`."""
        if name not in PRESETS:
            raise UserError(f"there is no preset {name!r}: choose one of {', '.join(PRESETS)}")
        settings = partial(self.session.preset_settings, PRESETS[name])  # of the optimizer that is there by then
        act = lambda: self.session.trainer.control.set(**settings())  # noqa: E731
        self._request(name, act, settings(), works=False)

    def use_optimizer(self, name: str) -> None:
        """Trains on with a fresh optimizer, "adamw" or "sgd", at its usual rate."""
        self._request(f"optimizer {name}", partial(self.session.use_optimizer, name), {"optimizer": name})

    def act(self, key: str) -> None:
        """Asks for all that an act of the live demo consists of. UserError for a key that is not in `ACTS`."""
        if key not in ACTS:
            raise UserError(f"there is no act {key!r}: choose one of {', '.join(ACTS)}")
        for message in ACTS[key].asks:
            self.answers[message["kind"]](message)
        self.playing = key

    def run(self, steps: int) -> None:
        """Trains `steps` steps in this thread. The result is the same as with Start."""
        self.stop()
        self.session.run(steps)
        self._draw()

    def rewind(self, step: int) -> None:
        """Goes back to the step and forgets what came later. UserError if the run has not come so far."""
        self.stop()
        self.session.rewind(step)
        self._draw()

    def branch(self, step: int) -> None:
        """Goes back to the step as `rewind` does, and keeps the run so far to be compared with, in grey."""
        self.stop()
        self.session.branch(step)
        self._draw()

    # what a cell may ask for

    @property
    def model(self) -> Detector:
        """The detector in training, with its newest weights."""
        return self.session.probes.model

    @property
    def trouble(self) -> str:
        """What has gone wrong, in one sentence, while a rescue is on offer; else empty."""
        return self.session.trouble

    @property
    def rescue_step(self) -> int | None:
        """The step that a rescue goes back to; None while the run is sound."""
        return self.session.rescue_step

    def curve(self, name: str, since: int = 0) -> list[float | None]:
        """One value for each step from `since` on, of the branch in training; None where it was not finite.

        name: "total", "box", "cls" or "dfl" for a raw loss, "lr", or "w_box", "w_cls" or "w_dfl" for a weight.
        UserError for any other. A run of more than 3,000 steps keeps the extremes of its early steps only.
        """
        steps = self.session.timeline.curves["steps"]
        if name not in steps.columns[1:]:
            raise UserError(f"there is no curve {name!r}: choose one of {', '.join(steps.columns[1:])}")
        place = steps.columns.index(name)
        return [row[place] for row in steps.rows if (row[0] or 0) >= since]

    def export(self, path: str | Path) -> Path:
        """Writes what has been trained so far as one file that plays in any browser, without a kernel → its path."""
        return export(self, path)

    def recording(self) -> Recording:
        """What has been trained so far, as a recording. UserError if no step has been trained yet."""
        return self.session.recording(self.title)

    def _save_replay(self) -> None:
        """Writes the replay beside the notebook, under a name that is free."""
        names = (Path(f"replay{number or ''}.html") for number in count())
        path = self.export(next(name for name in names if not name.exists()))
        self.session.news = f"Saved as {path.name} beside this notebook: it plays in any browser, without Python."

    def stop(self) -> None:
        """Ends the background training and waits until it has ended. What waits is carried out before."""
        self.worker.stop()
        self.session.carry_out()
        self.session.steps_left = 0
        self.painter.stop()

    def close(self) -> None:
        """Ends the threads, closes the view and releases the training."""
        if hasattr(self, "session"):
            self.worker.stop()
            self.session.drop_commands()
            self.stop()
            self.session.let_go()
            self.answers = {}
            del self.session, self.worker, self.painter, self.frames
        super().close()

    # threads

    def take(self, message: dict[str, Any]) -> None:
        """What a page asks for that is connected otherwise than by Jupyter."""
        self._receive(None, message, [])

    def _request(
        self, words: str, act: Callable[[], None], settings: Mapping[str, Any] | None = None, works: bool = True
    ) -> None:
        """Has the command carried out after all that was asked for before: by the worker, between two steps.

        works: starts the worker where it does not run; else the command is carried out in this thread then.
        """
        self.error, self.refused = None, ""
        self.session.request(Command(words, partial(self._refusing, act), settings or {}))
        if works:
            self._work()
        self.painter.refresh()

    def _refusing(self, act: Callable[[], None]) -> None:
        """A command that is refused does not hold up those behind it."""
        try:
            act()
        except UserError as mistake:
            self.refused = str(mistake)

    def _go(self, words: str, travel: Callable[[int], None], step: Any) -> None:
        self._request(f"{words} {int(step)}", partial(travel, int(step)))

    def _fork(self) -> None:
        self.session.branch(self.session.fork_step())

    def _work(self) -> None:
        stop_on_interrupt(self)
        self.worker.start()
        self.painter.start()

    def _ended(self) -> None:
        error = self.worker.error
        if isinstance(error, UserError):
            self.refuse(str(error))
        elif error is not None:
            self.fail(error)
        self.painter.wake()

    def refuse(self, message: str) -> None:
        self.refused = message
        self.painter.refresh()

    def fail(self, error: BaseException) -> None:
        """Shows the error in a red panel and writes it to the log."""
        self.error = error
        self.session.steps_left = 0
        self.session.trainer.record_event("error", f"{type(error).__name__}: {error}")
        self.painter.refresh()

    # drawing

    def _introduce(self) -> None:
        """Sends a new view all that it needs."""
        self.post("setup", *setup(self.session, self.title))
        self.frames.start_afresh()
        self.painter.refresh()

    def _draw(self) -> None:
        """Sends what is new since the last frame, and asks for detections by the newest weights."""
        if not self.worker.alive:
            self.session.carry_out()
        with self._drawing:
            try:
                frame = self.frames.next()
            except Exception as error:  # a frame that cannot be made must not stop the painter: it tells of it
                self.error, frame = self.error or error, {}
            self.post("frame", frame | {"status": self._status(), "refused": bool(self.refused)})
        self.session.probes.detection_wanted = True

    def _peek(self, step: int | None) -> None:
        """Shows the detections of an earlier step; of now if step is None."""
        found = self.session.probes.found if step is None else self.session.timeline.found_at(step)
        self.post("peek", {"found": found})

    def _status(self) -> dict[str, Any]:
        session = self.session
        message, tone = self._message()
        return {
            "state": self._state(),
            "step": session.step,
            "act": self.playing,
            "epoch": session.trainer.epoch,
            "speed": session.speed if self.worker.alive else 0.0,
            "message": message,
            "tone": tone,
            "rescue": f"Back to step {session.rescue_step}" if session.trouble else None,
        }

    def _state(self) -> str:
        if self.worker.alive:
            return "running" if self.session.steps_left else "pausing"
        if self.error is not None:
            return "failed"
        if self.session.trouble:
            return "rescued"
        return "paused" if self.session.step else "ready"

    def _message(self) -> tuple[str, str]:
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}", "error"
        if self.refused:
            return self.refused, "warn"
        return (self.session.trouble, "warn") if self.session.trouble else (self.session.news, "info")

    def static_image(self) -> bytes:
        # brings matplotlib, which takes half a second: only a widget that is shown needs it
        from teachkit.watch.cockpit.static_image import static_image_of

        return static_image_of(self.session)


def typed(name: str, value: Any) -> Any:
    """The value, as a number where it is typed text. UserError if the text is no number."""
    if name == "schedule" or not isinstance(value, str):
        return value
    try:
        return float(value.replace(",", "."))
    except ValueError:
        raise UserError(f"{name} must be a number such as 0.003, not {value!r}") from None
