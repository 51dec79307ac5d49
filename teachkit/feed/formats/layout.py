"""What the names of folders mean, in all three forms: which bear a split, which only say what kind of file is inside.

A folder bears a split if its words are one of a split and none but of such kinds: train, val2017, training_set,
test_images, obj_train_data; not crash_test.
"""

import re
import unicodedata
from functools import lru_cache

SAME_SPLIT = {
    "training": "train", "trainset": "train", "valid": "val", "validation": "val", "valset": "val",
    "validset": "val", "eval": "val", "testing": "test", "testset": "test",
}  # fmt: skip
SPLITS = frozenset({"train", "val", "test", "trainval", *SAME_SPLIT})
PICTURE_FOLDERS = frozenset({"images", "image", "img", "imgs", "jpegimages", "pictures", "photos", "data"})
LABEL_FOLDERS = frozenset({"labels", "label", "annotations", "annotation", "anns", "xml", "xmls", "txt", "txts"})
FILLERS = PICTURE_FOLDERS | LABEL_FOLDERS | {"jpeg", "set", "sets", "dataset", "split", "part", "obj", "folder"}


def words(name: str) -> list[str]:
    """`trainImages_2017` → train, images."""
    return [word.lower() for part in re.findall(r"[^\W\d_]+", name) for word in re.split(r"(?<=[a-z])(?=[A-Z])", part)]


def same_split(name: str) -> str:
    """`valid`, `val2017` and `validation_set` are all `val`; what is no split's name stays, in lower case."""
    bears = _split_of_folder(name)
    return SAME_SPLIT.get(bears.lower().rstrip("0123456789"), bears.lower().rstrip("0123456789")) or name.lower()


@lru_cache(maxsize=4096)
def _split_of_folder(name: str) -> str:
    """The split that one folder bears, in its own word; "" for none."""
    found = words(name)
    splits = [word for word in found if word in SPLITS]
    if len(splits) != 1 or not FILLERS.issuperset(word for word in found if word not in SPLITS):
        return ""
    return name if len(found) == 1 and re.fullmatch(r"[^\W\d_]+\d*", name) else splits[0]


@lru_cache(maxsize=65536)
def split_of(folder: str) -> str:
    """The split that a path of folders bears, in its own word: the outermost that bears one; "" for none."""
    return next((split for part in folder.split("/") if (split := _split_of_folder(part))), "")


def splits_in(path: str) -> set[str]:
    """The splits that any of its folders bear: one of another machine may lie in several."""
    return {same_split(split) for part in path.split("/")[:-1] if (split := _split_of_folder(part))}


@lru_cache(maxsize=65536)
def unused_split_word(folder: str) -> str:
    """The first of its folders that has a split's word in its name and yet is not the one that counts; "" for none."""
    used = False
    for part in folder.split("/"):
        if _split_of_folder(part) and not used:
            used = True
        elif not SPLITS.isdisjoint(words(part)):
            return part
    return ""


def is_kind(part: str, kinds: frozenset[str]) -> bool:
    return part.lower() in kinds


@lru_cache(maxsize=65536)
def _place(folder: str, numbered: bool) -> str:
    """A path of folders without those that say only a kind, splits in one word: train/images and labels/train agree.

    numbered: train1 and train2 do not.
    """
    kept = []
    for part in folder.split("/"):
        split = _split_of_folder(part)
        if split:
            kept.append("".join(re.findall(r"\d+$", part)[:numbered]) + same_split(split))
        elif part and part.lower() not in PICTURE_FOLDERS | LABEL_FOLDERS:
            kept.append(one_form(part))
    return "/".join(kept)


def near(name: str) -> bool:
    """Not in a folder of its own, where another data set would lie, but at the top, or below a kind or a split."""
    first, rest, _ = name.partition("/")
    return not rest or first.lower() in PICTURE_FOLDERS | LABEL_FOLDERS or bool(_split_of_folder(first))


def parent(name: str) -> str:
    return name.rpartition("/")[0]


def stem(name: str) -> str:
    """The bare name without its suffix."""
    bare = name.rpartition("/")[2]
    return bare.rpartition(".")[0] or bare


def key_of(name: str, numbered: bool = False) -> str:
    """The same for a picture and the label file that belongs to it, wherever a usual layout puts the two.

    numbered: the numbers of splits count.
    """
    return f"{_place(parent(name), numbered)}/{one_form(stem(name))}"


def one_form(text: str) -> str:
    """ö is one sign or two, as the system wrote it."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
