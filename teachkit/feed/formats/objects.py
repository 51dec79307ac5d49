"""Rows of a label file to boxes in pixels: what cannot be an object of the picture is left out, and named."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Contents, Entry, Row

ROUNDING = 0.01  # px: what six digits of a fraction leave undecided on a picture of 10,000 px
FRACTIONS_END = 2.0  # in sides of the picture: a corner beyond is hardly a fraction, and a box of pixels ends beyond it
Box = tuple[float, float, float, float]


@dataclass
class Found:
    """What an entry holds. boxes: [n, 4] float32 xyxy px; labels: [n] int64; difficult: the same of these objects.

    size: (height, width) px of the picture; turned: the boxes were drawn on it as it lies in its file.
    """

    boxes: Tensor
    labels: Tensor
    difficult: tuple[Tensor, Tensor]
    problems: list[Problem] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    turned: bool = False


def objects_of(entry: Entry, contents: Contents, size: tuple[int, int], orientation: int = 1) -> Found:
    """size: (height, width) px of the upright picture; orientation: EXIF's, where the label file's size lies down."""
    kept: dict[bool, dict[tuple[int, Box], int]] = {False: {}, True: {}}  # difficult → label, box → line
    problems = list(entry.problems)

    def report(row: Row, what: str) -> None:
        problems.append(Problem(str(entry.label_file), row.line, row.note + what))

    turned = orientation > 4
    if entry.size is not None and entry.size != size and not turned:
        says, is_so = (f"{width} × {height}" for height, width in (entry.size, size))
        what = f"says the picture is {says} px, but it is {is_so}; boxes are taken as they stand"
        problems.append(Problem(str(entry.label_file), entry.size_line, what))
    for row in entry.rows:
        label = contents.labels.get(row.key)
        if label is None:
            report(row, f"class {row.key!r:.60} is none of {contents.valid:.200}; object left out")
            continue
        box = _in_pixels(row.box, size) if entry.fractions else row.box
        fault, cut = _cut_to_picture(_turned(box, size, orientation) if turned else box, size)
        if fault:
            pixels = cut is None and entry.fractions and max(row.box) > FRACTIONS_END
            report(row, fault + (": are these pixels, not fractions?" if pixels else ""))
        if cut is None:
            continue
        earlier = next((lines[label, cut] for lines in kept.values() if (label, cut) in lines), None)
        if earlier is None:
            kept[row.difficult][label, cut] = row.line
        else:
            report(row, f"repeats the object of line {earlier}; left out")
    return Found(*_tensors(kept[False]), _tensors(kept[True]), problems, size, turned)


def _tensors(kept: dict[tuple[int, Box], int]) -> tuple[Tensor, Tensor]:
    boxes = torch.tensor([box for _, box in kept], dtype=torch.float32).reshape(-1, 4)
    return boxes, torch.tensor([label for label, _ in kept], dtype=torch.int64)


def _in_pixels(box: Box, size: tuple[int, int]) -> Box:
    height, width = size
    return box[0] * width, box[1] * height, box[2] * width, box[3] * height


def _turned(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """From the picture as it lies in its file, on its side, to the upright one of this size. EXIF's 5 … 8."""
    height, width = size
    y1, x1, y2, x2 = box  # of the picture laid over its diagonal
    if orientation in (6, 7):
        x1, x2 = width - x2, width - x1
    if orientation in (7, 8):
        y1, y2 = height - y2, height - y1
    return x1, y1, x2, y2


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
