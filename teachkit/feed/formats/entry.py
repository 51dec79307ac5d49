"""What a reader finds in a folder, before any picture is opened: pictures, their label files, and the rows in them."""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from teachkit.errors import UserError
from teachkit.feed.examples import Problem
from teachkit.feed.pictures import SUFFIXES

DEPTH = 4  # folders below the one named: enough for images/train/2017/…, and an end for a path such as /
SAME_SPLIT = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
SPLITS = frozenset({"train", "val", "test", "trainval", *SAME_SPLIT})


@dataclass
class Row:
    """One object as its file has it. key: class name, number or id; box: xyxy, px or fractions as the Entry says."""

    line: int
    key: int | str
    box: tuple[float, float, float, float]
    note: str = ""  # what finds it in a file of one long line


@dataclass
class Entry:
    """One picture and its rows. size: (height, width) px that the label file claims; None where it claims none.

    fractions: the boxes are in sides of the picture; readable: False where the label file gave nothing to rely on.
    """

    picture: Path
    label_file: Path
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    fractions: bool = False
    readable: bool = True
    size: tuple[int, int] | None = None
    size_line: int = 1


@dataclass
class Contents:
    """All of a folder. labels: key of a row → index into classes; valid: these keys in words.

    splits: name → entries, {"": …} where there are none; problems: of each split, under "" of the folder as a whole.
    """

    classes: list[str] = field(default_factory=list)
    labels: dict[int | str, int] = field(default_factory=dict)
    valid: str = ""
    splits: dict[str, list[Entry]] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=lambda: {"": []})


class BrokenFileError(UserError):
    """A file that the whole folder hangs on cannot be understood; .problem says where."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        self.problem = Problem(str(file), line, what)
        super().__init__(str(self.problem))


def same_split(name: str) -> str:
    """`valid`, `val2017` and `Validation` are all `val`."""
    plain = name.lower().rstrip("0123456789")
    return SAME_SPLIT.get(plain, plain)


def number(text: object) -> float | None:
    """A finite number, or None: NaN, infinity, words, true and null are none."""
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def read_text(path: Path) -> str:
    """Any bytes at all: what is not UTF-8 becomes a sign that no number and no name holds."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def files_in(folder: Path) -> dict[PurePosixPath, Path]:
    """Every plain file below that is not hidden, by its name relative to the folder. No folder is entered twice."""
    found: dict[PurePosixPath, Path] = {}
    seen: set[tuple[int, int]] = set()

    def walk(directory: Path, name: PurePosixPath, depth: int) -> None:
        try:
            status = directory.stat()
            if depth > DEPTH or (status.st_dev, status.st_ino) in seen:
                return
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(directory) as inside:
                items = sorted(inside, key=lambda item: item.name)
        except OSError as error:
            raise UserError(
                f"{directory}: cannot be looked into ({error.strerror}); mend its rights or move it away"
            ) from None
        for item in items:
            if item.name.startswith(".") or (item.is_symlink() and not os.path.exists(item.path)):
                continue  # a link to nowhere; of one to itself the next line would raise an error
            if item.is_dir():
                walk(directory / item.name, name / item.name, depth + 1)
            elif item.is_file():
                found[name / item.name] = directory / item.name

    walk(folder, PurePosixPath(), 0)
    return found


def is_picture(name: PurePosixPath | Path) -> bool:
    return name.suffix.lower() in SUFFIXES


def class_list(folder: Path, *names: str) -> list[str] | None:
    """Class names, one a line, of the first of these files that is there. BrokenFileError if a name stands twice."""
    for name in names:
        file = folder / name
        if file.is_file():
            classes: list[str] = []
            for place, line in enumerate(read_text(file).split("\n"), 1):
                if line.strip() in classes:
                    raise BrokenFileError(
                        file, place, f"class {line.strip()!r} stands here twice; give each its own name"
                    )
                if line.strip():
                    classes.append(line.strip())
            return classes
    return None
