"""What the front end is told: once how the cockpit is made up, then frame by frame what is new."""

import math
from typing import Any

from teachkit.learn.schedule import SCHEDULES
from teachkit.watch.cockpit.marks import Mark, labelled
from teachkit.watch.cockpit.presets import PRESETS
from teachkit.watch.cockpit.session import OWN, Lab
from teachkit.watch.cockpit.timeline import Story
from teachkit.watch.figures.images import png

SLIDER_RATES = (1e-6, 10.0)
OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD, momentum", OWN: "as handed over"}


def setup(lab: Lab, title: str) -> tuple[dict[str, Any], list[bytes]]:
    """The make-up, and a PNG of each picture."""
    truth = [lab.pictures.ground_truth.image(index)[0].tolist() for index in range(len(lab.pictures))]
    content = {
        "title": title,
        "classes": list(lab.classes),
        "image_size": list(lab.pictures.images.shape[-2:]),
        "truth": truth,
        "rates": SLIDER_RATES,
        "weights": lab.usual_weights.as_dict(),
        "schedules": [[name, name.replace("_", " ")] for name in SCHEDULES],
        "optimizers": [[name, OPTIMIZERS[name]] for name in lab.usual_rates],
        "presets": [[name, preset.hint] for name, preset in PRESETS.items()],
    }
    return content, [png(image) for image in lab.pictures.images]


class Frames:
    """Remembers what has been sent, so that a frame carries the difference only."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._story: Story | None = None
        self._sent: dict[str, tuple[int, int]] = {}

    def start_afresh(self) -> None:
        """The next frame is a whole one: a new view knows nothing."""
        self._story = None

    def next(self) -> dict[str, Any]:
        lab = self.lab
        return self._news() | {
            "marks": [vars(mark) for mark in [*lab.story.marks, *self._pending()]],
            "controls": self._controls(),
            "found": lab.gauges.found,
            "ghost_found": lab.ghosts[-1].found_at(lab.step) if lab.ghosts else None,
            "angles": self._angles(),
        }

    def _news(self) -> dict[str, Any]:
        story = self.lab.story  # the worker may put another in its place meanwhile
        state = {name: (curve.version, len(curve.rows)) for name, curve in story.curves.items()}
        whole = story is not self._story or any(state[name][0] != self._sent[name][0] for name in state)
        start = {name: 0 if whole else self._sent[name][1] for name in state}
        news: dict[str, Any] = {name: curve.since(start[name], state[name][1]) for name, curve in story.curves.items()}
        self._story, self._sent = story, state
        if whole:
            news |= {"whole": True, "ghosts": [ghost.whole() for ghost in self.lab.ghosts]}
        return news

    def _pending(self) -> list[Mark]:
        """Asked for and not yet in force: the trainer takes it over before its next step."""
        return [Mark(self.lab.step, labelled(name, value), pending=True) for name, value in self.lab.waiting().items()]

    def _controls(self) -> dict[str, Any]:
        lab, control = self.lab, self.lab.trainer.control
        weights = control.weights.as_dict()
        lr = control.lr if control.lr is not None else lab.trainer.optimizer.param_groups[0]["lr"]
        in_force = {"lr": lr, **weights}
        fits = (
            name
            for name, preset in PRESETS.items()
            if all(math.isclose(in_force[key], value) for key, value in lab.preset_settings(preset).items())
        )
        return {**in_force, "schedule": control.schedule, "optimizer": lab.optimizer, "preset": next(fits, None)}

    def _angles(self) -> list[int | None] | None:
        share = self.lab.gauges.share
        if share is None:
            return None
        return [round(angle) if math.isfinite(angle) else None for angle in share.angles().values()]
