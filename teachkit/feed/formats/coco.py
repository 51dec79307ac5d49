"""COCO: one JSON a split with images, annotations and categories; boxes x y width height in pixels.

The split is named by the file (annotations/instances_val2017.json) or by its folder (valid/_annotations.coco.json).
Category ids become labels 0 … C − 1 in order of id. cocodataset.org, "Data format".
"""

import posixpath
import re
from collections.abc import Mapping
from json.decoder import JSONDecodeError
from pathlib import Path, PurePosixPath
from typing import Any

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import (
    SPLITS,
    BrokenFileError,
    Contents,
    Entry,
    Row,
    is_picture,
    number,
    read_text,
    same_split,
)
from teachkit.feed.formats.json_items import read_items

LISTS = ("images", "annotations", "categories")
Items = dict[str, list[tuple[int, Any]]]


def read(folder: Path, files: Mapping[PurePosixPath, Path]) -> Contents | None:
    """All that the folder says; None where it is no COCO folder. BrokenFileError where a JSON of it cannot be used."""
    found: dict[PurePosixPath, Items] = {}
    for name, path in files.items():
        if name.suffix.lower() == ".json" and len(name.parts) <= 2 and (items := _items(path)):
            found[name] = items
    if not found:
        return None
    # The full COCO set has key points and segments of the same pictures beside the boxes.
    boxes = {name: items for name, items in found.items() if name.name.startswith("instances")} or found
    contents = Contents()
    names = _categories(boxes, files)
    contents.classes = list(dict.fromkeys(names[key] for key in sorted(names)))
    contents.labels = {key: contents.classes.index(name) for key, name in names.items()}
    contents.valid = "ids " + ", ".join(str(key) for key in sorted(names))
    for name, items in boxes.items():
        split = _split(name) if len(boxes) > 1 or same_split(_split(name)) in SPLITS else ""
        if split in contents.splits:
            raise BrokenFileError(files[name], 1, f"is a second file for the split {split!r}; keep one")
        contents.splits[split], contents.problems[split] = _Split(name, items, files).read()
    contents.problems[""] += _orphans(contents, files)
    return contents


def _items(path: Path) -> Items | None:
    """None for a JSON that holds something else."""
    text = read_text(path)
    try:
        items = read_items(text)
    except (JSONDecodeError, RecursionError, ValueError) as error:
        if not all(f'"{name}"' in text for name in LISTS):
            return None
        line = error.lineno if isinstance(error, JSONDecodeError) else 1
        reason = error.msg if isinstance(error, JSONDecodeError) else error
        raise BrokenFileError(path, line, f"is not valid JSON: {reason}; mend or export it again") from None
    return items if all(name in items for name in LISTS) else None


def _split(name: PurePosixPath) -> str:
    """The word in the file's name, or else in its folder's, that names a split; or else the file's name."""
    for text in (name.stem, name.parent.name):
        for word in re.findall(r"[^\W\d_]+", text):
            if same_split(word) in SPLITS:
                return word
    return name.stem


def _categories(found: Mapping[PurePosixPath, Items], files: Mapping[PurePosixPath, Path]) -> dict[int | str, str]:
    """Id → name over all splits: a label means the same in each. BrokenFileError where two files disagree."""
    names: dict[int | str, str] = {}
    for file, items in found.items():
        for line, category in items["categories"]:
            key, name = (category.get("id"), category.get("name")) if isinstance(category, dict) else (None, None)
            if not isinstance(key, int) or isinstance(key, bool) or not isinstance(name, str) or not name.strip():
                what = f"category needs a whole number as id and a name, not {category!r:.80}"
                raise BrokenFileError(files[file], line, what)
            if names.setdefault(key, name.strip()) != name.strip():
                what = f"category {key} is {name!r} here and {names[key]!r} before it"
                raise BrokenFileError(files[file], line, what)
    return names


class _Split:
    """Reads one JSON: its images first, then their annotations."""

    def __init__(self, name: PurePosixPath, items: Items, files: Mapping[PurePosixPath, Path]) -> None:
        self.name, self.items, self.files = name, items, files
        self.path = files[name]
        self.problems: list[Problem] = []
        self.entries: dict[int | str, Entry | None] = {}  # by image id; None: its picture was left out
        self.homes = _homes(name)

    def read(self) -> tuple[list[Entry], list[Problem]]:
        first_line: dict[Path, int] = {}
        for line, image in self.items["images"]:
            self.add_image(line, image, first_line)
        for line, annotation in self.items["annotations"]:
            self.add_annotation(line, annotation)
        return [entry for entry in self.entries.values() if entry], self.problems

    def refuse(self, line: int, what: str) -> None:
        self.problems.append(Problem(str(self.path), line, f"{what}; left out"))

    def add_image(self, line: int, image: Any, first_line: dict[Path, int]) -> None:
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            return self.refuse(line, f"image needs an id and a file_name, not {str(image)[:80]}")
        key, file_name = image["id"], image["file_name"]
        note = f"image id {key!r:.40}: "
        if key in self.entries:
            return self.refuse(line, f"{note}stands here a second time")
        self.entries[key] = None
        picture = self.find(file_name)
        if picture is None:
            return self.refuse(line, f"{note}there is no picture {file_name!r:.200} in the folder")
        if picture in first_line:
            return self.refuse(line, f"{note}names {file_name!r} again, as line {first_line[picture]}")
        first_line[picture] = line
        height, width = number(image.get("height")), number(image.get("width"))
        size = (int(height), int(width)) if height and width else None
        self.entries[key] = Entry(picture, self.path, size=size, size_line=line)
        return None

    def find(self, file_name: str) -> Path | None:
        """Only among the folder's own files, so that no name leads out of it."""
        for home in self.homes:
            plain = file_name.replace("\\", "/")  # written on Windows
            name = PurePosixPath(posixpath.normpath(f"{home}/{plain}"))
            if name in self.files:
                if home != self.homes[0]:
                    self.homes.remove(home)
                    self.homes.insert(0, home)  # the others lie there too
                return self.files[name]
        return None

    def add_annotation(self, line: int, annotation: Any) -> None:
        if not isinstance(annotation, dict):
            return self.refuse(line, f"annotation is {str(annotation)[:80]}, not an object with image_id and bbox")
        note = f"annotation id {annotation.get('id')!r:.40}: "
        image, key, box = annotation.get("image_id"), annotation.get("category_id"), annotation.get("bbox")
        if not _is_id(image) or image not in self.entries:
            return self.refuse(line, f"{note}image_id {image!r:.40} is none of the images")
        if annotation.get("iscrowd") == 1:
            return self.refuse(line, f"{note}marks a crowd, not one object")
        if not isinstance(box, list) or len(box) != 4:
            return self.refuse(line, f"{note}bbox is {box!r:.80}, not [x, y, width, height]")
        numbers = [None if isinstance(value, str) else number(value) for value in box]
        if None in numbers:
            return self.refuse(line, f"{note}bbox is {box!r:.80}, not four finite numbers")
        entry = self.entries[image]
        if entry is not None:
            x, y, width, height = (float(value or 0) for value in numbers)
            entry.rows.append(Row(line, _key(key), (x, y, x + width, y + height), note))
        return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, str)


def _key(value: Any) -> int | str:
    """What is no whole number becomes a text, and so is none of the ids."""
    return value if _is_whole(value) else repr(value)[:40]


def _homes(name: PurePosixPath) -> list[str]:
    """Where the pictures of a JSON may lie, likeliest first: its own folder, one named as the split, images/."""
    own = [str(name.parent)] if name.parent != PurePosixPath() and name.parent.name != "annotations" else []
    words = dict.fromkeys([name.stem.rsplit("_", 1)[-1], _split(name)])
    splits = [home for word in words for home in (f"images/{word}", word, f"{word}/images")]
    return [*own, *splits, "images", "JPEGImages", "."]


def _orphans(contents: Contents, files: Mapping[PurePosixPath, Path]) -> list[Problem]:
    """Pictures that no JSON names, in the folders where the named ones lie."""
    named = {entry.picture for entries in contents.splits.values() for entry in entries}
    homes = {picture.parent for picture in named}
    return [
        Problem(str(path), 1, "picture that no annotation file names; left out")
        for name, path in files.items()
        if is_picture(name) and path.parent in homes and path not in named
    ]
