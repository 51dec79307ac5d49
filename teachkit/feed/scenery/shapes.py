"""Shapes and how they are painted: an outline by signed distance, a bevel, light from the upper left, a shadow.

As in textures.py, the arithmetic gives the same bytes on every machine.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from teachkit.feed.scenery.dice import Dice
from teachkit.feed.scenery.textures import Floats

PAINTS = (  # RGB; any class may have any of them
    (236, 94, 80),
    (246, 156, 60),
    (252, 212, 84),
    (134, 198, 92),
    (52, 178, 160),
    (72, 156, 226),
    (104, 106, 214),
    (186, 102, 196),
    (240, 142, 170),
    (244, 238, 226),
)
Vectors = tuple[tuple[float, float], ...]
HALF_ROOT = 0.70710678
UP_THREE: Vectors = ((0.0, -1.0), (0.8660254, 0.5), (-0.8660254, 0.5))  # unit vectors, y downwards
UP_FIVE: Vectors = (
    (0.0, -1.0),
    (0.95105652, -0.30901699),
    (0.58778525, 0.80901699),
    (-0.58778525, 0.80901699),
    (-0.95105652, -0.30901699),
)
# Corners on the unit circle, normals of the faces, and the distance of the faces from the centre.
POLYGONS: dict[str, tuple[Vectors, Vectors, float]] = {
    "square": (
        ((HALF_ROOT, HALF_ROOT), (-HALF_ROOT, HALF_ROOT), (-HALF_ROOT, -HALF_ROOT), (HALF_ROOT, -HALF_ROOT)),
        ((1, 0), (0, 1), (-1, 0), (0, -1)),
        HALF_ROOT,
    ),
    "triangle": (UP_THREE, tuple((-x, -y) for x, y in UP_THREE), 0.5),
    "star": (UP_FIVE, UP_FIVE, 0.30901699),  # five tips on the faces of a pentagon
}
# The share of the way from outline to centre on which a shape rises: tiles are flat, balls are round.
BEVELS = {"ball": 1.0, "square": 0.2, "triangle": 0.4, "star": 1.0}


@dataclass
class Shape:
    """A drawn silhouette, not yet placed.

    inside: [h, w] bool, cropped tightly; distance: [h + 2 margin, w + 2 margin] px to the outline, < 0 inside;
    height: of the same shape, 0 at the outline … 1 where it is flat.
    """

    inside: NDArray[np.bool_]
    distance: Floats
    height: Floats
    margin: int


def _turned(vectors: Vectors, turn: tuple[float, float]) -> Vectors:
    cosine, sine = turn
    return tuple((cosine * x - sine * y, sine * x + cosine * y) for x, y in vectors)


def _unit_box(kind: str, turn: tuple[float, float]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the turned unit shape."""
    if kind == "ball":
        return -1.0, -1.0, 1.0, 1.0
    xs, ys = zip(*_turned(POLYGONS[kind][0], turn), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _unit_distance(kind: str, x: Floats, y: Floats, turn: tuple[float, float]) -> tuple[Floats, float]:
    """Signed distance [h, w] to the outline of the turned unit shape, and depth of its centre. x: [w], y: [h, 1]."""
    if kind == "ball":
        return (x * x + y * y - np.float32(1)) * np.float32(0.5), 0.5  # correct near the outline, and a dome inside
    _, normals, depth = POLYGONS[kind]
    faces = [x * np.float32(normal_x) + y * np.float32(normal_y) for normal_x, normal_y in _turned(normals, turn)]
    most = np.maximum(faces[0], faces[1])
    second = np.minimum(faces[0], faces[1])
    for face in faces[2:]:
        np.maximum(second, np.minimum(most, face), out=second)
        np.maximum(most, face, out=most)
    # A point of a star lies outside at most one of its five lines: the second largest distance decides.
    return (second if kind == "star" else most) - np.float32(depth), depth


def shape(kind: str, width: float, height: float, turn: tuple[float, float], margin: int) -> Shape:
    """A shape, turned and then stretched to width × height px. turn: cosine and sine; margin: px around it."""
    left, top, right, bottom = _unit_box(kind, turn)
    scale_x, scale_y = (right - left) / width, (bottom - top) / height
    x = _pixel_centres(width, margin) * np.float32(scale_x) + np.float32((left + right) / 2)
    y = _pixel_centres(height, margin) * np.float32(scale_y) + np.float32((top + bottom) / 2)
    distance, depth = _unit_distance(kind, x, y[:, None], turn)
    inside = distance <= 0
    rows, columns = _filled(np.any(inside, axis=1)), _filled(np.any(inside, axis=0))
    distance = distance[_wider(rows, margin), _wider(columns, margin)]
    rise = np.clip(distance * np.float32(-1 / (depth * BEVELS[kind])), 0, 1)
    return Shape(inside[rows, columns], distance * np.float32(2 / (scale_x + scale_y)), rise, margin)


def _pixel_centres(length: float, margin: int) -> Floats:
    """Positions of the pixels along a side and its margins, in px from its middle."""
    count = int(length + 0.5) + 2 * margin
    return np.arange(count, dtype=np.float32) - np.float32((count - 1) / 2)


def _filled(flags: NDArray[np.bool_]) -> slice:
    """The slice from the first True to the last."""
    places = flags.nonzero()[0]
    return slice(int(places[0]), int(places[-1]) + 1)


def _wider(span: slice, margin: int) -> slice:
    return slice(span.start - margin, span.stop + margin)


def _light(height: Floats) -> Floats:
    """The light that each pixel reflects, about 0.3 … 1.6. height: [h, w], as in Shape → [h, w]."""
    rows, columns = height.shape
    light = height * np.float32(0.3)
    slope = (height[2:, 2:] - height[:-2, :-2]) * np.float32(0.05 * min(rows, columns))
    light[1:-1, 1:-1] += np.clip(slope, -0.45, 0.45, out=slope)  # a slope that rises to the lower right faces the light
    light += (np.float32(0.86) - np.arange(rows, dtype=np.float32) * np.float32(0.26 / rows))[:, None]
    return light


def paint(canvas: Floats, form: Shape, x: int, y: int, colour: Floats, unit: float) -> None:
    """Paints a shape and its shadow. x, y: upper left px of the shape; colour: [3] in 0–1; unit: px of a fine line."""
    rows, columns = form.distance.shape
    top, left, drop = y - form.margin, x - form.margin, int(2 * unit + 0.5)
    under = canvas[:, top + drop : top + drop + rows, left + drop : left + drop + columns]
    under *= np.clip(form.distance * np.float32(0.075 / unit) + np.float32(0.75), 0.58, 1)
    cover = np.clip(np.float32(0.5) - form.distance, 0, 1)
    area = canvas[:, top : top + rows, left : left + columns]
    tinted = colour[:, None, None] * _light(form.height)
    tinted -= area
    tinted *= cover
    area += tinted


@lru_cache
def _bar(length: int, tilt: int, unit: float) -> Floats:
    """The share of each pixel that a thin bar covers, [n, n] in 0–1. length: 0 … 3, 0: a dot; tilt: −6 … 6."""
    half_length, half_width, t = (2 + 2.5 * length) * unit, (0.7 + 0.2 * (tilt % 3)) * unit, tilt / 6
    cosine, sine = np.float32((1 - t * t) / (1 + t * t)), np.float32(2 * t / (1 + t * t))
    reach = int(half_length) + 2
    span = np.arange(-reach, reach + 1, dtype=np.float32)
    along = abs(span * cosine + (span * sine)[:, None]) - np.float32(half_length)
    aside = abs(span * -sine + (span * cosine)[:, None]) - np.float32(half_width)
    return np.clip(np.float32(0.5) - np.maximum(along, aside), 0, 1)


def scrap(canvas: Floats, dice: Dice, unit: float) -> None:
    """Paints a dot or a thin bar at a random place: clutter of no class."""
    cover = _bar(dice.below(4), dice.below(13) - 6, unit)
    colour = np.array(PAINTS[dice.below(len(PAINTS))], np.float32) * np.float32(dice.uniform(0.4, 0.9) / 255)
    room = canvas.shape[1] - len(cover) + 1
    x, y = dice.below(room), dice.below(room)
    area = canvas[:, y : y + len(cover), x : x + len(cover)]
    area += (colour[:, None, None] - area) * cover
