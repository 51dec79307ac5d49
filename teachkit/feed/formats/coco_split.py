"""The images and annotations of one COCO file."""

from pathlib import Path
from typing import Any

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Entry, Row
from teachkit.feed.formats.json_items import Twice
from teachkit.feed.formats.layout import LABEL_FOLDERS, is_kind, parent, same_split, splits_in, stem
from teachkit.feed.formats.segmentation import box_of, turned_on
from teachkit.feed.formats.text import number
from teachkit.feed.formats.tree import Tree

Items = dict[str, list[tuple[int, Any]]]


class SplitReader:
    """Reads one JSON: its images first, then their annotations. name: of the file; problems: what was left out."""

    def __init__(self, name: str, split: str, items: Items, tree: Tree) -> None:
        self.split, self.items, self.tree = split, items, tree
        self.path = tree.path(name)
        self.problems: list[Problem] = []
        self.entries: dict[int | str, Entry | None] = {}  # by image id; None: its picture was left out
        self.homes = _homes(name, split)
        self.strayed: set[Path] = set()  # pictures that lie in another split's folder, which their names do not say

    def read(self) -> list[Entry]:
        first_line: dict[str, int] = {}
        for line, image in self.items["images"]:
            self.add_image(line, image, first_line)
        for line, annotation in self.items["annotations"]:
            self.add_annotation(line, annotation)
        return [entry for entry in self.entries.values() if entry]

    def refuse(self, line: int, what: str) -> None:
        self.problems.append(Problem(str(self.path), line, f"{what}; left out"))

    def add_image(self, line: int, image: Any, first_line: dict[str, int]) -> None:
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            return self.refuse(line, f"image needs an id and a file_name, not {str(image)[:80]}")
        key, file_name = image["id"], image["file_name"]
        note = f"image id {key!r:.40}: "
        if isinstance(image, Twice):
            self.entries[key] = None
            return self.refuse(line, f"{note}has {image.key!r:.40} twice")
        if key in self.entries:
            return self.refuse(line, f"{note}stands here a second time")
        self.entries[key] = None
        picture = self.tree.find(file_name, self.homes, self.split)
        if picture is None:
            return self.refuse(line, f"{note}{self.tree.missing(file_name, self.split)}")
        if picture in first_line:
            return self.refuse(line, f"{note}names {file_name!r:.200} again, as line {first_line[picture]}")
        first_line[picture] = line
        bears = self.tree.split_of(picture)
        if (
            bears
            and bears != same_split(self.split)
            and not splits_in(file_name.replace("\\", "/"), self.tree.siblings)
        ):
            self.strayed.add(self.tree.path(picture))
        height, width = number(image.get("height")), number(image.get("width"))
        size = (int(height), int(width)) if height and width else None
        self.entries[key] = Entry(self.tree.path(picture), self.path, size=size, size_line=line)
        return None

    def add_annotation(self, line: int, annotation: Any) -> None:
        if not isinstance(annotation, dict):
            return self.refuse(line, f"annotation is {str(annotation)[:80]}, not an object with image_id and bbox")
        note = f"annotation id {annotation.get('id')!r:.40}: "
        image, key = annotation.get("image_id"), annotation.get("category_id")
        for part in (annotation, annotation.get("attributes"), annotation.get("segmentation")):
            if isinstance(part, Twice):
                return self.refuse(line, f"{note}has {part.key!r:.40} twice")
        if not _is_id(image) or image not in self.entries:
            return self.refuse(line, f"{note}image_id {image!r:.40} is none of the images")
        if annotation.get("iscrowd") == 1:
            return self.refuse(line, f"{note}marks a crowd, not one object")
        for flag in ("iscrowd", "ignore"):
            if annotation.get(flag) not in (None, 0, 1):
                return self.refuse(line, f"{note}{flag} is {annotation[flag]!r:.40}, neither 0 nor 1")
        entry = self.entries[image]
        if entry is None:
            return None
        box, made_from = annotation.get("bbox"), ""
        if not box and (around := box_of(annotation.get("segmentation"))):
            corners, made_from = around, "segmentations without a bbox"
        else:
            if not isinstance(box, list) or len(box) != 4:
                return self.refuse(line, f"{note}bbox is {box!r:.80}, not [x, y, width, height]")
            numbers = [None if isinstance(value, str) else number(value) for value in box]
            if None in numbers:
                return self.refuse(line, f"{note}bbox is {box!r:.80}, not four finite numbers")
            x, y, width, height = (float(value or 0) for value in numbers)
            attributes = annotation.get("attributes")
            said = attributes.get("rotation") if isinstance(attributes, dict) else None
            angle = number(said)
            if said is not None and angle is None:
                return self.refuse(line, f"{note}rotation is {said!r:.80}, not a number")
            corners, made_from = turned_on((x, y, x + width, y + height), angle)
        difficult = annotation.get("ignore") in (1, True)
        entry.rows.append(Row(line, _key(key), corners, note, made_from, difficult))
        return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, str)


def _key(value: Any) -> int | str:
    """What is no whole number becomes a text, and so is none of the ids."""
    return value if _is_whole(value) else repr(value)[:40]


def _homes(name: str, split: str) -> list[str]:
    """Where the pictures of a JSON may lie, likeliest first: its own folder, one named as the split, images/."""
    above = parent(name)
    own = [above] if above and not is_kind(above, LABEL_FOLDERS) else []
    words = dict.fromkeys(word for word in (stem(name).rpartition("_")[2], split) if word)
    splits = [home for word in words for home in (f"images/{word}", word, f"{word}/images")]
    return [*own, *splits, "images", "JPEGImages", ""]
