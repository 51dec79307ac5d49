"""Rows of a label file to boxes in pixels: what cannot be an object of the picture is left out, and named."""

import torch
from torch import Tensor

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Contents, Entry, Row

ROUNDING = 0.01  # px: what six digits of a fraction leave undecided on a picture of 10,000 px
Box = tuple[float, float, float, float]


def objects_of(entry: Entry, contents: Contents, size: tuple[int, int]) -> tuple[Tensor, Tensor, list[Problem]]:
    """Boxes [n, 4] float32 xyxy px, labels [n] int64 and the problems. size: (height, width) px of the picture."""
    boxes: list[Box] = []
    labels: list[int] = []
    problems = list(entry.problems)
    first_line: dict[tuple[int, Box], int] = {}

    def report(row: Row, what: str) -> None:
        problems.append(Problem(str(entry.label_file), row.line, row.note + what))

    if entry.size is not None and entry.size != size:
        says, is_so = (f"{width} × {height}" for height, width in (entry.size, size))
        what = f"says the picture is {says} px, but it is {is_so}; boxes are taken as they stand"
        problems.append(Problem(str(entry.label_file), entry.size_line, what))
    for row in entry.rows:
        label = contents.labels.get(row.key)
        if label is None:
            report(row, f"class {row.key!r:.60} is none of {contents.valid:.200}; object left out")
            continue
        fault, box = _cut_to_picture(_in_pixels(row.box, size) if entry.fractions else row.box, size)
        if fault:
            report(row, fault)
        if box is None:
            continue
        if (label, box) in first_line:
            report(row, f"repeats the object of line {first_line[label, box]}; left out")
            continue
        first_line[label, box] = row.line
        boxes.append(box)
        labels.append(label)
    as_tensor = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return as_tensor, torch.tensor(labels, dtype=torch.int64), problems


def _in_pixels(box: Box, size: tuple[int, int]) -> Box:
    height, width = size
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _cut_to_picture(box: Box, size: tuple[int, int]) -> tuple[str, Box | None]:
    """What is wrong with the box, if anything, and what is left of it."""
    height, width = size
    x1, y1, x2, y2 = box
    if x2 - x1 < ROUNDING or y2 - y1 < ROUNDING:
        return f"box has no area: x {x1:g} to {x2:g}, y {y1:g} to {y2:g}; object left out", None
    cut = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    over = max(-x1, -y1, x2 - width, y2 - height)
    if over <= ROUNDING:
        return "", cut
    where = f"the {width} × {height} px picture: x {x1:g} to {x2:g}, y {y1:g} to {y2:g}"
    if cut[2] - cut[0] < ROUNDING or cut[3] - cut[1] < ROUNDING:
        return f"box lies outside {where}; object left out", None
    return f"box reaches outside {where}; cut to it", cut
