"""COCO: one JSON a split with images, annotations and categories; boxes x y width height in pixels.

The split is named by the file (annotations/instances_val2017.json), by its folder (valid/_annotations.coco.json), or
by the folders of the pictures. Category ids become labels 0 … C − 1 in order of id. cocodataset.org, "Data format".
"""

from collections.abc import Mapping
from json.decoder import JSONDecodeError
from pathlib import Path

from teachkit.feed.examples import Problem
from teachkit.feed.formats.classes import checked_name
from teachkit.feed.formats.coco_split import Items, SplitReader
from teachkit.feed.formats.entry import BrokenFileError, Contents, Entry
from teachkit.feed.formats.json_items import Twice, read_items
from teachkit.feed.formats.layout import SPLITS, near, parent, same_split, split_of, stem, words
from teachkit.feed.formats.text import TextError, decoded, guess_told, read_bytes
from teachkit.feed.formats.tree import Tree

LISTS = ("images", "annotations", "categories")
DEEPEST = 1  # folders above a JSON: further down lies another data set, unless the first only says a kind or a split
MOST_BYTES = 2**31
IDS_SHOWN = 20


def read(tree: Tree, given: str = "") -> Contents | None:
    """All that the folder says; None where it is no COCO folder. given: the one file to take.

    BrokenFileError where a JSON of it cannot be used.
    """
    contents = Contents("COCO", tree, listed=True)
    found: dict[str, Items] = {}
    for name in [given] if given else tree.names:
        if (
            name.lower().endswith(".json")
            and (name.count("/") <= DEEPEST or near(name, tree.siblings))
            and (items := _items(tree, name, contents))
        ):
            found[name] = items
    if not found:
        return None
    # The full COCO set has key points and segments of the same pictures beside the boxes.
    boxes = {name: items for name, items in found.items() if name.rpartition("/")[2].startswith("instances")} or found
    names = _categories(boxes, tree)
    contents.classes = list(dict.fromkeys(names[key] for key in sorted(names)))
    place = {name: label for label, name in enumerate(contents.classes)}
    contents.labels = {key: place[name] for key, name in names.items()}
    ids = [str(key) for key in sorted(names)]
    contents.valid = "ids " + ", ".join(ids[:IDS_SHOWN]) + (" …" if len(ids) > IDS_SHOWN else "")
    strayed: dict[str, set[Path]] = {}
    for name, items in boxes.items():
        split = _split(name) if len(boxes) > 1 or same_split(_split(name)) in SPLITS else ""
        if split in contents.splits:
            raise BrokenFileError(
                tree.path(name), 1, f"is a second file for the split {split!r}; keep one, or give that one"
            )
        reader = SplitReader(name, split, items, tree)
        contents.splits[split], contents.problems[split] = reader.read(), reader.problems
        strayed[split] = reader.strayed
    _send_home(strayed, contents)
    if list(contents.splits) == [""]:
        _by_folders(contents)
    contents.problems[""] += _orphans(contents)
    return contents


def _items(tree: Tree, name: str, contents: Contents) -> Items | None:
    """None for a JSON that holds something else."""
    path = tree.path(name)
    try:
        text, encoding = decoded(read_bytes(path, MOST_BYTES))
    except TextError as error:
        contents.problems[""].append(Problem(str(path), 1, f"{error.reason}; left out"))
        return None
    if not all(f'"{key}"' in text for key in LISTS):
        return None
    try:
        items = read_items(text)
    except (JSONDecodeError, RecursionError, ValueError) as error:
        line = error.lineno if isinstance(error, JSONDecodeError) else 1
        reason = error.msg if isinstance(error, JSONDecodeError) else error
        raise BrokenFileError(path, line, f"is not valid JSON: {reason}; mend or export it again") from None
    if lacking := [key for key in LISTS if key not in items]:
        contents.notes.append(f"{path}: {lacking[0]!r} is no list in it; not read")
        return None
    names = (str(category.get("name")) for _, category in items["categories"] if isinstance(category, dict))
    contents.notes += guess_told(path, encoding, names)
    return items


def _split(name: str) -> str:
    """The word in the file's name, or else in its folder's, that names a split; or else the file's name."""
    for text in (stem(name), parent(name).rpartition("/")[2]):
        for word in words(text):
            if same_split(word) in SPLITS:
                return word
    return stem(name)


def _categories(found: Mapping[str, Items], tree: Tree) -> dict[int | str, str]:
    """Id → name over all splits: a label means the same in each. BrokenFileError where two files disagree."""
    names: dict[int | str, str] = {}
    for file, items in found.items():
        for line, category in items["categories"]:
            key, name = (category.get("id"), category.get("name")) if isinstance(category, dict) else (None, None)
            if not isinstance(key, int) or isinstance(key, bool) or not isinstance(name, str) or not name.strip():
                what = f"category needs a whole number as id and a name, not {category!r:.80}"
                raise BrokenFileError(tree.path(file), line, what)
            if isinstance(category, Twice):
                raise BrokenFileError(tree.path(file), line, f"category {key} has {category.key!r:.40} twice")
            name = checked_name(name, tree.path(file), line)
            if names.setdefault(key, name) != name:
                what = f"category {key} is {name!r} here and {names[key]!r} before it"
                raise BrokenFileError(tree.path(file), line, what)
    return names


def _send_home(strayed: Mapping[str, set[Path]], contents: Contents) -> None:
    """Frames are often numbered anew in each split: a picture in another split's folder and file is another picture."""
    for split, entries in contents.splits.items():
        others = {entry.picture for name, its in contents.splits.items() if name != split for entry in its}
        lost = set() if same_split(split) == "trainval" else strayed[split] & others
        for entry in entries if lost else ():
            if entry.picture in lost:
                what = f"names {entry.picture.name!r:.200}, but {entry.picture} is a picture of another split; left out"
                contents.problems[split].append(Problem(str(entry.label_file), entry.size_line, what))
        contents.splits[split] = [entry for entry in entries if entry.picture not in lost]


def _by_folders(contents: Contents) -> None:
    """One JSON that names no split: the folders of its pictures may."""
    divided: dict[str, list[Entry]] = {}
    for entry in contents.splits[""]:
        folder = entry.picture.parent.relative_to(contents.tree.folder).as_posix()
        divided.setdefault(split_of(folder, contents.tree.siblings), []).append(entry)
    if list(divided) == [""]:
        contents.listed = False
        return
    for entry in divided.pop("", []):
        contents.problems[""].append(Problem(str(entry.picture), 1, "picture outside the splits' folders; left out"))
    contents.splits = divided


def _orphans(contents: Contents) -> list[Problem]:
    """Pictures that no JSON names, in the folders where the named ones lie."""
    named = {entry.picture for entries in contents.splits.values() for entry in entries}
    homes = {parent(str(picture)) for picture in named}
    tree = contents.tree
    start = str(tree.path("x"))[:-1]
    return [
        Problem(str(tree.path(name)), 1, "picture that no annotation file names; left out")
        for name in tree.pictures
        if parent(f"{start}{name}") in homes and tree.path(name) not in named
    ]
