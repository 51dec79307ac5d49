"""Which form a folder is in, and what its splits are."""

import hashlib
import re
from collections import Counter
from pathlib import Path

from teachkit.errors import UserError
from teachkit.feed.formats import coco, voc, yolo
from teachkit.feed.formats.copies import without_copies
from teachkit.feed.formats.entry import Contents, Entry
from teachkit.feed.formats.layout import (
    LABEL_FOLDERS,
    SPLITS,
    is_kind,
    parent,
    same_split,
    split_of,
    unused_split_word,
    words,
)
from teachkit.feed.formats.text import decoded
from teachkit.feed.formats.tree import Tree
from teachkit.feed.formats.yolo_yaml import LIKELY as YAML_FILES

YOLO_FILES = (".yaml", ".yml", ".data")
FOLDERS_TOLD = 5
PLACES_TRIED = 20
HEAD = 2**16  # bytes of a file that tell its kind
ANOTHER = "export it again as VOC, COCO or YOLO, with the pictures"
FOREIGN = (  # suffix, what stands near the beginning, and the mend
    (r"\.xml$", r"<annotations[\s>].*<(version|meta|image|track)\b", f"is *CVAT for images*: {ANOTHER}"),
    (r"\.json$", r'"shapes".*"imagePath"|"imagePath".*"shapes"', "is labelme's: make COCO of it, as labelme2coco does"),
    (r"\.json$", r'"shape_attributes"', f"is VIA's own form: {ANOTHER}"),
    (r"\.json$", r'"(from_name|to_name|rectanglelabels)"', f"is Label Studio's own form: {ANOTHER}"),
    (r"\.json$", r'"coordinates"', f"is CreateML's form: {ANOTHER}"),
    (
        r"\.json$",
        r'"images".*"categories"|"categories".*"images"',
        "names pictures and no annotations: export it again",
    ),
    (r"_annotations\.txt$", r"\S \d+,\d+,\d+,\d+,\d+", f"is a list of boxes, as Keras's YOLO wants it: {ANOTHER}"),
    (r"\.csv$", r"(?i)xmin|x_?1|bbox|x_min|left", f"is a table of boxes: {ANOTHER}"),
    (r"\.(tfrecords?|record)$", "", f"is TensorFlow's form: {ANOTHER}"),
    (r"\.(zip|tar|tgz|gz|7z|rar)$", "", "is packed: unpack it, and name the folder in it"),
)


def contents_of(path: Path, divide: bool = False) -> Contents:
    """Of a folder, or of that in which a data.yaml, an obj.data or a COCO file lies. UserError if it holds no set.

    A folder without splits is divided 80 to 20 into train and val by a hash of the file names; divide: so is a train
    split that has no val beside it.
    """
    folder, given = _folder_of(path)
    tree = Tree(folder)
    contents = _recognised(tree, given)
    if contents is None:
        raise UserError(f"{path}: holds no VOC, COCO or YOLO labels with pictures; {_mend(tree, given)}")
    contents.problems[""] = tree.problems + contents.problems[""]
    contents.notes += tree.notes + _unused_splits(contents) + _unread_forms(contents, given)
    if list(contents.splits) == [""]:
        _divide(contents, [""])
    elif divide:
        _divide_train(contents, path)
    return contents


def _folder_of(path: Path) -> tuple[Path, str]:
    """The folder of the data set, and the name of the file to take where one was given."""
    if path.is_dir():
        return path, ""
    if not path.is_file():
        raise UserError(f"{path}: there is no such folder; check the path")
    if path.suffix.lower() in YOLO_FILES:
        return path.parent, path.name
    if path.suffix.lower() == ".json":
        folder = path.parent.parent if is_kind(path.parent.name, LABEL_FOLDERS) else path.parent
        # That of one split is one of several files; any other is the one that was meant.
        of_a_split = any(same_split(word) in SPLITS for word in words(path.stem))
        return folder, "" if of_a_split else path.relative_to(folder).as_posix()
    raise UserError(f"{path}: is neither a folder nor a data.yaml nor a COCO file; give the folder of the data set")


def _recognised(tree: Tree, given: str = "") -> Contents | None:
    """The clearest mark first: a JSON with the three lists is COCO, whatever lies beside it."""
    if given.lower().endswith(YOLO_FILES):
        return yolo.read(tree, given)
    if given:
        return coco.read(tree, given)
    return coco.read(tree) or voc.read(tree) or yolo.read(tree)


def _mend(tree: Tree, given: str) -> str:
    """What to do with a folder that is in no form known here: where the data set lies, or what the tool can export."""
    places = [] if given else sorted(filter(None, tree.folders), key=lambda name: (name.count("/"), name))
    inside = next((place for name in places[:PLACES_TRIED] if _is_data_set(place := tree.path(name))), None)
    if inside:
        return f"did you mean {inside}?"
    for name in tree.names:
        for suffix, signs, mend in FOREIGN:
            if re.search(suffix, name, re.IGNORECASE) and (unread := _unread(tree.path(name), signs)) is not None:
                return f"{tree.path(name)} {unread or mend}"
    return next(iter(tree.notes), "see `python -m teachkit data export shapes OUT` for how they look")


def _unread(file: Path, signs: str) -> str | None:
    """Why a file cannot be read, "" where its head has all the signs in this order, None where it has not."""
    try:
        with file.open("rb") as opened:
            head = decoded(opened.read(HEAD))[0] if signs else ""
    except OSError as error:
        return f"cannot be read ({error.strerror}); mend its rights"
    return "" if re.search(signs, head, re.DOTALL) else None


def _is_data_set(folder: Path) -> bool:
    try:
        return _recognised(Tree(folder)) is not None
    except UserError:
        return False


def _divide_train(contents: Contents, path: Path) -> None:
    """Where no val has pictures: Roboflow's data.yaml names one in any case."""
    filled = {same_split(name) for name, entries in contents.splits.items() if entries}
    parts = [name for name in contents.splits if same_split(name) == "train"]
    if "val" in filled or "train" not in filled:
        return
    for name in [name for name in contents.splits if same_split(name) == "val"]:
        del contents.splits[name]
        contents.problems[""] += contents.problems.pop(name)
    _divide(contents, parts)
    own = " and ".join(parts)
    contents.notes.append(f"{path}: has no val: a fifth of {own}, by a hash of the file names, is taken for it")


def _divide(contents: Contents, parts: list[str]) -> None:
    """A fifth to val, at least one of two. By hash, so that neither the order of the files nor a seed decides."""
    # Copies go first: with one in train and one in val, the score would be of pictures known by heart.
    entries, copies = without_copies([entry for part in parts for entry in contents.splits.pop(part)])
    shared = [problem for part in parts if part for problem in contents.problems.pop(part, [])]
    contents.problems |= {parts[0] or "train": shared, "val": list(shared)}
    contents.problems[""] += copies

    def by_hash(entry: Entry) -> tuple[bytes, str]:
        return hashlib.sha256(entry.picture.name.encode(errors="surrogateescape")).digest(), str(entry.picture)

    count = max(round(len(entries) / 5), 1) if len(entries) > 1 else 0
    chosen = {id(entry) for entry in sorted(entries, key=by_hash)[:count]}
    contents.splits |= {
        parts[0] or "train": [entry for entry in entries if id(entry) not in chosen],
        "val": [entry for entry in entries if id(entry) in chosen],
    }


def _unread_forms(contents: Contents, given: str) -> list[str]:
    """A line if labels in a second form lie beside those that are read: the two may be of different days."""
    tree = contents.tree
    if given or contents.form == "YOLO":
        return []
    yaml_file = next((name for name in YAML_FILES if name in tree.names), None)
    if yaml_file:
        return [
            f"{tree.path(yaml_file)}: is not read, since there are {contents.form} labels; name that file to read it"
        ]
    xml = next(
        (
            name
            for name in tree.names
            if name.lower().endswith(".xml") and contents.form == "COCO" and voc.is_annotation(tree, name)
        ),
        None,
    )
    return [f"{tree.path(xml)}: this and all other VOC labels are not read, since there are COCO labels"] if xml else []


def _unused_splits(contents: Contents) -> list[str]:
    """A line for each folder that bears a split's word, and whose pictures are in no split or in another."""
    tree = contents.tree
    start = len(str(tree.path("x"))) - 1
    in_split: Counter[tuple[str, str]] = Counter()
    used = set()
    for split, entries in contents.splits.items():
        for entry in entries:
            name = str(entry.picture)[start:]
            used.add(name)
            in_split[parent(name), split] += 1
    there = Counter(parent(name) for name in tree.pictures if name not in used)
    told = []
    for (folder, split), count in in_split.items():
        bears = same_split(split_of(folder, tree.siblings))
        if split and bears and bears != same_split(split) and same_split(split) != "trainval":
            told.append(f"{folder}: {count} pictures count as {split}, though their folder bears another split's name")
        elif not contents.listed and (word := unused_split_word(folder, tree.siblings)):
            told.append(f"{folder}: the folder {word!r} has a split's word in its name, and is not taken for one")
    splits = {same_split(split) for split in contents.splits}
    for folder, count in there.items():
        bears = same_split(split_of(folder, tree.siblings))
        if contents.listed and bears and bears not in splits:
            told.append(f"{folder}: {count} pictures in a folder named as a split are in none; left out")
    return told[:FOLDERS_TOLD] + ([f"… and {len(told) - FOLDERS_TOLD} more folders so"] if told[FOLDERS_TOLD:] else [])
