"""data.yaml of a YOLO folder: the names of the classes, and where the pictures of each split are."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import BrokenFileError, files_in, is_picture, read_text

LIKELY = ("data.yaml", "data.yml", "dataset.yaml")
SPLIT_KEYS = ("train", "val", "valid", "test")


@dataclass
class Settings:
    """classes: None where the file names none; sources: split → folders of pictures, or text files that list them."""

    file: Path
    text: str
    base: Path
    classes: list[str] | None
    sources: dict[str, list[str]]

    def pictures(self, problems: dict[str, list[Problem]]) -> dict[str, list[Path]]:
        """Split → its pictures, each once. What is not there goes into the problems of the split."""
        found: dict[str, list[Path]] = {}
        for split, sources in self.sources.items():
            problems[split] = []
            chosen: dict[Path, None] = {}
            for source in sources:
                chosen.update(dict.fromkeys(self._pictures_of(split, source, problems[split])))
            found[split] = list(chosen)
        return found

    def _pictures_of(self, split: str, source: str, problems: list[Problem]) -> Iterator[Path]:
        place = self._find(source)
        if place is None:
            what = f"{split}: there is no {source!r:.200} in {str(self.base)!r}"
            problems.append(Problem(str(self.file), _line(self.text, split), what))
        elif os.path.isdir(place):
            yield from (path for path in files_in(place).values() if is_picture(path))
        else:
            yield from self._listed(place, problems)

    def _find(self, source: str) -> Path | None:
        """Some tools write ../train/images for what lies beside data.yaml."""
        inside = re.sub(r"^(\.\./)+", "", source)
        places = [self.base / source, self.file.parent / source, self.file.parent / inside]
        # not Path's own: of a name that is too long for the system it raises an error
        return next((place for place in places if os.path.isdir(place) or os.path.isfile(place)), None)

    def _listed(self, list_file: Path, problems: list[Problem]) -> Iterator[Path]:
        first_line: dict[Path, int] = {}
        for place, line in enumerate(read_text(list_file).split("\n"), 1):
            if not (name := line.strip()):
                continue
            picture = next((home / name for home in (list_file.parent, self.base) if os.path.isfile(home / name)), None)
            if picture is None:
                problems.append(Problem(str(list_file), place, f"there is no picture {name!r:.200}; left out"))
            elif picture in first_line:
                what = f"names {name!r} again, as line {first_line[picture]}; left out"
                problems.append(Problem(str(list_file), place, what))
            else:
                first_line[picture] = place
                yield picture


def read_settings(folder: Path) -> Settings | None:
    """None where no YAML in the folder is about pictures. BrokenFileError where one is, but cannot be used."""
    files = [folder / name for name in LIKELY] + sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    for file in files:
        if file.is_file() and (values := _values(file)) is not None:
            text = read_text(file)
            sources = {key: _sources(file, text, key, values[key]) for key in SPLIT_KEYS if values.get(key)}
            return Settings(file, text, _base(file, values), _classes(file, text, values), sources)
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


def _values(file: Path) -> dict[str, Any] | None:
    text = read_text(file)
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


def _base(file: Path, values: dict[str, Any]) -> Path:
    """The folder that paths count from: `path` where it leads somewhere, else the folder of the YAML itself."""
    path = values.get("path")
    base = file.parent / path if isinstance(path, str) else file.parent
    return base if os.path.isdir(base) else file.parent


def _line(text: str, key: str) -> int:
    """Where a key of the top level stands; 1 if it cannot be found."""
    found = re.search(rf"^{re.escape(key)}\s*:", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


def _sources(file: Path, text: str, key: str, value: object) -> list[str]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, str) for source in sources):
        raise BrokenFileError(file, _line(text, key), f"{key}: needs a folder, a text file, or a list of them")
    return [str(source) for source in sources]


def _classes(file: Path, text: str, values: dict[str, Any]) -> list[str] | None:
    """Names in order of their numbers, from a list or a mapping 0: …; plain numbers where only nc is given."""
    names, line = values.get("names"), _line(text, "names")
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
    classes = [str(name).strip() for name in names]
    if len(set(classes)) < len(classes):
        raise BrokenFileError(file, line, "names: a name stands twice; give each class its own")
    if "nc" in values and values["nc"] != len(classes):
        count = values["nc"] if isinstance(values["nc"], int | float) else f"a {type(values['nc']).__name__}"
        what = f"nc: is {count}, but {len(classes)} names stand here"
        raise BrokenFileError(file, _line(text, "nc"), what)
    return classes
