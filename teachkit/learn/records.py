"""What a run tells of itself: plain dicts, one after the other, for the log and for whoever draws."""

import warnings
from collections.abc import Callable
from typing import Any

from teachkit.learn.resources import process_seconds

Record = dict[str, Any]

# events that somebody must hear of, even where nobody records
GRAVE = ("skipped", "diverged", "out_of_memory", "unsaved")


class Recorder:
    """Hands records to `on_record`, each with the seconds since the process began."""

    def __init__(self, on_record: Callable[[Record], None] | None) -> None:
        self.on_record = on_record

    def emit(self, kind: str, **values: Any) -> Record:
        record = {"kind": kind, **values, "seconds": round(process_seconds(), 3)}
        if self.on_record is not None:
            self.on_record(record)
        return record

    def event(self, step: int, what: str, message: str, **details: Any) -> None:
        """step: at which it is in force, or happened; message: one sentence for a person."""
        self.emit("event", step=step, what=what, **details, message=message)
        if self.on_record is None and what in GRAVE:
            warnings.warn(message, stacklevel=2)
