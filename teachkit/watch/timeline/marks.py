"""A change of a setting or an incident, kept as data. It becomes text only where it is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# events of the trainer that mean trouble, and their words
ALARMS = {"spike": "spike", "plateau": "plateau", "diverged": "diverged", "skipped": "not finite"}


@dataclass(frozen=True)
class Mark:
    """What happened at a step.

    changes: setting → the value in force from this step on, such as {"lr": 0.01, "box": 3.0}; alarm: a name of ALARMS,
    or "" where nothing went wrong; cause: the changes that came last before an alarm; pending: the changes are asked
    for and not yet in force.
    """

    step: int
    changes: Mapping[str, float | str] = field(default_factory=dict)
    alarm: str = ""
    cause: Mapping[str, float | str] = field(default_factory=dict)
    pending: bool = False

    @property
    def label(self) -> str:
        """The few words of the mark on a curve: an alarm never stands without its cause."""
        cause = f": {in_words(self.cause)}" if self.cause else ""
        return f"{ALARMS[self.alarm]}{cause}" if self.alarm else in_words(self.changes)

    def for_page(self) -> dict[str, Any]:
        """What the page draws."""
        return {"step": self.step, "label": self.label, "alarm": bool(self.alarm), "pending": self.pending}


def changes_of(event: Mapping[str, Any]) -> dict[str, float | str]:
    """event: an event record of the trainer → the settings that it changes, by name; none for other events."""
    match event["what"]:
        case "lr" if event["schedule"] != "constant":
            return {"schedule": event["schedule"]}
        case "lr":
            return {"lr": event["lr"]}
        case "weights":
            return {name: value for name, value in event["weights"].items() if value != event["before"].get(name)}
        case "optimizer":
            return {"optimizer": event["optimizer"]}
    return {}


def word(name: str) -> str:
    """What a page calls a setting or a loss."""
    return {"lr": "rate", "cls": "class", "dfl": "DFL"}.get(name, name)


def in_words(changes: Mapping[str, float | str]) -> str:
    """Each setting with its new value. Small numbers are written as the page's sliders write them."""
    return ", ".join(
        f"{word(name)} {value if isinstance(value, str) else f'{value:.3g}'.replace('e-0', 'e-')}"
        for name, value in changes.items()
    )
