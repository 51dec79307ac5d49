"""Files that may be anybody's: bounded before they are read or unpacked, and checked for types before they are used."""

import io
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from teachkit.errors import LARGEST_WHOLE, UserError
from teachkit.feed.detector import MOST_CHANNELS

LARGEST_FILE = 2 * 10**9  # bytes of a state
MOST_VALUES, DEEPEST = 10**6, 50  # of a state: boxes within boxes stand for more than is in the file
LARGEST_NUMBER = 2**53  # beyond it a whole number is no float
# Values of a state that may be None, each with an example of what it is else; None for what is only compared.
NULLABLE: dict[str, Any] = {
    **dict.fromkeys(("seed", "foreach", "fused", "momentum_buffer")),
    **dict.fromkeys(("lr", "best"), 0.0),
    **dict.fromkeys(("last_step", "began"), 0),
    **dict.fromkeys(("reached", "diverged", "pictures"), ""),
    **{"random": {}, "weights": {}, "own": torch.empty(0)},
}
PLAIN = (str, int, float, bool, type(None))


def read_bounded(path: Path, largest: int) -> bytes:
    """The content of a file. OSError if it cannot be read.

    UserError if it is larger than `largest` bytes, or no file: a named pipe would keep us waiting for ever.
    """
    without_waiting = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | without_waiting)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} is no file")
        if status.st_size > largest:
            raise UserError(
                f"{path}: {status.st_size / 10**6:,.0f} MB are more than is read, {largest / 10**6:,.0f} MB"
            )
        return file.read(status.st_size)  # as much memory is taken as may be read


def check_archive(archive: bytes) -> None:
    """ValueError if it unpacks to more than it holds; torch.save does not compress."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        members = packed.infolist()
    unpacked = sum(one.file_size for one in members)
    if unpacked > len(archive) or any(one.compress_type != zipfile.ZIP_STORED for one in members):
        raise ValueError(f"{len(archive):,} bytes that unpack to {unpacked:,}")


def check_plain(content: Any, size: int) -> None:
    """ValueError unless it is a nest of dicts, lists, tensors and plain values that fits in a file of `size` bytes."""
    waiting, values, numbers = [(content, 0)], 0, 0
    while waiting:
        one, depth = waiting.pop()
        values += 1
        if values > MOST_VALUES or depth > DEEPEST:
            raise ValueError("more values, or deeper ones, than a training has")
        if isinstance(one, Tensor):
            numbers += one.numel() * one.element_size()
            if one.layout != torch.strided or one.device.type != "cpu" or numbers > 2 * size + 10**6:
                raise ValueError(f"tensors that stand for more than the {size:,} bytes of the file")
        elif isinstance(one, dict):
            if not all(isinstance(key, str | int) for key in one):
                raise ValueError("a key that is no text")
            waiting += [(value, depth + 1) for value in one.values()]
        elif isinstance(one, list | tuple):
            waiting += [(value, depth + 1) for value in one]
        elif not isinstance(one, PLAIN):
            raise ValueError(f"a {type(one).__name__}")


def misfit(like: Any, value: Any, where: str = "") -> str | None:
    """Where a value is of another type than in its example; None if nowhere. What one of them lacks is left out."""
    name = where.rpartition(".")[2]
    if name in NULLABLE:
        if value is None:
            return None
        like = NULLABLE[name] if like is None else like
    if isinstance(like, dict) and isinstance(value, dict):
        if name == "weights" and (lacking := set(like) - set(value)):
            return f"{where.lstrip('.')} has no {min(lacking)}"
        pairs = [(f"{where}.{key}", like[key], value[key]) for key in like if key in value]
    elif isinstance(like, list | tuple) and isinstance(value, list | tuple):
        pairs = [(f"{where}[{place}]", *pair) for place, pair in enumerate(zip(like, value, strict=False))]
    elif like is None or _is_like(like, value, LARGEST_WHOLE if name == "seed" else LARGEST_NUMBER):
        pairs = []
    else:
        return f"{where.lstrip('.')} is {value!r:.40}"
    return next((found for name, one, other in pairs if (found := misfit(one, other, name))), None)


def _is_like(like: Any, value: Any, largest: int) -> bool:
    if isinstance(like, bool) or isinstance(value, bool):
        return type(like) is type(value)
    if isinstance(like, Tensor):
        return isinstance(value, Tensor)
    if isinstance(like, int | float):
        whole = isinstance(value, int) and abs(value) <= largest
        return whole or (isinstance(like, float) and isinstance(value, float))
    return isinstance(value, type(like))


def check_described(content: dict[str, Any]) -> None:
    """ValueError unless the classes, picture size, model and settings of a saved run are of their types."""
    rebuilds, settings = content["rebuilds"], content["settings"]
    sides, model = rebuilds["image_size"], rebuilds["model"]
    if not (len(sides) == 2 and all(_is_count(side, 2**16) for side in sides)):
        raise ValueError(f"image_size {sides!r:.40}")
    if not all(isinstance(name, str) for name in rebuilds["classes"]) or not isinstance(rebuilds["classes"], list):
        raise ValueError(f"classes {rebuilds['classes']!r:.40}")
    if not isinstance(settings, dict) or not isinstance(model, dict | None):
        raise ValueError("settings that are no settings")
    for name, value in (model or {}).items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if not (_is_count(number, MOST_CHANNELS) or (name == "seed" and type(value) is int and value >= 0)):
                raise ValueError(f"a model of {name} {value!r:.40}")


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
