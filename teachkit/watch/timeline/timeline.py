"""What a run has shown so far, in a bounded space: curves, marks, and what was found on the shown images."""

import bisect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from teachkit.structures import LOSS_NAMES, Detections
from teachkit.watch.timeline.marks import ALARMS, Mark, changes_of

Rows = list[list[float]]  # x1, y1, x2, y2 px, label, score
Found = list[Rows]  # for each image

PARTS = {
    "steps": ("step", "total", "box", "cls", "dfl", "lr", "w_box", "w_cls", "w_dfl"),
    "shares": ("step", "box", "cls", "dfl"),
    "scores": ("step", "map50", "map"),
}
LIMIT = 3000  # rows of a curve
NEAR = 5  # steps: marks of the same settings that are nearer to each other become one
CAUSES = 100  # steps from a change to what it may have caused


def rows_of(found: Detections) -> Rows:
    """found: of one image → a row for each box, rounded to what can be seen."""
    rows = zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    return [[*(round(side, 1) for side in box), label, round(score, 2)] for box, score, label in rows]


def finite(record: Mapping[str, Any], name: str) -> float | None:
    """A number of a record; None where it is missing, NaN or infinite."""
    value = record.get(name)
    return None if value is None or not math.isfinite(value) else value


class Curve:
    """Rows over steps. All have the same columns, the first of them `step`.

    Beyond `limit` rows every second pair of neighbours keeps its extremes only, so that a spike survives the thinning.
    `version` then changes, as it does whenever rows already handed out are no longer right.
    """

    def __init__(self, columns: Sequence[str], limit: int = LIMIT) -> None:
        self.columns, self.limit = tuple(columns), limit
        self.rows: list[tuple[float | None, ...]] = []
        self.version = 0

    def append(self, *row: float | None) -> None:
        """Adds a row. Its first value is the step, not less than that of the last row."""
        self.rows.append(row)
        if len(self.rows) > self.limit:
            self.rows = self._thinned()
            self.version += 1

    def _thinned(self) -> list[tuple[float | None, ...]]:
        """Of four neighbours the highest and the lowest in the second column stay."""
        kept = []
        for start in range(0, len(self.rows), 4):
            four = sorted(self.rows[start : start + 4], key=lambda row: math.inf if row[1] is None else row[1])
            kept += sorted({four[0], four[-1]}, key=lambda row: row[0] or 0)
        return kept

    def since(self, start: int, stop: int | None = None) -> dict[str, list[float | None]]:
        """The columns of the rows from place `start` on."""
        rows = self.rows[start:stop]
        return {name: [row[place] for row in rows] for place, name in enumerate(self.columns)}


class Timeline:
    """One branch of a training: its curves, its marks, and its detections.

    limit: rows of each curve before it is thinned. detections: (step, what was found on each shown image), in order.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.curves = {name: Curve(columns, limit) for name, columns in PARTS.items()}
        self.marks: list[Mark] = []
        self.detections: list[tuple[int, Found]] = []
        self._changes: dict[str, float | str] = {}  # of settings, for a mark at the step to come

    def take(self, record: Mapping[str, Any]) -> Mark | None:
        """Adds a step or an event of a trainer → the mark that it makes, if any. Other records add nothing.

        A changed setting is marked at the first step that it is in force for.
        """
        if record["kind"] == "step":
            self._take_step(record)
            if self._changes:
                changes, self._changes = self._changes, {}
                return self.mark(record["step"], changes)
        elif record["kind"] == "event":
            self._changes |= changes_of(record)
            if record["what"] in ALARMS:
                return self.mark(record["step"], alarm=record["what"])
            if record["what"] == "validated":
                self.curves["scores"].append(record["step"], finite(record, "map50"), finite(record, "map"))
        return None

    def _take_step(self, record: Mapping[str, Any]) -> None:
        numbers = [finite(record, name) for name in ("total", *LOSS_NAMES, "lr")]
        weights = [record.get("weights", {}).get(name) for name in LOSS_NAMES]
        self.curves["steps"].append(record["step"], *numbers, *weights)

    def mark(self, step: int, changes: Mapping[str, float | str] | None = None, alarm: str = "") -> Mark:
        """A setting that is dragged makes a mark at every step: of near ones of the same settings the last stays."""
        mark = Mark(step, changes or {}, alarm, self._cause(step) if alarm else {})
        newest = self.marks[-1] if self.marks else None
        if newest and not alarm and newest.changes.keys() == mark.changes.keys() and step - newest.step <= NEAR:
            self.marks = self.marks[:-1]
        self.marks = [*self.marks[-199:], mark]
        return mark

    def _cause(self, step: int) -> Mapping[str, float | str]:
        """The last change of a setting before the step, if it is near enough."""
        near = [mark.changes for mark in self.marks if not mark.alarm and step - CAUSES <= mark.step <= step]
        return near[-1] if near else {}

    def keep_detections(self, step: int, found: Found) -> None:
        """Kept at most every fifth step, and thinned to every second beyond 400."""
        if not self.detections or step >= self.detections[-1][0] + 5:
            self.detections.append((step, found))
        if len(self.detections) > 400:
            self.detections = self.detections[::2]

    def found_at(self, step: int) -> Found | None:
        """The last detections at or before the step."""
        place = bisect.bisect_right([when for when, _ in self.detections], step)
        return self.detections[place - 1][1] if place else None

    def until(self, step: int) -> "Timeline":
        """A copy that ends before the step: what was found, and how it scored, between it and the last one stays."""
        copy = self.copy()
        copy.marks = [mark for mark in self.marks if mark.step < step]
        copy.detections = [(when, found) for when, found in self.detections if when <= step]
        for name, curve in copy.curves.items():
            last = step if name == "scores" else step - 1
            curve.rows = [row for row in curve.rows if row[0] is not None and row[0] <= last]
        return copy

    def copy(self) -> "Timeline":
        """With rows and marks of its own, so that it stays as it is while the training goes on."""
        copy = Timeline(self.limit)
        copy.marks, copy.detections = list(self.marks), list(self.detections)
        for name, curve in self.curves.items():
            copy.curves[name].rows = list(curve.rows)
        return copy

    def columns(self) -> dict[str, dict[str, list[float | None]]]:
        """The columns of every curve, whole."""
        return {name: curve.since(0) for name, curve in self.curves.items()}
