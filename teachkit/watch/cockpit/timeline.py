"""What a run has shown so far, in a bounded space: curves, marks, and what was found on the shown pictures."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from teachkit.structures import Detections
from teachkit.watch.cockpit.marks import Mark, controls_named

Rows = list[list[float]]  # x1, y1, x2, y2 px, label, score
Found = list[Rows]  # for each picture


def rows_of(found: Detections) -> Rows:
    """As the page is told: rounded to what can be seen."""
    rows = zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    return [[*(round(side, 1) for side in box), label, round(score, 2)] for box, score, label in rows]


class Curve:
    """Rows over steps, all with the same columns, the first of them `step`.

    Past `limit` rows every second pair of neighbours keeps its extremes only, so that a spike survives the thinning;
    `version` then changes, as it does whenever rows already handed out are no longer right.
    """

    def __init__(self, columns: Sequence[str], limit: int = 3000) -> None:
        self.columns, self.limit = tuple(columns), limit
        self.rows: list[tuple[float | None, ...]] = []
        self.version = 0

    def append(self, *row: float | None) -> None:
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

    def rows_before(self, step: int) -> list[tuple[float | None, ...]]:
        return [row for row in self.rows if row[0] is not None and row[0] < step]

    def since(self, start: int, stop: int | None = None) -> dict[str, list[float | None]]:
        """The columns of the rows from place `start` on."""
        rows = self.rows[start:stop]
        return {name: [row[place] for row in rows] for place, name in enumerate(self.columns)}


PARTS = {
    "steps": ("step", "total", "box", "cls", "dfl", "lr", "w_box", "w_cls", "w_dfl"),
    "shares": ("step", "box", "cls", "dfl"),
    "scores": ("step", "map50", "map"),
}


@dataclass
class Story:
    """One line of the tree of runs."""

    curves: dict[str, Curve] = field(default_factory=lambda: {name: Curve(columns) for name, columns in PARTS.items()})
    marks: list[Mark] = field(default_factory=list)
    looks: list[tuple[int, Found]] = field(default_factory=list)

    def mark(self, step: int, label: str, alarm: bool = False) -> None:
        """A control that is dragged makes a mark a step: of near ones of the same controls the last stays."""
        newest = self.marks[-1] if self.marks else None
        if newest and not alarm and controls_named(newest.label) == controls_named(label) and step - newest.step <= 5:
            self.marks = self.marks[:-1]
        self.marks = [*self.marks[-199:], Mark(step, label, alarm)]

    def look(self, step: int, found: Found) -> None:
        """Kept at most every fifth step, and thinned to every second past 400."""
        if not self.looks or step >= self.looks[-1][0] + 5:
            self.looks.append((step, found))
        if len(self.looks) > 400:
            self.looks = self.looks[::2]

    def found_at(self, step: int) -> Found | None:
        """The last look at or before the step."""
        place = bisect.bisect_right([one for one, _ in self.looks], step)
        return self.looks[place - 1][1] if place else None

    def until(self, step: int) -> "Story":
        """A copy that ends before the step."""
        copy = Story(
            marks=[mark for mark in self.marks if mark.step < step],
            looks=[look for look in self.looks if look[0] <= step],
        )
        for name, curve in self.curves.items():
            copy.curves[name].rows = curve.rows_before(step)
        return copy

    def whole(self) -> dict[str, Any]:
        return {name: curve.since(0) for name, curve in self.curves.items()}
