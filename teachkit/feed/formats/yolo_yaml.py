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
from teachkit.feed.formats.progress import watched
from teachkit.feed.formats.text import TextError, decoded, guess_told, number, read_bytes
from teachkit.feed.formats.tree import Tree
from teachkit.feed.formats.yolo_sources import Settings

LIKELY = ("data.yaml", "data.yml", "dataset.yaml")
SPLIT_KEYS = ("train", "val", "valid", "validation", "test")
DESCRIBES = re.compile(r"^(\{.*)?[\"']?(names|train|val|valid|nc)[\"']?\s*:", re.MULTILINE)
MOST_BYTES = 2**19  # two seconds of reading; 10,000 names take two thirds of it
MOST_KEYPOINTS = 1000
MOST_UNNAMED = 10_000  # classes
MOST_RIVALS = 3  # named


def read_yaml(tree: Tree, given: str, contents: Contents) -> Settings | None:
    """given: the name of the one to take; "" for the likeliest: by its name, else one with both names and pictures.

    None where no YAML in the folder is about pictures. BrokenFileError where one is, but cannot be used.
    """
    found = sorted(name for name in tree.names if "/" not in name and name.lower().endswith((".yaml", ".yml")))
    likely = [given] if given else [name for name in LIKELY if name in found]
    for name in likely:
        try:
            settings = _settings(tree.path(name))
        except TextError as error:
            contents.problems[""].append(Problem(str(error.file), 1, f"{error.reason}; left out"))
            continue
        if settings is not None:
            break
    else:
        settings = None if given else _of_another_name(tree, [name for name in found if name not in likely], contents)
    if settings is not None:
        contents.notes += guess_told(settings.file, settings.encoding, settings.classes or ())
    return settings


def _of_another_name(tree: Tree, names: list[str], contents: Contents) -> Settings | None:
    """Many tools keep their settings in YAML, and such a file may only look like the one that describes the set."""
    keys: dict[str, int] = {}
    for name in names:
        try:
            keys[name] = len({found[1] for found in DESCRIBES.findall(_text(tree.path(name))[0])})
        except TextError as error:
            contents.notes.append(f"{error.file}: {error.reason}; not read")
    partial: list[Settings] = []
    broken: list[BrokenFileError] = []
    likeliest = sorted((name for name in keys if keys[name]), key=lambda name: keys[name] < 2)
    for name in watched(likeliest, "looking through YAML files", " files"):
        try:
            settings = _settings(tree.path(name))
        except BrokenFileError as error:
            broken.append(error)
            continue
        if settings is not None and settings.classes and settings.sources:
            contents.notes += [f"{error.problem}; {name} is taken instead" for error in broken]
            told = {name, *(Path(error.problem.file).name for error in broken)}
            contents.notes += _rivals(name, [other for other in likeliest if keys[other] > 1 and other not in told])
            return settings
        partial += [settings] if settings is not None else []
    if broken:
        raise broken[0]
    return partial[0] if partial else None


def _rivals(taken: str, others: list[str]) -> list[str]:
    if not others:
        return []
    told = ", ".join(others[:MOST_RIVALS]) + (f" and {len(others) - MOST_RIVALS} more" if others[MOST_RIVALS:] else "")
    return [f"{taken} is taken; {told} may describe a set too: give the path of the one that you mean"]


def _text(file: Path) -> tuple[str, str]:
    """And its encoding. TextError if it is too large, or cannot be read."""
    return decoded(read_bytes(file, MOST_BYTES))


def _settings(file: Path) -> Settings | None:
    """None where it is about something else. BrokenFileError where it cannot be used, TextError where not be read."""
    text, encoding = _text(file)
    if not DESCRIBES.search(text) or (values := _values(file, text)) is None:
        return None
    settings = Settings(file, text, {}, base=values["path"] if isinstance(values.get("path"), str) else "")
    settings.encoding = encoding
    settings.sources = {key: _sources(settings, key, values[key]) for key in SPLIT_KEYS if values.get(key)}
    settings.classes, settings.keypoints = _classes(settings, values), _keypoints(values)
    return settings


class _Plain(yaml.SafeLoader):
    """Plain values only: a tag that would run code is an error, and so is a key that stands twice.

    Numbers stay the text that they are: 007 may be the name of a class.
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


def _as_it_stands(loader: _Plain, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


for kind in ("int", "float"):
    _Plain.add_constructor(f"tag:yaml.org,2002:{kind}", _as_it_stands)


def _values(file: Path, text: str) -> dict[str, Any] | None:
    try:
        values = _Plain(text).get_single_data()
    except Exception as error:  # its makers of dates, numbers and sets raise nearly every kind
        if file.name not in LIKELY and not re.search(r"^(names|train)\s*:", text, re.MULTILINE):
            return None
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or type(error).__name__
        raise BrokenFileError(file, mark.line + 1 if mark else 1, f"cannot be read as plain YAML: {reason}") from None
    return values if isinstance(values, dict) and _is_about_pictures(values, file.name in LIKELY) else None


def _is_about_pictures(values: dict[str, Any], likely: bool) -> bool:
    """Any program may have settings for `train`, and `val: true` is how one is told to validate."""
    if likely:
        return any(key in values for key in ("names", *SPLIT_KEYS[:2]))
    sources = [values.get(key) for key in SPLIT_KEYS[:2]]
    lists = [one if isinstance(one, list) else [one] for one in sources if one]
    texts = [one for each in lists for one in each if isinstance(one, str) and number(one) is None]
    return isinstance(values.get("names"), list | dict) or bool(texts)


def _sources(settings: Settings, key: str, value: object) -> list[str]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, str) for source in sources):
        raise BrokenFileError(
            settings.file, settings.line(key), f"{key}: needs a folder, a text file, or a list of them"
        )
    return [str(source) for source in sources]


def _keypoints(values: dict[str, Any]) -> int:
    shape = values.get("kpt_shape")
    sides = [number(side) or 0.0 for side in shape] if isinstance(shape, list) else []
    if len(sides) != 2 or not all(side.is_integer() and side > 0 for side in sides):
        return 0
    return int(min(math.prod(sides), MOST_KEYPOINTS))


def _classes(settings: Settings, values: dict[str, Any]) -> list[str] | None:
    """Names in order of their numbers, from a list or a mapping 0: …; plain numbers where only nc is given."""
    file, names, line = settings.file, values.get("names"), settings.line("names")
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise BrokenFileError(file, line, f"names: need the numbers 0 to {len(names) - 1}, each once")
        names = [names[key] for key in sorted(names, key=int)]
    if names is None:
        count = number(values.get("nc")) or 0.0
        return [str(place) for place in range(int(count))] if count.is_integer() and 0 < count < MOST_UNNAMED else None
    if not isinstance(names, list) or not names:
        raise BrokenFileError(file, line, "names: need a list, or a mapping of numbers to names")
    for place, name in enumerate(names):
        if not isinstance(name, str):
            # Not shown: a few lines of aliases can stand for a list as large as the memory.
            what = f"names: number {place} is {type(name).__name__} to YAML, not text; put quotes about it"
            raise BrokenFileError(file, line, what)
    classes = [checked_name(name, file, line) for name in names]
    if len(set(classes)) < len(classes):
        raise BrokenFileError(file, line, "names: a name stands twice; give each class its own")
    if "nc" in values and number(values["nc"]) != len(classes):
        said = f"{values['nc']:.40}" if isinstance(values["nc"], str) else f"a {type(values['nc']).__name__}"
        what = f"nc: is {said}, but {len(classes)} names stand here"
        raise BrokenFileError(file, settings.line("nc"), what)
    return classes
