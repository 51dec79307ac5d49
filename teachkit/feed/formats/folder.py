"""A folder of pictures and labels to Examples, whatever form it is in, and what is wrong with it."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.examples import Examples, Problem
from teachkit.feed.formats.contents import contents_of
from teachkit.feed.formats.copies import without_copies
from teachkit.feed.formats.entry import BrokenFileError, Contents, Entry
from teachkit.feed.formats.layout import same_split
from teachkit.feed.formats.objects import FRACTIONS_END, Found, objects_of
from teachkit.feed.formats.progress import watched
from teachkit.feed.pictures import PictureError, orientation, picture_size, read_picture

KEPT_BYTES = 256 * 2**20  # decoded pictures held in memory; the others stay paths
TRAINING_SPLITS = ("train", "trainval")  # shuffled and augmented, too, unless told otherwise
REASONS_SHOWN = 3
SURELY_PIXELS = 64  # px: on a picture with such a side no set of labels has all its boxes in two pixels


def read_folder(path: str | Path, split: str = "train", strict: bool = False, divide: bool = False) -> Examples:
    """One split of a VOC, COCO or YOLO folder, recognised by what is in it; or of the folder of the file given.

    What cannot be used is left out and named in .problems. divide: as `contents_of` has it. Pictures are decoded here
    up to 256 MiB; beyond that they stay paths. UserError if the folder, the split or a file that all hangs on is not
    there or broken, or if no object of a training split can be used; with strict, at any problem.
    """
    contents = contents_of(Path(path), divide)
    own_names = _own_names(split, contents, path)
    entries, copies = without_copies([entry for name in own_names for entry in contents.splits[name]])
    of_split = [problem for name in own_names for problem in contents.problems.get(name, [])]
    problems = [*contents.problems[""], *of_split, *copies]
    examples = Examples([], [], [], [], contents.classes, problems)
    remarks = Remarks()
    for entry, image, found in _usable(entries, contents, problems, KEPT_BYTES):
        examples.images.append(image)
        examples.boxes.append(found.boxes)
        examples.labels.append(found.labels)
        examples.difficult.append(found.difficult)
        examples.names.append(entry.picture.name)
        remarks.add(entry, found)
    problems[:0] = remarks.fractions(contents.form)
    if problems and (strict or not examples.images):
        raise UserError(str(problems[0]))
    if not examples.images:
        raise UserError(f"{path}: the split {split!r} has no pictures")
    if (problems or remarks.difficult) and same_split(split) in TRAINING_SPLITS and not remarks.objects:
        reasons = "; ".join([*map(str, problems[:REASONS_SHOWN]), *remarks.notes()])
        many = f", {len(problems)} problems" if problems else ""
        raise UserError(f"{path}: no object of the split {split!r} can be used{many}: {reasons}")
    examples.notes = [*contents.notes, *remarks.notes()]
    return examples


def split_names(path: str | Path) -> list[str]:
    """The splits of a folder, by its own names. UserError if there is no folder in a known form."""
    return list(contents_of(Path(path)).splits)


@dataclass
class Remarks:
    """What is said of many entries in one line. objects: how many; corner of a box, side of a picture: the largest."""

    objects: int = 0
    corner: float = 0.0
    side: int = 0
    first_row: tuple[str, int, str] | None = None
    difficult: int = 0
    turned: int = 0
    made: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, entry: Entry, found: Found) -> None:
        self.objects += len(found.labels)
        self.difficult += len(found.difficult[1])
        self.turned += found.turned
        self.side = max(self.side, *found.size)
        for row in entry.rows:
            self.first_row = self.first_row or (str(entry.label_file), row.line, row.note)
            self.corner = max(self.corner, math.inf if entry.fractions else max(row.box))
            if row.made_from:
                self.made[row.made_from] += 1
                self.first.setdefault(row.made_from, f"{entry.label_file}:{row.line}")

    def fractions(self, form: str) -> list[Problem]:
        """Boxes in pixels that all lie in the first two are most likely none: told at the first of them."""
        if self.first_row is None or self.corner > FRACTIONS_END or self.side < SURELY_PIXELS:
            return []
        file, line, note = self.first_row
        what = f"this box and all others lie below 2 px: are they fractions of the sides? {form} wants pixels"
        return [Problem(file, line, note + what)]

    def notes(self) -> list[str]:
        told = [
            f"{count} objects are {kind}: the boxes that enclose them are taken, first in {self.first[kind]}"
            for kind, count in self.made.items()
        ]
        if self.difficult:
            what = "neither learned from, nor counted as found or missed"
            told.append(f"{self.difficult} objects are marked as difficult or to be ignored: {what}")
        if self.turned:
            told.append(
                f"{self.turned} pictures lie on their side in their files, and so did their boxes: turned along"
            )
        return told


@dataclass
class Report:
    """What `data check` tells. splits: name → pictures and objects of each that can be used."""

    form: str = ""
    classes: list[str] = field(default_factory=list)
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(path: str | Path) -> list[Problem]:
    """What is wrong in any split, every picture decoded. UserError if there is no folder in a known form."""
    return examine(path).problems


def examine(path: str | Path) -> Report:
    """All of `check`, and what was read. UserError likewise."""
    try:
        contents = contents_of(Path(path))
    except BrokenFileError as error:
        return Report(problems=[error.problem])
    problems = [problem for group in contents.problems.values() for problem in group]
    once: dict[tuple[Path, Path], Entry] = {}  # a picture of train may be in trainval too
    for entries in contents.splits.values():
        kept, copies = without_copies(entries)
        problems += copies
        once.update(((entry.picture, entry.label_file), entry) for entry in kept)
    problems += without_copies(list(once.values()), "and another split holds that one")[1]
    usable, set_apart, remarks = {}, {}, Remarks()
    for entry, _, found in _usable(list(once.values()), contents, problems, kept_bytes=None):
        usable[id(entry)], set_apart[id(entry)] = len(found.labels), len(found.difficult[1])
        remarks.add(entry, found)
    problems[:0] = remarks.fractions(contents.form)
    splits = {
        name: (len(its := [usable[id(entry)] for entry in entries if id(entry) in usable]), sum(its))
        for name, entries in contents.splits.items()
    }
    for name, (_, objects) in splits.items():
        difficult = [entry for entry in contents.splits[name] if set_apart.get(id(entry))]
        if same_split(name) in TRAINING_SPLITS and difficult and not objects:
            file, line = difficult[0].label_file, next(row.line for row in difficult[0].rows if row.difficult)
            what = f"this object and all others of {name} are marked as difficult: there is none to learn from"
            problems.append(Problem(str(file), line, what))
    notes = [*contents.notes, *remarks.notes()]
    return Report(contents.form, contents.classes, splits, list(dict.fromkeys(problems)), notes)


def _own_names(split: str, contents: Contents, path: str | Path) -> list[str]:
    """The folder's own names for the split: val is valid, or val2007 and val2012. UserError if it has none such."""
    names = [name for name in contents.splits if name == split or same_split(name) == same_split(split)]
    if not names:
        from_train = same_split(split) == "val" and "train" in map(same_split, contents.splits)
        mend = "; with divide=True, for train as for val, a fifth of train is taken for it" if from_train else ""
        raise UserError(f"{path}: has no split {split!r}; it has {', '.join(contents.splits) or 'none'}{mend}")
    return [split] if split in names else names


def _usable(
    entries: list[Entry], contents: Contents, problems: list[Problem], kept_bytes: int | None
) -> Iterator[tuple[Entry, Tensor | Path, Found]]:
    """Entry, picture and objects of what can be used; adds to problems. kept_bytes: None decodes all pictures."""
    used = 0
    for entry in watched(entries, "reading"):
        if not entry.readable:
            problems += entry.problems
            continue
        image: Tensor | Path = entry.picture
        try:
            if kept_bytes is None or used < kept_bytes:
                image = read_picture(entry.picture)
                used += image.numel()
                height, width = image.shape[1:]
            else:
                height, width = picture_size(entry.picture)
            # Labels drawn on the picture as it lies in its file say so by its size.
            lies = orientation(entry.picture) if entry.size == (width, height) != (height, width) else 1
        except PictureError as error:
            problems.append(Problem(str(error.file), 1, f"{error.reason}; picture left out"))
            continue
        found = objects_of(entry, contents, (height, width), lies)
        problems += found.problems
        yield entry, image, found
