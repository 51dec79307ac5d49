"""The exact box about what is none: a COCO segmentation, polygons or a mask as runs, and a box with an angle.

cocodataset.org, "Data format".
"""

import math
from itertools import accumulate
from typing import Any

from teachkit.feed.formats.text import number

TURNED = "boxes with an angle"
Box = tuple[float, float, float, float]


def box_of(segmentation: Any) -> Box | None:
    """xyxy px, or None where it is no segmentation, or an empty one."""
    if isinstance(segmentation, list):
        return _about_polygons(segmentation)
    if isinstance(segmentation, dict):
        return _about_mask(segmentation.get("counts"), segmentation.get("size"))
    return None


def around_turned(cx: float, cy: float, width: float, height: float, radians: float) -> Box:
    """The box about one that is turned about its centre."""
    cos, sin = abs(math.cos(radians)), abs(math.sin(radians))
    half_width, half_height = (width * cos + height * sin) / 2, (width * sin + height * cos) / 2
    return cx - half_width, cy - half_height, cx + half_width, cy + half_height


def turned_on(box: Box, degrees: float | None) -> tuple[Box, str]:
    """The box about an upright one that its attribute turns, as CVAT writes it, and what it was made from."""
    if not degrees or not math.remainder(degrees, 180):
        return box, ""
    x1, y1, x2, y2 = box
    return around_turned((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, math.radians(degrees)), TURNED


def _about_polygons(polygons: list[Any]) -> Box | None:
    """Each polygon is x, y, x, y … of three corners or more."""
    numbers = [number(value) for one in polygons if isinstance(one, list) for value in one]
    if not numbers or any(value is None for value in numbers) or any(len(one) < 6 or len(one) % 2 for one in polygons):
        return None
    xs, ys = [value or 0.0 for value in numbers[::2]], [value or 0.0 for value in numbers[1::2]]
    return min(xs), min(ys), max(xs), max(ys)


def _about_mask(counts: Any, size: Any) -> Box | None:
    """counts: lengths of the runs of 0, 1, 0, 1 … down the columns; size: [height, width] px."""
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and run >= 0 for run in runs):
        return None
    if not isinstance(size, list) or len(size) != 2 or not isinstance(size[0], int) or size[0] < 1:
        return None
    height, ends = size[0], list(accumulate(runs))
    inside = [(end - run, end - 1) for run, end in zip(runs[1::2], ends[1::2], strict=True) if run]  # first, last
    if not inside:
        return None
    over_an_edge = any(first // height != last // height for first, last in inside)
    top = 0 if over_an_edge else min(first % height for first, _ in inside)
    bottom = height if over_an_edge else max(last % height for _, last in inside) + 1
    return float(inside[0][0] // height), float(top), float(inside[-1][1] // height + 1), float(bottom)


def _unpacked(text: str) -> list[int] | None:
    """COCO's own packing: five bits a sign from "0" on, the sixth says that more come, from the third run on the
    difference to the run before the last."""
    runs: list[int] = []
    value = shift = 0
    for code in (ord(sign) - 48 for sign in text):
        if not 0 <= code < 64:
            return None
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            if shift > 40:  # more than any picture's pixels
                return None
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    return runs
