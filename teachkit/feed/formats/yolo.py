"""YOLO: one text file a picture, a line `class cx cy width height` for each object, in fractions of the sides.

data.yaml names the classes and the pictures of each split; or images/ stands beside labels/, split by folders in or
above them; or pictures and text files lie side by side. Darknet's form: its scripts/voc_label.py.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import (
    SPLITS,
    Contents,
    Entry,
    Row,
    class_list,
    is_picture,
    number,
    read_text,
    same_split,
)
from teachkit.feed.formats.yolo_yaml import Settings, read_settings

CLASS_LISTS = ("classes.txt", "obj.names", "labels/classes.txt")


def read(folder: Path, files: Mapping[PurePosixPath, Path]) -> Contents | None:
    """All that the folder says; None where it is no YOLO folder. BrokenFileError where data.yaml cannot be used."""
    settings = read_settings(folder)
    if settings is None and not _looks_so(files):
        return None
    contents = Contents()
    if settings and settings.sources:
        pictures_of = settings.pictures(contents.problems)
    else:
        pictures_of = _by_folder(files, contents.problems[""])
    for split, pictures in pictures_of.items():
        contents.splits[split], more = _entries(pictures)
        contents.problems[split] = contents.problems.get(split, []) + more
    contents.problems[""] += _orphans(contents, files)
    _name_classes(folder, settings, contents)
    return contents


def _looks_so(files: Mapping[PurePosixPath, Path]) -> bool:
    """Some picture, here or in images/ or in a split's folder, has a text file where its labels would lie."""
    paths = set(files.values())
    near = (
        path
        for name, path in files.items()
        if is_picture(name)
        and (len(name.parts) == 1 or name.parts[0] == "images" or same_split(name.parts[0]) in SPLITS)
    )
    return any(not paths.isdisjoint(_label_files(path)) for path in near)


def _label_files(picture: Path) -> list[Path]:
    """Where the labels of a picture may lie: under labels/ in place of the last images/, else beside it."""
    beside = picture.with_suffix(".txt")
    folders = beside.parts[:-1]
    if "images" not in folders:
        return [beside]
    last = len(folders) - 1 - folders[::-1].index("images")
    return [Path(*folders[:last], "labels", *folders[last + 1 :], beside.name), beside]


def _by_folder(files: Mapping[PurePosixPath, Path], problems: list[Problem]) -> dict[str, list[Path]]:
    """Pictures by the folder whose name is a split's: images/train/ or train/images/; all under "" where none is."""
    pictures_of: dict[str, list[Path]] = {}
    for name, path in files.items():
        if is_picture(name):
            split = next((part for part in name.parts[:-1] if same_split(part) in SPLITS), "")
            pictures_of.setdefault(split, []).append(path)
    if len(pictures_of) > 1:
        what = "picture outside the splits' folders; left out"
        problems += [Problem(str(path), 1, what) for path in pictures_of.pop("", [])]
    return pictures_of


def _entries(pictures: Iterable[Path]) -> tuple[list[Entry], list[Problem]]:
    entries: list[Entry] = []
    problems: list[Problem] = []
    for picture in pictures:
        label_file = next((path for path in _label_files(picture) if path.is_file()), None)
        if label_file:
            entries.append(read_labels(label_file, picture))
        else:
            what = "picture without a label file; left out (one without objects has an empty label file)"
            problems.append(Problem(str(picture), 1, what))
    return entries, problems


def read_labels(label_file: Path, picture: Path) -> Entry:
    """The rows of one file; lines that cannot be read go into .problems. An empty file is a picture without objects."""
    entry = Entry(picture, label_file, fractions=True)
    for place, line in enumerate(read_text(label_file).split("\n"), 1):
        words = line.split()
        if not words:
            continue
        box = [number(word) for word in words[1:]]
        if len(words) != 5 or None in box:
            wanted = "five numbers, class cx cy width height"
            what = f"{line.strip()[:80]!r} is not {wanted}; line left out"
            entry.problems.append(Problem(str(label_file), place, what))
            continue
        cx, cy, width, height = (value or 0.0 for value in box)
        corners = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        entry.rows.append(Row(place, _key(words[0]), corners))
    return entry


def _key(word: str) -> int | str:
    """2 and 2.0 are class 2; anything else stays a text, and so is none of the classes."""
    value = number(word)
    return int(value) if value is not None and value.is_integer() else word


def _orphans(contents: Contents, files: Mapping[PurePosixPath, Path]) -> list[Problem]:
    """Label files under labels/, or beside pictures, that belong to no picture."""
    entries = [entry for split in contents.splits.values() for entry in split]
    used = {entry.label_file for entry in entries}
    homes = {path.parent for path in used}
    pictures = {str(name.with_suffix("")) for name in files if is_picture(name)}
    return [
        Problem(str(path), 1, "label file without a picture; left out")
        for name, path in files.items()
        if name.suffix == ".txt" and path not in used and ("labels" in name.parts[:-1] or path.parent in homes)
        # A picture may be there and in no split's list: then both are left out on purpose.
        if pictures.isdisjoint(_stems(name)) and _holds_labels(path)
    ]


def _stems(label: PurePosixPath) -> tuple[str, str]:
    """Where the picture of a label file may lie, without its suffix."""
    beside = label.with_suffix("")
    return str(beside), str(PurePosixPath(*("images" if part == "labels" else part for part in beside.parts)))


def _holds_labels(path: Path) -> bool:
    """Tells a label file from a list of classes or of pictures, or a read-me, that lies beside it."""
    words = next((line.split() for line in read_text(path).split("\n") if line.strip()), None)
    return "labels" in path.parts if words is None else len(words) == 5 and number(words[1]) is not None


def _name_classes(folder: Path, settings: Settings | None, contents: Contents) -> None:
    names = (settings.classes if settings else None) or class_list(folder, *CLASS_LISTS)
    if names is None:
        rows = [row for entries in contents.splits.values() for entry in entries for row in entry.rows]
        keys = sorted({row.key for row in rows if isinstance(row.key, int) and row.key >= 0})
        contents.classes = [str(key) for key in keys]
        contents.labels = {key: label for label, key in enumerate(keys)}
        contents.valid = "whole numbers from 0"
    else:
        contents.classes = names
        contents.labels = {key: key for key in range(len(names))}
        contents.valid = f"0 to {len(names) - 1}"
