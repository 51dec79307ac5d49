"""One YOLO label file: a line `class cx cy width height` for each object, in fractions of the sides.

A line of more numbers, class x y x y …, is a polygon or the corners of an oriented box: its enclosing box is taken.
"""

from collections.abc import Sequence
from pathlib import Path

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Entry, Row
from teachkit.feed.formats.text import TextError, number, read_text

CORNERS = {4: "oriented boxes or polygons of four corners"}


def read_labels(label_file: Path, picture: Path, keypoints: int = 0) -> Entry:
    """The rows of one file; lines that cannot be read go into .problems. An empty file is a picture without objects.

    keypoints: numbers behind the box that are passed over.
    """
    entry = Entry(picture, label_file, fractions=True)
    try:
        lines = read_text(label_file).split("\n")
    except TextError as error:
        entry.readable = False
        entry.problems = [Problem(str(label_file), 1, f"{error.reason}; picture left out")]
        return entry
    for place, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        numbers = [value for word in words[1:] if (value := number(word)) is not None]
        made_from = ""
        if len(numbers) != len(words) - 1:
            box = None
        elif len(numbers) in (4, 4 + keypoints):
            cx, cy, width, height = numbers[:4]
            box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        else:
            box, made_from = _about(numbers), CORNERS.get(len(numbers) // 2, "polygons")
        if box is None:
            what = f"{line.strip()[:80]!r} is not five numbers, class cx cy width height; line left out"
            entry.problems.append(Problem(str(label_file), place, what))
        else:
            entry.rows.append(Row(place, _key(words[0]), box, made_from=made_from))
    return entry


def _about(numbers: Sequence[float]) -> tuple[float, float, float, float] | None:
    """The box about three corners or more."""
    if len(numbers) < 6 or len(numbers) % 2:
        return None
    xs, ys = numbers[::2], numbers[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _key(word: str) -> int | str:
    """2 and 2.0 are class 2; anything else stays a text, and so is none of the classes."""
    value = number(word)
    return int(value) if value is not None and value.is_integer() else word
