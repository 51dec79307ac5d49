"""Which label file belongs to which picture, and to which split both: for the forms with one label file a picture."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path

from teachkit.feed.examples import Problem
from teachkit.feed.formats.entry import Entry
from teachkit.feed.formats.layout import LABEL_FOLDERS, is_kind, key_of, parent, split_of
from teachkit.feed.formats.tree import Tree, loosest

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
        for name in pictures:
            if (first := self.pictures.setdefault(key_of(name), name)) != name:
                self._report(name, f"shares its label file with {first.rpartition('/')[2]}; left out")
        self._entries: dict[str, Entry] = {}
        self.label_of: dict[str, str] = {}
        spare: list[str] = []
        for name in labels:
            picture = self.pictures.get(key_of(name))
            if picture is None:
                spare.append(name)
            elif _lies_better(name, self.label_of.get(picture)):
                self.label_of[picture] = name
        self.lonely = self._by_bare_name(spare)

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
            if bare in free and count_spare[bare] == 1:
                self.label_of[free[bare]] = name
            else:
                rest.append(name)
        return rest

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
        unread = {key_of(name): name for name in self.tree.names if name.lower().endswith(UNREAD)} if labels else {}
        found = []
        for name in labels:
            other = unread.get(key_of(name))
            reason = f" ({other} is of a kind that is not read here: save it as JPEG or PNG)" if other else ""
            found.append(Problem(str(self.tree.path(name)), 1, f"label file without a picture; left out{reason}"))
        return found

    def split_of(self, picture: str) -> str:
        """Whichever side of the tree bears it."""
        return split_of(parent(picture)) or split_of(parent(self.label_of.get(picture, "")))

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


def _lies_better(label: str, other: str | None) -> bool:
    """Of two label files for one picture, that in a folder for labels counts."""
    return other is None or (_in_labels(label) and not _in_labels(other))


def _in_labels(name: str) -> bool:
    return any(is_kind(part, LABEL_FOLDERS) for part in name.split("/")[:-1])
