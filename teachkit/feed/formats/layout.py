"""What the names of folders mean, in all three forms: which bear a split, which only say what kind of file is inside.

A folder bears a split if its words are one of a split and none but of such kinds: train, val2017, training_set,
test_images, obj_train_data; not crash_test. So do siblings, which differ in that word alone: pets_train and pets_test.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

SAME_SPLIT = {
    "training": "train", "trainset": "train", "valid": "val", "validation": "val", "valset": "val",
    "validset": "val", "eval": "val", "testing": "test", "testset": "test",
}  # fmt: skip
SPLITS = frozenset({"train", "val", "test", "trainval", *SAME_SPLIT})
PICTURE_FOLDERS = frozenset({"images", "image", "img", "imgs", "jpegimages", "pictures", "photos", "data"})
LABEL_FOLDERS = frozenset({"labels", "label", "annotations", "annotation", "anns", "xml", "xmls", "txt", "txts"})
FILLERS = PICTURE_FOLDERS | LABEL_FOLDERS | {"jpeg", "set", "sets", "dataset", "split", "part", "obj", "folder"}


NONE: frozenset[str] = frozenset()


def words(name: str) -> list[str]:
    """`trainImages_2017` → train, images."""
    return [word for word in _parts(name) if not word.isdecimal()]


def _parts(name: str) -> list[str]:
    """`trainImages_2017` → train, images, 2017."""
    found = re.findall(r"\d+|[^\W\d_]+", name)
    return [word.lower() for part in found for word in re.split(r"(?<=[a-z])(?=[A-Z])", part)]


def siblings_among(folders: Iterable[str]) -> frozenset[str]:
    """Names of folders that lie beside each other and differ in the word of a split alone."""
    alike: dict[tuple[str, ...], dict[str, str]] = {}
    for folder in folders:
        name = folder.rpartition("/")[2]
        if len(splits := SPLITS.intersection(words(name))) == 1:
            rest = ("" if word in SPLITS else word for word in words(name))
            alike.setdefault((parent(folder), *rest), {})[name] = same_split(*splits)
    return frozenset(name for its in alike.values() if len(set(its.values())) > 1 for name in its)


def same_split(name: str) -> str:
    """`valid`, `val2017` and `validation_set` are all `val`; what is no split's name stays, in lower case."""
    bears = _split_of_folder(name)
    return SAME_SPLIT.get(bears.lower().rstrip("0123456789"), bears.lower().rstrip("0123456789")) or name.lower()


@lru_cache(maxsize=4096)
def _split_of_folder(name: str, siblings: frozenset[str] = NONE) -> str:
    """The split that one folder bears, in its own word; "" for none."""
    found = words(name)
    splits = [word for word in found if word in SPLITS]
    plain = FILLERS.issuperset(word for word in found if word not in SPLITS)
    if len(splits) != 1 or not (plain or name in siblings):
        return ""
    return name if len(found) == 1 and re.fullmatch(r"[^\W\d_]+\d*", name) else splits[0]


@lru_cache(maxsize=65536)
def split_of(folder: str, siblings: frozenset[str]) -> str:
    """The split that a path of folders bears, in its own word: the outermost that bears one; "" for none."""
    return next((split for part in folder.split("/") if (split := _split_of_folder(part, siblings))), "")


def splits_in(path: str, siblings: frozenset[str]) -> set[str]:
    """The splits that any of its folders bear: one of another machine may lie in several."""
    return {same_split(split) for part in path.split("/")[:-1] if (split := _split_of_folder(part, siblings))}


@lru_cache(maxsize=65536)
def unused_split_word(folder: str, siblings: frozenset[str]) -> str:
    """The first of its folders that has a split's word in its name and yet is not the one that counts; "" for none."""
    used = False
    for part in folder.split("/"):
        if _split_of_folder(part, siblings) and not used:
            used = True
        elif not SPLITS.isdisjoint(words(part)):
            return part
    return ""


def is_kind(part: str, kinds: frozenset[str]) -> bool:
    return part.lower() in kinds


@lru_cache(maxsize=65536)
def _place(folder: str, numbered: bool, siblings: frozenset[str]) -> str:
    """A path of folders without those that say only a kind, splits in one word: train/images and labels/train agree.

    numbered: train1 and train2 do not.
    """
    kept = []
    for part in folder.split("/"):
        split = _split_of_folder(part)
        if part in siblings and not split:
            kept.append(" ".join(SAME_SPLIT.get(word, word) for word in _parts(part) if word not in FILLERS))
        elif split:
            kept.append("".join(re.findall(r"\d+$", part)[:numbered]) + same_split(split))
        elif part and part.lower() not in PICTURE_FOLDERS | LABEL_FOLDERS:
            kept.append(one_form(part))
    return "/".join(kept)


def near(name: str, siblings: frozenset[str]) -> bool:
    """Not in a folder of its own, where another data set would lie, but at the top, or below a kind or a split."""
    first, rest, _ = name.partition("/")
    return not rest or first.lower() in PICTURE_FOLDERS | LABEL_FOLDERS or bool(_split_of_folder(first, siblings))


def parent(name: str) -> str:
    return name.rpartition("/")[0]


def stem(name: str) -> str:
    """The bare name without its suffix."""
    bare = name.rpartition("/")[2]
    return bare.rpartition(".")[0] or bare


def key_of(name: str, siblings: frozenset[str], numbered: bool = False) -> str:
    """The same for a picture and the label file that belongs to it, wherever a usual layout puts the two.

    numbered: the numbers of splits count.
    """
    return f"{_place(parent(name), numbered, siblings)}/{one_form(stem(name))}"


def one_form(text: str) -> str:
    """ö is one sign or two, as the system wrote it."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
