"""Random numbers that are the same on every machine and in every version of numpy."""

import numpy as np
from numpy.typing import NDArray


def raw_numbers(entropy: list[int], count: int) -> NDArray[np.uint64]:
    """[count] numbers of PCG64's raw stream, the part of numpy's random numbers that never changes."""
    return np.random.PCG64(np.random.SeedSequence(entropy)).random_raw(count)


def raw_bytes(raw: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """raw: [n] → [8 n], the same bytes on machines of either byte order."""
    return raw.astype("<u8", copy=False).view(np.uint8)


class Dice:
    """Random draws from raw 64-bit numbers, by multiplication only. Each draw uses one raw number."""

    def __init__(self, raw: NDArray[np.uint64]) -> None:
        self._numbers = iter(raw.tolist())

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * ((next(self._numbers) >> 11) / 2**53)

    def below(self, count: int) -> int:
        """A whole number in 0 … count − 1."""
        return (next(self._numbers) >> 32) * count >> 32

    def turn(self, widest: float) -> tuple[float, float]:
        """Cosine and sine of a random angle, from t = tan(angle / 2) in −widest … widest: exact, without a sine."""
        t = self.uniform(-widest, widest)
        return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
