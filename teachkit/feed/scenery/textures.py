"""The textured ground under the objects, and the sensor noise over the image.

Pictures are [3, h, w] float32 RGB in 0–1. Only + − × ÷, comparisons and truncation, element by element and in a fixed
order, so that every machine draws the same bytes: no sine, no square root, no sum in an order chosen by a library.
"""

import numpy as np
from numpy.typing import NDArray

from teachkit.feed.scenery.dice import Dice

Floats = NDArray[np.float32]

GROUNDS = (  # dark and light tone of each ground, RGB
    ((30, 46, 62), (74, 104, 120)),
    ((58, 44, 66), (122, 98, 126)),
    ((44, 62, 52), (112, 134, 104)),
    ((98, 72, 52), (168, 132, 96)),
    ((84, 90, 98), (146, 152, 156)),
    ((152, 138, 118), (214, 202, 180)),
    ((126, 148, 158), (196, 210, 212)),
    ((40, 40, 46), (88, 86, 92)),
)
OCTAVES = 4  # of a cloud


def _twice_as_fine(grid: Floats) -> Floats:
    """[m, n] → [2 m − 1, 2 n − 1]: new points are the means of their neighbours."""
    rows = np.empty((2 * len(grid) - 1, grid.shape[1]), np.float32)
    rows[::2] = grid
    rows[1::2] = (grid[1:] + grid[:-1]) * np.float32(0.5)
    fine = np.empty((len(rows), 2 * grid.shape[1] - 1), np.float32)
    fine[:, ::2] = rows
    fine[:, 1::2] = (rows[:, 1:] + rows[:, :-1]) * np.float32(0.5)
    return fine


def _cells(size: int) -> int:
    """The number of cells, 16 px each, along the coarsest lattice of a cloud. size: px."""
    return (size + 14) // 2**OCTAVES


def _cloud(noise: NDArray[np.uint8], size: int) -> Floats:
    """Fractal noise: OCTAVES lattices, each twice as fine and about half as strong. → [size, size], about −1 … 1."""
    points = _cells(size) + 1
    strength, grid = 1.0 / 255, np.zeros((points, points), np.float32)
    for octave in range(OCTAVES):
        if octave:
            grid = _twice_as_fine(grid)
        lattice, noise = noise[: grid.size], noise[grid.size :]
        grid += (lattice.reshape(grid.shape).astype(np.float32) - np.float32(127.5)) * np.float32(strength)
        strength *= 0.55
    return _twice_as_fine(grid)[:size, :size]


def _wave(phase: Floats) -> Floats:
    """A triangle wave of period 1, in 0–1, from truncation alone. phase: ≥ 0."""
    return abs((phase - phase.astype(np.int32)) * np.float32(2) - np.float32(1))


def _texture(dice: Dice, noise: NDArray[np.uint8], size: int) -> Floats:
    """Plaster, wood, marble or weave: bands that may cross and that clouds bend. → [size, size] around 0."""
    across = np.arange(size, dtype=np.float32) / np.float32(size)
    cosine, sine = dice.turn(1.0)
    bands, bend, weft, grain = dice.uniform(2, 12), dice.uniform(0.1, 1.2), dice.below(2), dice.uniform(0.1, 0.6)
    clouds = _cloud(noise, size)
    bent = clouds * np.float32(bend) + np.float32(40)  # + 40 periods: the phase stays positive
    texture = _wave(bent + across * np.float32(cosine * bands) + (across * np.float32(sine * bands))[:, None])
    if weft:
        texture *= _wave(bent + across * np.float32(-sine * bands) + (across * np.float32(cosine * bands))[:, None])
    return clouds * np.float32(0.35) + (texture - np.float32(0.5)) * np.float32(grain)


def ground(dice: Dice, noise: NDArray[np.uint8], size: int, contrast: float) -> Floats:
    """A lit, textured ground [3, size, size]. noise: `ground_bytes(size)` bytes; size: px, even; contrast: 0–1."""
    dark, light = np.array(GROUNDS[dice.below(len(GROUNDS))], np.float32)[:, :, None, None] / np.float32(255)
    mix = _texture(dice, noise, size // 2 + 1)  # computed at every second pixel, since it is soft
    mix = np.float32(dice.uniform(0.35, 0.65)) + mix * np.float32(contrast)
    canvas = (light - dark) * _twice_as_fine(mix)[:size, :size]
    canvas += dark
    slope = np.arange(size, dtype=np.float32) * np.float32(0.14 / size)
    canvas *= np.float32(1.12) - slope - slope[:, None]  # light falls in from the upper left
    return canvas


def ground_bytes(size: int) -> int:
    """The number of random bytes that `ground` uses. size: px."""
    cells = _cells(size // 2 + 1)
    return sum((cells * 2**octave + 1) ** 2 for octave in range(OCTAVES))


def expose(canvas: Floats, noise: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    """Adds sensor noise, triangular with standard deviation `amount`. noise: 2 bytes for each value → uint8."""
    grain = noise[: canvas.size].astype(np.int16)
    grain -= noise[canvas.size : 2 * canvas.size]
    exposed = grain.astype(np.float32).reshape(canvas.shape)
    exposed *= np.float32(amount * 255 / 104.5)  # the difference of two even bytes has a standard deviation of 104.5
    exposed += np.float32(0.5)
    exposed += canvas * np.float32(255)
    return np.clip(exposed, 0, 255, out=exposed).astype(np.uint8)
