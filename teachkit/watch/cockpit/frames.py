"""The messages to the front end: first how the cockpit is set up, then in each frame what is new."""

import math
from collections.abc import Sequence
from typing import Any

from teachkit.learn.schedule import SCHEDULES
from teachkit.watch.cockpit.acts import ACTS
from teachkit.watch.cockpit.presets import PRESETS
from teachkit.watch.cockpit.session import OWN, Command, Session
from teachkit.watch.figures.images import png
from teachkit.watch.timeline.marks import Mark, in_words
from teachkit.watch.timeline.timeline import Timeline

SLIDER_RATES = (1e-6, 10.0)
OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD, momentum", OWN: "as handed over"}


def setup(session: Session, title: str) -> tuple[dict[str, Any], list[bytes]]:
    """What the front end needs once, and a PNG of each picture."""
    truth = [session.pictures.ground_truth.image(index)[0].tolist() for index in range(len(session.pictures))]
    content = {
        "title": title,
        "classes": list(session.classes),
        "image_size": list(session.pictures.images.shape[-2:]),
        "truth": truth,
        "rates": SLIDER_RATES,
        "weights": session.usual_weights.as_dict(),
        "schedules": [[name, name.replace("_", " ")] for name in SCHEDULES],
        "optimizers": [[name, OPTIMIZERS[name]] for name in session.usual_rates],
        "presets": [[name, preset.hint] for name, preset in PRESETS.items()],
        "acts": [[key, act.name, act.question] for key, act in ACTS.items()],
        "beats": True,
    }
    return content, [png(image) for image in session.pictures.images]


class Frames:
    """Makes the frames. It remembers what it has sent, so that a frame carries only the difference."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._timeline: Timeline | None = None
        self._sent: dict[str, tuple[int, int]] = {}

    def start_afresh(self) -> None:
        """Makes the next frame a whole one, for a view that has just opened."""
        self._timeline = None

    def next(self) -> dict[str, Any]:
        session, pending, commands = self.session, self.session.pending(), self.session.waiting()
        marks = [Mark(session.step, {name: value}, pending=True) for name, value in pending.items()]
        asked = {name for command in commands for name in command.settings}
        return self._news() | {
            "marks": [mark.for_page() for mark in [*session.timeline.marks, *marks]],
            "controls": self._controls(commands),
            "waiting": [command.words for command in commands] or [in_words({name: pending[name]}) for name in pending],
            "asked": sorted({*asked, *pending}),
            "found": session.probes.found,
            "ghost_found": session.ghosts[-1].found_at(session.step) if session.ghosts else None,
            "angles": self._angles(),
        }

    def _news(self) -> dict[str, Any]:
        timeline = self.session.timeline  # the worker may put another in its place meanwhile
        state = {name: (curve.version, len(curve.rows)) for name, curve in timeline.curves.items()}
        whole = timeline is not self._timeline or any(state[name][0] != self._sent[name][0] for name in state)
        start = {name: 0 if whole else self._sent[name][1] for name in state}
        curves = timeline.curves.items()
        news: dict[str, Any] = {name: curve.since(start[name], state[name][1]) for name, curve in curves}
        self._timeline, self._sent = timeline, state
        if whole:
            news |= {"whole": True, "ghosts": [ghost.columns() for ghost in self.session.ghosts]}
        return news

    def _controls(self, commands: Sequence[Command] = ()) -> dict[str, Any]:
        """The controls as they will stand once the commands have been carried out."""
        session, control = self.session, self.session.trainer.control
        weights = control.weights.as_dict()
        lr = control.lr if control.lr is not None else session.trainer.optimizer.param_groups[0]["lr"]
        shown: dict[str, Any] = {"lr": lr, **weights, "schedule": control.schedule, "optimizer": session.optimizer}
        for command in commands:
            shown |= {name: value for name, value in command.settings.items() if value is not None}
        fits = (
            name
            for name, preset in PRESETS.items()
            if all(math.isclose(shown[key], value) for key, value in session.preset_settings(preset).items())
        )
        return {**shown, "preset": next(fits, None)}

    def _angles(self) -> list[int | None] | None:
        share = self.session.probes.share
        if share is None:
            return None
        return [round(angle) if math.isfinite(angle) else None for angle in share.angles().values()]
