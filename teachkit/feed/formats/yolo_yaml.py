"""data.yaml of a YOLO folder: the names of the classes, and where the pictures of each split are."""

import math
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from teachkit.feed.examples import Problem
from teachkit.feed.formats.classes import checked_name
from teachkit.feed.formats.entry import BrokenFileError, Contents
from teachkit.feed.formats.text import TextError, decoded, guess_told, read_bytes
from teachkit.feed.formats.tree import Tree
from teachkit.feed.formats.yolo_sources import Settings

LIKELY = ("data.yaml", "data.yml", "dataset.yaml")
SPLIT_KEYS = ("train", "val", "valid", "validation", "test")
DESCRIBES = re.compile(r"^(\{.*)?[\"']?(names|train|val|valid|nc)[\"']?\s*:", re.MULTILINE)
MOST_BYTES = 2**20  # some seconds of reading; 10,000 names take a third of it
MOST_KEYPOINTS = 1000


def read_yaml(tree: Tree, given: str, contents: Contents) -> Settings | None:
    """given: the name of the one to take, "" for the likeliest. None where no YAML in the folder is about pictures.

    BrokenFileError where one is, but cannot be used.
    """
    found = sorted(name for name in tree.names if "/" not in name and name.lower().endswith((".yaml", ".yml")))
    names = [given] if given else [*(name for name in LIKELY if name in found), *found]
    for name in dict.fromkeys(names):
        file = tree.path(name)
        try:
            text, encoding = decoded(read_bytes(file, MOST_BYTES))
        except TextError as error:
            contents.problems[""].append(Problem(str(file), 1, f"{error.reason}; left out"))
            continue
        if DESCRIBES.search(text) and (values := _values(file, text)) is not None:
            settings = Settings(file, text, {}, base=values["path"] if isinstance(values.get("path"), str) else "")
            settings.sources = {key: _sources(settings, key, values[key]) for key in SPLIT_KEYS if values.get(key)}
            settings.classes, settings.keypoints = _classes(settings, values), _keypoints(values)
            contents.notes += guess_told(file, encoding, settings.classes or ())
            return settings
    return None


class _Plain(yaml.SafeLoader):
    """Plain values only: a tag that would run code is an error, and so is a key that stands twice.

    Mappings are not merged (`<<`): a few lines of that can stand for one as large as the memory.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        seen = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise ConstructorError(None, None, "'<<' is not known here", key.start_mark)
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ConstructorError(None, None, f"{key.value!r:.40} stands here twice", key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)


def _values(file: Path, text: str) -> dict[str, Any] | None:
    try:
        values = _Plain(text).get_single_data()
    except Exception as error:  # its makers of dates, numbers and sets raise nearly every kind
        if file.name not in LIKELY and not re.search(r"^(names|train)\s*:", text, re.MULTILINE):
            return None
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or type(error).__name__
        raise BrokenFileError(file, mark.line + 1 if mark else 1, f"cannot be read as plain YAML: {reason}") from None
    about_pictures = isinstance(values, dict) and ("names" in values or any(key in values for key in SPLIT_KEYS[:2]))
    return values if about_pictures else None


def _sources(settings: Settings, key: str, value: object) -> list[str]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, str) for source in sources):
        raise BrokenFileError(
            settings.file, settings.line(key), f"{key}: needs a folder, a text file, or a list of them"
        )
    return [str(source) for source in sources]


def _keypoints(values: dict[str, Any]) -> int:
    shape = values.get("kpt_shape")
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(side) is int and side > 0 for side in shape):
        return 0
    return min(math.prod(shape), MOST_KEYPOINTS)


def _classes(settings: Settings, values: dict[str, Any]) -> list[str] | None:
    """Names in order of their numbers, from a list or a mapping 0: …; plain numbers where only nc is given."""
    file, names, line = settings.file, values.get("names"), settings.line("names")
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise BrokenFileError(file, line, f"names: need the numbers 0 to {len(names) - 1}, each once")
        names = [names[key] for key in sorted(names, key=int)]
    if names is None:
        count = values.get("nc")
        return [str(number) for number in range(count)] if isinstance(count, int) and 0 < count < 10_000 else None
    if not isinstance(names, list) or not names:
        raise BrokenFileError(file, line, "names: need a list, or a mapping of numbers to names")
    for place, name in enumerate(names):
        if isinstance(name, bool) or not isinstance(name, str | int | float):
            # Not shown: a few lines of aliases can stand for a list as large as the memory.
            what = f"names: number {place} is {type(name).__name__} to YAML, not text; put quotes about it"
            raise BrokenFileError(file, line, what)
    classes = [checked_name(str(name), file, line) for name in names]
    if len(set(classes)) < len(classes):
        raise BrokenFileError(file, line, "names: a name stands twice; give each class its own")
    if "nc" in values and values["nc"] != len(classes):
        count = values["nc"] if isinstance(values["nc"], int | float) else f"a {type(values['nc']).__name__}"
        what = f"nc: is {count}, but {len(classes)} names stand here"
        raise BrokenFileError(file, settings.line("nc"), what)
    return classes
