"""Which label file belongs to which picture, and to which split both: for the forms with one label file a picture."""

import filecmp
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Entry
from teachkit.feed.formats.layout import LABEL_FOLDERS, is_kind, key_of, parent, same_split, split_of
from teachkit.feed.formats.tree import Tree, loosest
from teachkit.feed.pictures import SUFFIXES

ReadOne = Callable[[Path, Path], Entry]  # label file, picture
UNREAD = (
    ".heic",
    ".heif",
    ".svg",
    ".eps",
    ".pdf",
    ".cr2",
    ".nef",
    ".arw",
    ".dng",
    ".raw",
    ".mp4",
    ".avi",
    ".mov",
    ".mkv",
)


class Pairs:
    """label_of: picture → its label file, both by name; lonely: label files without a picture.

    By where they lie: in one folder, or at the same place below images/ and labels/, below and above the splits; else
    by their bare names, if one picture alone and one label file alone have it.
    """

    def __init__(self, tree: Tree, pictures: Iterable[str], labels: Iterable[str]) -> None:
        self.tree = tree
        self.problems: list[Problem] = []
        self.pictures: dict[str, str] = {}  # by key
        alike: dict[str, list[str]] = {}
        for name in pictures:
            alike.setdefault(key_of(name, tree.siblings), []).append(name)
        # train1/0.png, train2/0.png: the numbers of the splits tell them apart
        self._numbered = {
            key
            for key, its in alike.items()
            if len(its) > 1 and len({key_of(it, tree.siblings, True) for it in its}) > 1
        }
        for key, name in ((key, name) for key, its in alike.items() for name in its):
            key = key_of(name, tree.siblings, True) if key in self._numbered else key
            if (first := self.pictures.setdefault(key, name)) != name:
                self._report(name, f"shares its label file with {first.rpartition('/')[2]}; left out")
        self._entries: dict[str, Entry] = {}
        self.label_of: dict[str, str] = {}
        spare: list[str] = []
        second_ones: list[tuple[str, str]] = []
        for name in labels:
            picture = self.picture_of(name)
            if picture is None:
                spare.append(name)
                continue
            second = self.label_of.get(picture)
            if second is None or _lies_better(name, second):
                self.label_of[picture] = name
            else:
                second = name
            if second and not _same_bytes(tree.path(second), tree.path(self.label_of[picture])):
                second_ones.append((second, self.label_of[picture]))
        self.lonely = self._by_bare_name(spare)
        self.notes: list[str] = []
        if second_ones:
            second, read = second_ones[0]
            self.notes = [f"{len(second_ones)} pictures have two label files: {read} is read, not {second}, and so on"]

    def picture_of(self, label: str) -> str | None:
        """The picture that lies where this label file says; a.jpg.txt is one for a.jpg, too."""
        if found := self.pictures.get(self.key(label)):
            return found
        whole = label.rpartition(".")[0]
        return self.pictures.get(self.key(whole)) if whole.lower().endswith(tuple(SUFFIXES)) else None

    def key(self, name: str) -> str:
        key = key_of(name, self.tree.siblings)
        return key_of(name, self.tree.siblings, True) if key in self._numbered else key

    def _report(self, name: str, what: str) -> None:
        self.problems.append(Problem(str(self.tree.path(name)), 1, what))

    def _by_bare_name(self, spare: list[str]) -> list[str]:
        """Pairs what it can, and returns the rest."""
        if not spare or len(self.label_of) == len(self.pictures):
            return spare
        pictures = [(_bare(name), name) for name in self.pictures.values()]
        count, count_spare = Counter(bare for bare, _ in pictures), Counter(map(_bare, spare))
        free = {bare: name for bare, name in pictures if count[bare] == 1 and name not in self.label_of}
        rest = []
        for name in spare:
            bare = _bare(name)
            if bare in free and count_spare[bare] == 1 and self.may_belong(name, free[bare]):
                self.label_of[free[bare]] = name
            else:
                rest.append(name)
        return rest

    def may_belong(self, label: str, picture: str) -> bool:
        """Frames are often numbered anew in each split: a label file never leads into another."""
        splits = {split for name in (label, picture) if (split := self.tree.split_of(name))}
        return len(splits) < 2

    def entries(self, pictures: Iterable[str], read: ReadOne, empty: str) -> tuple[list[Entry], list[Problem]]:
        """An entry for each picture that has a label file, each file read once; a problem for each that has none."""
        entries: list[Entry] = []
        problems: list[Problem] = []
        for name in pictures:
            label = self.label_of.get(name)
            if label is None:
                what = f"picture without a label file; left out (one without objects has {empty})"
                problems.append(Problem(str(self.tree.path(name)), 1, what))
            elif name in self._entries:
                entries.append(self._entries[name])
            else:
                entries.append(read(self.tree.path(label), self.tree.path(name)))
                self._entries[name] = entries[-1]
        return entries, problems

    def orphans(self, labels: Iterable[str]) -> list[Problem]:
        """A problem for each label file without a picture. It may be beside one that cannot be read here."""
        labels = list(labels)
        others = [name for name in self.tree.names if name.lower().endswith(UNREAD)] if labels else []
        unread = {self.key(name): name for name in others}
        found = []
        for name in labels:
            other = unread.get(self.key(name))
            reason = f" ({other} is of a kind that is not read here: save it as JPEG or PNG)" if other else ""
            found.append(Problem(str(self.tree.path(name)), 1, f"label file without a picture; left out{reason}"))
        return found

    def split_of(self, picture: str) -> str:
        """Whichever side of the tree bears it."""
        places = parent(picture), parent(self.label_of.get(picture, ""))
        return split_of(places[0], self.tree.siblings) or split_of(places[1], self.tree.siblings)

    @cached_property
    def by_bare_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.pictures.values():
            found.setdefault(_bare(name), []).append(name)
        return found

    def named(self, text: str, split: str) -> str | None:
        """The one picture of this name, with or without its suffix, that is in no other split's folder."""
        alike = self.by_bare_name.get(_bare(text)) or self.by_bare_name.get(_bare(f"{text}.jpg")) or []
        alike = [name for name in alike if self.tree.split_of(name) in ("", same_split(split))]
        return alike[0] if len(alike) == 1 else None

    @cached_property
    def by_split(self) -> dict[str, list[str]]:
        """Split → its pictures; all under "" where no folder bears a split, else those outside are told."""
        found: dict[str, list[str]] = {}
        for name in self.pictures.values():
            found.setdefault(self.split_of(name), []).append(name)
        if len(found) > 1:
            for name in found.pop("", []):
                self._report(name, "picture outside the splits' folders; left out")
        return found


def _bare(name: str) -> str:
    return loosest(name).rpartition(".")[0] or loosest(name)


def _lies_better(label: str, other: str) -> bool:
    """Of two label files for one picture, that in labels/, or of XML in annotations/, counts; then any such folder."""
    return _likeliness(label) > _likeliness(other)


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _likeliness(label: str) -> int:
    usual = "annotation" if label.lower().endswith(".xml") else "label"
    folders = [part.lower() for part in label.split("/")[:-1] if is_kind(part, LABEL_FOLDERS)]
    return 2 if any(folder.startswith(usual) for folder in folders) else int(bool(folders))
