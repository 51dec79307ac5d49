"""The few words that name a change or an incident on a curve."""

from dataclasses import dataclass
from typing import Any

# events of the trainer that mean trouble, and their words
ALARMS = {"spike": "spike", "plateau": "plateau", "diverged": "diverged", "skipped": "not finite"}


@dataclass
class Mark:
    """A change or an incident at a step. alarm: something went wrong; pending: asked for, not yet in force."""

    step: int
    label: str
    alarm: bool = False
    pending: bool = False


def word(name: str) -> str:
    """What a control or a loss is called on a page."""
    return {"lr": "rate", "cls": "class", "dfl": "DFL"}.get(name, name)


def labelled(name: str, value: float | str) -> str:
    """The few words of a mark on a curve, its first one the control's name."""
    told = value if isinstance(value, str) else f"{value:.3g}".replace("e-0", "e-")  # as the page writes numbers
    return f"{word(name)} {told}"


def controls_named(label: str) -> list[str]:
    """The first word of each change in a mark."""
    return [one.split()[0] for one in label.split(", ")]


def changes_told(record: dict[str, Any]) -> list[str]:
    """The words of a mark for an event of the trainer; none if no setting has changed."""
    match record["what"]:
        case "lr" if record["schedule"] != "constant":
            return [labelled("schedule", record["schedule"])]
        case "lr":
            return [labelled("lr", record["lr"])]
        case "weights":
            before = record["before"]
            return [labelled(name, value) for name, value in record["weights"].items() if value != before[name]]
        case "optimizer":
            return [labelled("optimizer", record["optimizer"])]
    return []
