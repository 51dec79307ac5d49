"""Pascal VOC: one XML a picture, boxes xmin ymin xmax ymax in pixels, taken as they stand.

Annotations/*.xml with JPEGImages/ and ImageSets/Main/<split>.txt; or XML and pictures side by side or in folders of
their own, below or above one for each split. Everingham and Winn 2010, VOC2010 Development Kit.
"""

import html
import re
from collections.abc import Iterator
from contextlib import suppress

from teachkit.feed.examples import Problem
from teachkit.feed.formats.classes import class_files, classes_in
from teachkit.feed.formats.entry import Contents
from teachkit.feed.formats.layout import (
    LABEL_FOLDERS,
    PICTURE_FOLDERS,
    SPLITS,
    is_kind,
    near,
    parent,
    same_split,
    stem,
)
from teachkit.feed.formats.pairs import Pairs
from teachkit.feed.formats.text import GUESSED, TextError, guess_told, read_text
from teachkit.feed.formats.tree import Tree, suffix_of
from teachkit.feed.formats.voc_xml import read_xml
from teachkit.feed.pictures import SUFFIXES

LISTS = ("imagesets/main", "imagesets")  # some leave Main out
EMPTY = "an XML without <object>"


def read(tree: Tree) -> Contents | None:
    """All that the folder says; None where it is no VOC folder."""
    labels = [name for name in tree.names if name.lower().endswith(".xml")]
    # Stanford's dogs have XML without a suffix.
    labels = labels or [name for name in tree.names if not suffix_of(name) and is_annotation(tree, name)]
    if not any(is_annotation(tree, name) for name in labels):
        return None
    pairs = Pairs(tree, _pictures(tree, labels), labels)
    lonely = list(_without_a_picture(pairs))
    if not any(near(label, tree.siblings) or parent(label) == parent(name) for name, label in pairs.label_of.items()):
        return None
    contents = Contents("VOC", tree)
    lists = list(_lists(tree, pairs))
    for split, stems, problems in lists:
        contents.splits[split], more = pairs.entries(stems, read_xml, EMPTY)
        contents.problems[split] = problems + more
    if lists:
        contents.listed = True
        named = {name for _, stems, _ in lists for name in stems}
        unlabelled = [name for name in pairs.pictures.values() if name not in pairs.label_of and name not in named]
        contents.problems[""] += pairs.entries(unlabelled, read_xml, EMPTY)[1]
    else:
        for split, pictures in pairs.by_split.items():
            contents.splits[split], more = pairs.entries(pictures, read_xml, EMPTY)
            contents.problems.setdefault(split, []).extend(more)
    contents.notes += pairs.notes
    contents.problems[""] += pairs.problems + pairs.orphans(lonely)
    if list(contents.splits) == ["default"]:  # CVAT's name for what was not divided
        contents.splits = {"": contents.splits["default"]}
        contents.problems[""] += contents.problems.pop("default")
    _name_classes(contents)
    entries = [entry for its in contents.splits.values() for entry in its]
    for encoding in GUESSED:
        if guessed := [entry for entry in entries if entry.encoding == encoding]:
            names = dict.fromkeys(str(row.key) for entry in guessed for row in entry.rows)
            contents.notes += guess_told(guessed[0].label_file, encoding, names)
    return contents


def _name_classes(contents: Contents) -> None:
    seen = {str(row.key) for entries in contents.splits.values() for entry in entries for row in entry.rows}
    files = class_files(contents.tree, ("classes.txt",))
    contents.classes = classes_in(contents, files, numbered=False) or sorted(seen)
    contents.labels = {name: label for label, name in enumerate(contents.classes)}
    contents.valid = ", ".join(repr(name) for name in contents.classes)


def is_annotation(tree: Tree, name: str) -> bool:
    """By its first bytes, in any encoding. CVAT's own <annotations>, of all pictures in one file, is another form."""
    try:
        with open(tree.path(name), "rb") as file:
            return bool(re.search(rb"<annotation[\s>]", file.read(1000).replace(b"\0", b"")))
    except OSError:
        return False


def _pictures(tree: Tree, labels: list[str]) -> list[str]:
    """Where labels have a folder of their own, those in the pictures': masks of a VOC devkit have the same names."""
    at_home = [name for name in tree.pictures if any(is_kind(part, PICTURE_FOLDERS) for part in name.split("/")[:-1])]
    apart = any(is_kind(part, LABEL_FOLDERS) for name in labels for part in name.split("/")[:-1])
    return at_home if apart and at_home else list(tree.pictures)


def _without_a_picture(pairs: Pairs) -> Iterator[str]:
    """Label files that no picture is called like; one whose <filename> is a picture without labels is paired."""
    for label in pairs.lonely:
        if not is_annotation(pairs.tree, label):
            continue
        with suppress(TextError):
            said = re.search(r"<filename>(.*?)</filename>", read_text(pairs.tree.path(label)), re.DOTALL)
            picture = pairs.tree.find(html.unescape(said[1]).strip()) if said else None
            if picture and picture not in pairs.label_of and pairs.may_belong(label, picture):
                pairs.label_of[picture] = label
                continue
        yield label


def _lists(tree: Tree, pairs: Pairs) -> Iterator[tuple[str, list[str], list[Problem]]]:
    """Of each split the name, its pictures, and what is wrong with the list."""
    for name in tree.names:
        split, home = stem(name), parent(name).lower()
        if not name.endswith(".txt") or home not in (*LISTS, "", "main"):
            continue
        if home not in LISTS and same_split(split) not in SPLITS:
            continue
        try:
            lines = [line.strip() for line in read_text(tree.path(name)).split("\n")]
        except TextError as error:
            yield split, [], [Problem(str(tree.path(name)), 1, f"{error.reason}; left out")]
            continue
        if not _is_list_of_one_class(lines, pairs):
            yield split, *_listed(lines, name, pairs)


def _is_list_of_one_class(lines: list[str], pairs: Pairs) -> bool:
    """As aeroplane_train.txt: a second column that says 1, 0 or −1 of each picture."""
    filled = [line for line in lines if line]
    return bool(filled) and all(re.fullmatch(r"\S+\s+(1|0|-1)", line) and not _find(line, pairs) for line in filled)


def _find(line: str, pairs: Pairs, split: str = "") -> str | None:
    """The picture that a line of a list names: by its stem, or by its name; some lists keep the suffix."""
    found = pairs.pictures.get(pairs.key(f"{line}.jpg"))
    if found is None and line.lower().endswith(tuple(SUFFIXES)):
        found = pairs.pictures.get(pairs.key(line)) or pairs.tree.find(line, split=split)
    return found or pairs.named(line, split)


def _listed(lines: list[str], name: str, pairs: Pairs) -> tuple[list[str], list[Problem]]:
    """The pictures that a split's list names, each once, and what is wrong with the list."""
    first_line: dict[str, int] = {}
    problems: list[Problem] = []
    for place, line in enumerate(lines, 1):
        if not line:
            continue
        picture = _find(line, pairs, stem(name))
        if picture is None:
            what = f"there is no picture {line!r:.200}; left out"
        elif picture in first_line:
            what = f"names {line!r:.200} again, as line {first_line[picture]}; left out"
        else:
            first_line[picture] = place
            continue
        problems.append(Problem(str(pairs.tree.path(name)), place, what))
    return list(first_line), problems
