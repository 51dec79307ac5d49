"""Every file below the folder that was named, and the one way in which a file name of another machine finds one."""

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from teachkit.errors import UserError
from teachkit.feed.examples import Problem
from teachkit.feed.formats.layout import (
    LABEL_FOLDERS,
    PICTURE_FOLDERS,
    is_kind,
    one_form,
    parent,
    same_split,
    siblings_among,
    split_of,
    splits_in,
)
from teachkit.feed.formats.progress import watched
from teachkit.feed.pictures import SUFFIXES, begins_as_picture

MOST_FILES, DEEPEST = 10**6, 64  # an end for a path such as /, and for folders within each other


class Tree:
    """Plain files that are not hidden, by name relative to the folder, sorted; one outside goes by its whole path.

    problems: folders that could not be looked into; notes: those that hold no data. UserError if the folder itself
    cannot, or holds a million files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.outside: list[str] = []  # folders that were included by their whole paths
        self._seen: set[tuple[int, int]] = set()
        self.names: dict[str, None] = {}
        for name in watched(self._walk(folder, "", 0), "looking through the folder", " files"):
            self.names[name] = None
            if len(self.names) > MOST_FILES:
                raise UserError(
                    f"{folder}: holds more than {MOST_FILES:,} files; name the folder of the data set itself"
                )

    def path(self, name: str) -> Path:
        return self.folder / name

    def _walk(self, directory: Path, name: str, depth: int) -> Iterator[str]:
        """No folder is entered twice, whatever links lead to it."""
        try:
            status = directory.stat()
            if (status.st_dev, status.st_ino) in self._seen:
                return
            self._seen.add((status.st_dev, status.st_ino))
            with os.scandir(directory) as inside:
                items = sorted(inside, key=lambda item: item.name)
        except OSError as error:
            what = f"cannot be looked into ({error.strerror}); mend its rights or move it away"
            if not depth:
                raise UserError(f"{directory}: {what}") from None
            self.problems.append(Problem(str(directory), 1, f"{what}; left out"))
            return
        if depth > DEEPEST:
            self.problems.append(Problem(str(directory), 1, f"lies more than {DEEPEST} folders deep; left out"))
            return
        for item in items:
            if item.name.startswith(".") or (item.is_symlink() and not os.path.exists(item.path)):
                continue  # a link to nowhere; of one to itself the next line would raise an error
            if item.is_dir() and (holds := _holds_no_data(item.name)):
                self.notes.append(f"{directory / item.name}: {holds}; left out")
            elif item.is_dir():
                yield from self._walk(directory / item.name, f"{name}{item.name}/", depth + 1)
            elif item.is_file():
                yield f"{name}{item.name}"

    def include(self, folder: Path) -> str:
        """Takes in a folder outside, with the one beside it that holds its labels. → its name in here."""
        parts = folder.parts
        places = [folder]
        for index in (at for at, part in enumerate(parts) if is_kind(part, PICTURE_FOLDERS)):
            above = Path(*parts[:index])
            places += [Path(*parts[:index], kind, *parts[index + 1 :]) for kind in _folders(above, LABEL_FOLDERS)]
        for place in places:
            if place.is_dir() and str(place) not in self.outside:
                self.outside.append(str(place))
                self.names.update(dict.fromkeys(self._walk(place, f"{place.as_posix()}/", 1)))
        self.__dict__.pop("pictures", None)
        self.__dict__.pop("_by_bare_name", None)
        self.__dict__.pop("_splits", None)
        return folder.as_posix()

    @cached_property
    def pictures(self) -> dict[str, None]:
        """Names of the pictures: by their suffix, or where there is none by how they begin."""
        return dict.fromkeys(name for name in self.names if self._is_picture(name))

    def _is_picture(self, name: str) -> bool:
        suffix = suffix_of(name)
        return suffix in SUFFIXES if suffix else begins_as_picture(self.path(name))

    def below(self, folder: str) -> list[str]:
        """The pictures in a folder; all in "." or ""."""
        start = "" if folder in ("", ".") else f"{folder}/"
        return [name for name in self.pictures if name.startswith(start)]

    @cached_property
    def folders(self) -> set[str]:
        found = {""}
        for name in self.names:
            while (name := name.rpartition("/")[0]) not in found:
                found.add(name)
        return found

    @cached_property
    def _by_bare_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self.pictures:
            found.setdefault(loosest(name), []).append(name)
        return found

    def find(self, text: str, homes: Iterable[str] = ("",), split: str = "") -> str | None:
        """The picture that another machine calls so: as given below one of the homes; else by its bare name.

        Of several with that name the one in the longest common tail of folders, then in a folder of the split; None if
        still two are left. Case, %20, backslashes and an upload's prefix do not count. Never leads out of the folder,
        nor into that of another split.
        """
        plain = text.replace("\\", "/")
        for home in homes:
            name = _below(home, plain)
            if name in self.pictures:
                return name
        alike = self._alike(plain, split)
        if len(alike) <= 1:
            return alike[0] if alike else None
        ranked = sorted(((self._likeness(plain, name, split), name) for name in alike), reverse=True)
        return ranked[0][1] if ranked[0][0] > ranked[1][0] else None

    def _alike(self, plain: str, split: str) -> list[str]:
        """Those of this bare name. Frames are often numbered anew in each split: one of another split is another."""
        alike = self._by_bare_name.get(loosest(plain), [])
        wanted = splits_in(unquote(plain), self.siblings) or {same_split(split)} & self._splits
        if not wanted or "trainval" in wanted:
            return alike
        return [name for name in alike if self.split_of(name) in ("", *wanted)]

    @cached_property
    def _splits(self) -> set[str]:
        """What the folders of pictures bear."""
        return {split for name in self.pictures if (split := self.split_of(name))}

    @cached_property
    def siblings(self) -> frozenset[str]:
        """Names of its folders that bear a split, since another beside them differs in that word alone."""
        return siblings_among(self.folders)

    def split_of(self, name: str) -> str:
        """What the folders of a file bear, one word for all that mean it; "" for none."""
        return same_split(split_of(parent(name), self.siblings))

    def find_place(self, text: str, homes: Iterable[str] = ("",)) -> str | None:
        """A folder or file as given below one of the homes; else by its tail, without the folders of another machine.

        A tail never loses the word of the split that the text bears. Never leads out of the folder.
        """
        plain = posixpath.normpath(text.replace("\\", "/") or ".")
        for home in homes:
            name = _below(home, plain)
            if name == "." or name in self.folders or name in self.names:
                return name
        parts = [part for part in plain.split("/") if part not in ("", ".", "..")]
        tails = ("/".join(parts[start:]) for start in range(len(parts)))
        split = same_split(split_of(plain, self.siblings))
        return next(
            (
                tail
                for tail in tails
                if (tail in self.folders or tail in self.names) and same_split(split_of(tail, self.siblings)) == split
            ),
            None,
        )

    def _likeness(self, wanted: str, name: str, split: str) -> tuple[bool, int, bool]:
        tail = zip(reversed(unquote(wanted).split("/")), reversed(name.split("/")), strict=False)
        same = next((at for at, (one, other) in enumerate(tail) if one_form(one) != one_form(other)), len(name))
        return same > 0, same, bool(split) and self.split_of(name) == same_split(split)

    def missing(self, text: str, split: str = "") -> str:
        """Why `find` gave nothing."""
        count = len(self._alike(text.replace("\\", "/"), split))
        return f"there {f'are {count} pictures' if count else 'is no picture'} {text!r:.200} in the folder"


def loosest(name: str) -> str:
    """The bare name as far as every tool keeps it. Label Studio's uploads have eight signs before it, and no blanks."""
    bare = one_form(unquote(name.rpartition("/")[2])).casefold().partition("?")[0] or name.rpartition("/")[2]
    return re.sub(r"^[0-9a-f]{8}-(?=.)", "", bare.rpartition("/")[2].replace(" ", "_"))


def _holds_no_data(folder: str) -> str:
    """What a folder of this name holds, if it is nothing to learn from; "" else."""
    if folder == "__MACOSX":
        return "is what a Mac packs beside the files"
    return "holds what a detector wrote" if re.fullmatch(r"runs|predict\d*", folder) else ""


def _below(home: str, plain: str) -> str:
    name = f"{home}/{plain}" if home and not plain.startswith("/") else plain
    return posixpath.normpath(name) if "./" in name or "//" in name else name


def suffix_of(name: str) -> str:
    """With its point, in lower case; "" for none: 2024.05 has none."""
    found = re.search(r"[^/](\.[^\W\d_]\w{0,9})$", name)
    return found[1].lower() if found else ""


def _folders(above: Path, kinds: frozenset[str]) -> list[str]:
    try:
        return sorted(item.name for item in os.scandir(above) if is_kind(item.name, kinds) and item.is_dir())
    except OSError:
        return []
