"""Where the pictures of each split are, as a data.yaml, an obj.data or lists of pictures tell it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Contents
from teachkit.feed.formats.layout import parent
from teachkit.feed.formats.text import TextError, read_text
from teachkit.feed.formats.tree import Tree


@dataclass
class Settings:
    """What such a file says. classes: None where it names none; sources: split → folders, lists or pictures.

    base: the folder that paths count from, as the file has it; class_files: names of files that name the classes;
    keypoints: how many numbers of a label line follow the box and are not read.
    """

    file: Path
    text: str
    sources: dict[str, list[str]]
    classes: list[str] | None = None
    base: str = ""
    class_files: list[str] = field(default_factory=list)
    keypoints: int = 0
    encoding: str = "utf-8"

    def line(self, key: str) -> int:
        """Where a key of the top level stands; 1 if it cannot be found."""
        found = re.search(rf"^[\"']?{re.escape(key)}[\"']?\s*[:=]", self.text, re.MULTILINE)
        return self.text.count("\n", 0, found.start()) + 1 if found else 1


def pictures_of(settings: Settings, contents: Contents) -> dict[str, list[str]]:
    """Split → its pictures by name, each once. What is not there goes into the problems of the split."""
    finder = _Finder(settings, contents)
    found: dict[str, list[str]] = {}
    for split, sources in settings.sources.items():
        finder.problems = contents.problems[split] = []
        chosen: dict[str, None] = {}
        for source in sources:
            chosen.update(dict.fromkeys(finder.pictures(split, source)))
        found[split] = list(chosen)
    return found


class _Finder:
    def __init__(self, settings: Settings, contents: Contents) -> None:
        self.settings, self.contents, self.tree = settings, contents, contents.tree
        self.problems: list[Problem] = []
        self.beyond = Path(settings.base) if _outside(settings.base, self.tree) else None
        base = "" if self.beyond else self.tree.find_place(_relative(settings.base, self.tree) or ".")
        self.homes = list(dict.fromkeys([base or "", ""]))

    def pictures(self, split: str, source: str) -> Iterator[str]:
        place = self.place(split, source)
        if place is None:
            what = f"{split}: there is no {source!r:.200} in {str(self.tree.folder)!r}"
            if ".." in source:
                what += "; what lies outside must be named by its whole path"
            self.problems.append(Problem(str(self.settings.file), self.settings.line(split), what))
        elif place in self.tree.pictures:
            yield place
        elif place in self.tree.names:
            yield from self.listed(split, place)
        else:
            below = self.tree.below(place)
            if not below:
                what = f"{split}: there are no pictures in {source!r:.200}"
                self.problems.append(Problem(str(self.settings.file), self.settings.line(split), what))
            yield from below

    def place(self, split: str, source: str) -> str | None:
        """A name in the tree. Only a whole path leads out of the folder, and then it is said."""
        whole = str(self.beyond / source) if self.beyond and not source.startswith("/") else source
        if not _outside(whole, self.tree):
            within = _relative(source, self.tree)
            return self.tree.find_place(within, self.homes) or self.tree.find(within, self.homes, split)
        where = f"{self.settings.file}:{self.settings.line(split)}"
        self.contents.notes.append(f"{where}: {split}: taken from {whole}, outside the folder {self.tree.folder}")
        if os.path.isdir(whole):
            return self.tree.include(Path(whole))
        self.tree.include(Path(whole).parent)
        return Path(whole).as_posix()

    def listed(self, split: str, name: str) -> Iterator[str]:
        list_file = self.tree.path(name)
        try:
            lines = read_text(list_file).split("\n")
        except TextError as error:
            self.problems.append(Problem(str(list_file), 1, f"{error.reason}; left out"))
            return
        first_line: dict[str, int] = {}
        homes = list(dict.fromkeys([parent(name), *self.homes]))
        for place, line in enumerate(lines, 1):
            if not (wanted := line.strip()):
                continue
            picture = self.tree.find(_relative(wanted, self.tree), homes, split)
            if picture is None:
                self.problems.append(Problem(str(list_file), place, f"{self.tree.missing(wanted, split)}; left out"))
            elif picture in first_line:
                what = f"names {wanted!r:.200} again, as line {first_line[picture]}; left out"
                self.problems.append(Problem(str(list_file), place, what))
            else:
                first_line[picture] = place
                yield picture


def _relative(path: str, tree: Tree) -> str:
    """A whole path that leads into the folder, from there on; any other as it is."""
    if path.startswith("/"):
        for home in (os.path.abspath(tree.folder), os.path.realpath(tree.folder)):
            if path.startswith(f"{home.rstrip('/')}/"):
                return path[len(home.rstrip("/")) + 1 :]
            if path.rstrip("/") == home:
                return "."
    return path


def _outside(path: str, tree: Tree) -> bool:
    """A whole path to something that is there, and not in the folder. Of a name too long for a system: no."""
    return os.path.isabs(path) and _relative(path, tree) == path and os.path.exists(path)
