"""YOLO: one text file of labels a picture.

data.yaml or obj.data names the classes and the pictures of each split; or images/ stands beside labels/, split by
folders in or above them; or pictures and text files lie side by side. Darknet's form: its scripts/voc_label.py.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from teachkit.feed.formats.classes import class_files, classes_in
from teachkit.feed.formats.darknet import read_darknet
from teachkit.feed.formats.entry import BrokenFileError, Contents
from teachkit.feed.formats.layout import LABEL_FOLDERS, is_kind, near, parent
from teachkit.feed.formats.pairs import Pairs
from teachkit.feed.formats.text import TextError, number, read_text
from teachkit.feed.formats.tree import Tree
from teachkit.feed.formats.yolo_labels import read_labels
from teachkit.feed.formats.yolo_sources import Settings, pictures_of
from teachkit.feed.formats.yolo_yaml import read_yaml

EMPTY = "an empty label file"


def read(tree: Tree, given: str = "") -> Contents | None:
    """All that the folder says; None where it is no YOLO folder. given: the data.yaml or obj.data to take.

    BrokenFileError where the file that describes the folder cannot be used.
    """
    contents = Contents("YOLO", tree)
    settings = read_yaml(tree, given if not given.endswith(".data") else "", contents)
    if not (settings and settings.sources):
        darknet = read_darknet(tree, given if given.endswith(".data") else "")
        settings = _with_sources(settings, darknet) if settings and darknet else settings or darknet
    pictures = pictures_of(settings, contents) if settings else {}
    names = class_files(tree)
    listed = {source for sources in (settings.sources.values() if settings else ()) for source in sources}
    labels = [name for name in tree.names if name.lower().endswith(".txt") and name not in names and name not in listed]
    pairs = Pairs(tree, tree.pictures, labels)
    named_at_the_top = settings or any("/" not in name for name in names)  # for all the folders below
    if not named_at_the_top and not any(near(name, tree.siblings) for name in pairs.label_of):
        return None
    if not (settings and settings.sources) and not pairs.label_of:
        return None
    contents.listed = bool(pictures)
    read_one = partial(read_labels, keypoints=settings.keypoints if settings else 0)
    for split, its in (pictures or pairs.by_split).items():
        contents.splits[split], more = pairs.entries(its, read_one, EMPTY)
        contents.problems[split] = contents.problems.get(split, []) + more
    contents.notes += pairs.notes
    contents.problems[""] += pairs.problems + pairs.orphans(_orphans(pairs))
    _name_classes(contents, settings, names)
    return contents


def _with_sources(settings: Settings, other: Settings) -> Settings:
    """A data.yaml that only names the classes, and the lists of pictures beside it."""
    classes = settings.classes
    return Settings(other.file, other.text, other.sources, classes, class_files=other.class_files)


def _orphans(pairs: Pairs) -> Iterable[str]:
    """Label files under labels/, or beside others, that belong to no picture."""
    homes = {parent(label) for label in pairs.label_of.values()}
    for name in pairs.lonely:
        in_labels = any(is_kind(part, LABEL_FOLDERS) for part in name.split("/")[:-1])
        if (in_labels or parent(name) in homes) and _holds_labels(pairs.tree, name, in_labels):
            yield name


def _holds_labels(tree: Tree, name: str, if_empty: bool) -> bool:
    """Tells a label file from a list of classes or of pictures, or a read-me, that lies beside it."""
    try:
        lines = read_text(tree.path(name)).split("\n")
    except TextError:
        return if_empty
    words = next((line.split() for line in lines if line.strip()), None)
    return if_empty if words is None else len(words) >= 5 and number(words[1]) is not None


def _contradicted(names: Sequence[str], settings: Settings, contents: Contents, files: Sequence[str]) -> list[str]:
    """A line if classes.txt, by which the labels were drawn, has other names than data.yaml."""
    try:
        others = classes_in(contents, files, numbered=True) or []
    except BrokenFileError:
        return []
    place = next((at for at, pair in enumerate(zip(names, others, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        return []
    what = f"class {place} is {names[place]!r} here and {others[place]!r} in {contents.tree.path(files[0])}"
    return [f"{settings.file}: {what}; these names are taken: make the two agree"]


def _name_classes(contents: Contents, settings: Settings | None, files: list[str]) -> None:
    names = settings.classes if settings else None
    if names and settings:
        contents.notes += _contradicted(names, settings, contents, files)
    if names is None:
        names = classes_in(contents, (settings.class_files if settings else []) or files, numbered=True)
    if names is None:
        rows = [row for entries in contents.splits.values() for entry in entries for row in entry.rows]
        keys = sorted({row.key for row in rows if isinstance(row.key, int) and row.key >= 0})
        contents.classes = [str(key) for key in keys]
        contents.labels = {key: label for label, key in enumerate(keys)}
        contents.valid = "whole numbers from 0"
        contents.notes.append("no file names the classes (data.yaml, classes.txt): they are called by their numbers")
    else:
        contents.classes = names
        contents.labels = {key: key for key in range(len(names))}
        contents.valid = f"0 to {len(names) - 1}"
