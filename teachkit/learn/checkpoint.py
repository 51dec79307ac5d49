"""The files of a saved run: the last two states, the best weights, and what rebuilds the detector.

last.pt and before_last.pt continue a run; best.pt, a few hundred kilobytes, is what detects. Each is a file of
torch.save, read without pickle, and ends with the SHA-256 of its content, because torch.load does not notice flipped
bits.
"""

import hashlib
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from teachkit.errors import UserError, as_path
from teachkit.feed.detector import Detector
from teachkit.files import clean_stale, flush_folder, write_whole
from teachkit.learn.run_folder import (
    BEFORE_LAST,
    BEST,
    CHECKSUM,
    EARLIER,
    LAST,
    NEW,
    OF_A_RUN,
    TRAILER,
    FolderLock,
    claim,
)
from teachkit.untrusted import LARGEST_FILE, PLAIN, check_archive, check_described, check_plain, read_bounded

TO_RESUME = (LAST, NEW, BEFORE_LAST)
FORMAT, EARLIER_FORMAT = 2, 1  # of the earlier one, the best weights are still read

Content = dict[str, Any]
T = TypeVar("T")


class DamagedError(ValueError):
    """A file that is not what was written, or was written by something else."""


@dataclass(frozen=True)
class Run:
    """A saved run. state: for `Trainer.load_state_dict`; settings: as given to it; model: the detector's."""

    state: dict[str, Any]
    settings: dict[str, Any]
    model: dict[str, Any]
    classes: list[str]
    image_size: tuple[int, int]
    file: Path


def plain(value: Any, name: str) -> Any:
    """The same with NumPy's numbers as Python's, for they are not read back. UserError for what else is not."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {key: plain(one, f"{name}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([plain(one, f"{name}[{place}]") for place, one in enumerate(value)])
    if isinstance(value, Tensor) or type(value) in PLAIN:
        return value
    raise UserError(f"{name} is a {type(value).__name__}: a saved training holds text, numbers, and lists of them")


def pack(content: Content) -> bytes:
    """The bytes of torch.save, then their checksum. torch.load ignores what comes after its archive."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT} | {name: plain(one, name) for name, one in content.items()}, buffer)
    archive = buffer.getvalue()
    return archive + CHECKSUM + hashlib.sha256(archive).hexdigest().encode()


def unpack(packed: bytes, file: Path) -> Content:
    """DamagedError, naming the file, if a bit differs or anything but tensors and plain values is inside."""
    archive, trailer = packed[:-TRAILER], packed[-TRAILER:]
    if trailer != CHECKSUM + hashlib.sha256(archive).hexdigest().encode():
        raise DamagedError(f"{file} is damaged: its checksum does not fit")
    try:
        check_archive(archive)
        content = torch.load(io.BytesIO(archive), map_location="cpu", weights_only=True)
        check_plain(content, len(archive))
    except Exception as error:  # whatever a foreign or hostile file makes torch raise
        raise DamagedError(f"{file} is not a saved training ({str(error).strip().splitlines()[0][:100]})") from None
    if not isinstance(content, dict) or content.get("format") not in (FORMAT, EARLIER_FORMAT):
        raise DamagedError(f"{file} is not a saved training of this version")
    return content


def save_last(folder: Path, packed: bytes) -> None:
    """The last state becomes the one before. At every moment one of them is whole. OSError if writing fails."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / NEW, packed)
    if (folder / LAST).exists():
        os.replace(folder / LAST, folder / BEFORE_LAST)
    os.replace(folder / NEW, folder / LAST)
    flush_folder(folder)


def save_best(folder: Path, packed: bytes) -> None:
    """OSError if writing fails; the earlier best weights are then still there."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / BEST, packed)


def put_aside(folder: Path) -> None:
    """Moves a run that was saved here before to `earlier/`, and removes the run that was there.

    UserError if that folder is in use, or holds files of others under these names.
    """
    claim(folder)
    old = [folder / name for name in OF_A_RUN if (folder / name).exists()]
    if not old:
        return
    earlier = folder / EARLIER
    earlier.mkdir(exist_ok=True)
    lock = FolderLock(earlier)
    try:
        claim(earlier)
        clean_stale(earlier)
        if old[0].name == LAST:  # it goes first: without it a process that was killed has been here before
            for name in OF_A_RUN:
                (earlier / name).unlink(missing_ok=True)
        for file in old:
            os.replace(file, earlier / file.name)
    finally:
        lock.release()


def damage_of(file: Path) -> str | None:
    """Why it cannot be read, in a sentence; None if it is whole or not there."""
    try:
        unpack(file.read_bytes(), file)
    except FileNotFoundError:
        return None
    except (DamagedError, OSError) as error:
        return str(error)
    return None


def first_whole(folder: Path, names: tuple[str, ...], make: Callable[[Content, Path], T]) -> T:
    """What `make` returns for the first of these files that exists and is whole. A warning names damaged ones.

    UserError if there is none.
    """
    damage: list[str] = []
    for file in (folder / name for name in names):
        try:
            content = unpack(_read(file), file)
            check_described(content)
            made = make(content, file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (DamagedError, OSError) as error:
            damage.append(str(error))
            continue
        except UserError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:  # whole, and made by others
            damage.append(f"{file} does not hold what is needed here ({' '.join(repr(error).split())[:100]})")
            continue
        for one in damage:
            warnings.warn(f"{one}; {file.name} is taken instead", stacklevel=3)
        return made
    if damage:
        raise UserError(f"{'; '.join(damage)}; there is nothing to fall back to: train again")
    if (folder / EARLIER / LAST).exists():  # a new run was begun here, and killed before it was saved
        raise UserError(f"{folder}: there is only an earlier training here: give {folder / EARLIER}")
    raise UserError(f"{folder}: there is no saved training here: give the folder that --save named")


def _read(file: Path) -> bytes:
    try:
        return read_bounded(file, LARGEST_FILE)
    except UserError as error:
        raise DamagedError(str(error)) from None


def load_run(folder: str | Path) -> Run:
    """The last state in a folder, or the one before if it is damaged. UserError if there is neither."""

    def run(content: Content, file: Path) -> Run:
        rebuilds = content["rebuilds"]
        height, width = rebuilds["image_size"]
        state = _state(content, file)
        if rebuilds["model"] is not None:
            signature(Detector).bind(**rebuilds["model"])  # TypeError for a setting that this version does not have
        return Run(state, content["settings"], rebuilds["model"], rebuilds["classes"], (height, width), file)

    return first_whole(as_path("the folder of a saved run", folder), TO_RESUME, run)


def _state(content: Content, file: Path) -> Content:
    """The training's state. UserError if an earlier version saved it."""
    if content["format"] == EARLIER_FORMAT:
        raise UserError(
            f"{file} was saved by an earlier version of teachkit and cannot be gone on with: train again; "
            f"a {BEST} beside it is still good for evaluate and detect"
        )
    state = content["state"]
    if not isinstance(state, dict):
        raise TypeError(f"a state that is a {type(state).__name__}")
    return state


def load_model(folder: str | Path, which: str = "best", device: str | torch.device = "auto") -> Detector:
    """The averaged detector of a saved run, in eval mode, with `.classes` and `.image_size`. which: "best" or "last".

    folder: or one of its files, and then no other. Falls back to a state where that file is damaged or missing.
    UserError if there is none.
    """

    def rebuilt(content: Content, file: Path) -> Detector:
        rebuilds = content["rebuilds"]
        if rebuilds["model"] is None:
            raise UserError(
                f"{file}: its model had no settings() to rebuild it from: load the weights into it yourself"
            )
        model = Detector(**rebuilds["model"], device=device)
        best = "weights" in content
        model.load_state_dict(content["weights"] if best else _state(content, file)["train_step"]["ema"]["model"])
        height, width = rebuilds["image_size"]
        model.classes, model.image_size = list(rebuilds["classes"]), (height, width)
        return model.eval()

    if which not in ("best", "last"):
        raise UserError(f"there are the best weights and the last, not {which!r}")
    path = as_path("the folder of a saved run", folder)
    if path.is_file():
        return first_whole(path.parent, (path.name,), rebuilt)
    return first_whole(path, (BEST, *TO_RESUME) if which == "best" else TO_RESUME, rebuilt)
