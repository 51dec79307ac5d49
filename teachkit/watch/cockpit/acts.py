"""The acts of the live demo: what one key asks for, as the buttons would, and what the hall is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Act:
    """asks: messages of the front end, carried out in their order."""

    name: str
    question: str
    asks: Sequence[dict[str, Any]]


def _set(preset: str) -> dict[str, Any]:
    return {"kind": "preset", "name": preset}


# Of the cockpit that plays them. Augmentation would lift all losses from the fourth pass on, and nobody asked for it.
SETTING: dict[str, Any] = {"optimizer": "adamw", "seed": 0, "augment": False}

RESET, START, PAUSE = {"kind": "reset"}, {"kind": "start"}, {"kind": "pause"}

ACTS = {
    "0": Act("Attempt", "Is it broken, or only slow?", (RESET, _set("Too low"), START)),
    "g": Act("Good", "Only one number has changed.", (_set("Good"), START)),
    "1": Act("× 100", "A hundred times the rate: faster, the same, or worse?", (_set("Too high"), START)),
    "2": Act(
        "Two futures",
        "The same past, two futures. Why not start small?",
        (PAUSE, {"kind": "fork"}, {"kind": "set", "values": {"lr": 0.0007}}, START),
    ),
    "3": Act("The ruler", "Is it worse now?", (_set("All weights × 10"), START)),
    "4": Act("No box loss", "Nobody punishes the boxes. Will they move?", (RESET, _set("No box loss"), START)),
    "5": Act("Class only", "And when nobody punishes the edges either?", (RESET, _set("Class only"), START)),
    "6": Act("No class loss", "And without the class loss?", (RESET, _set("No class loss"), START)),
}
