"""A folder of pictures and labels to Examples, whatever form it is in, and what is wrong with it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.examples import Examples, Problem
from teachkit.feed.formats import coco, voc, yolo
from teachkit.feed.formats.entry import BrokenFileError, Contents, Entry, files_in, same_split
from teachkit.feed.formats.objects import objects_of
from teachkit.feed.formats.progress import watched
from teachkit.feed.pictures import PictureError, picture_size, read_picture

READERS = (coco, voc, yolo)  # the clearest mark first: a JSON with the three lists is COCO, whatever lies beside it
KEPT_BYTES = 256 * 2**20  # decoded pictures held in memory; the others stay paths


def read_folder(path: str | Path, split: str = "train", strict: bool = False) -> Examples:
    """One split of a VOC, COCO or YOLO folder, recognised by what is in it.

    What cannot be used is left out and named in .problems. A folder without splits is divided 80 to 20 into train and
    val by a hash of the file names. Pictures are decoded here up to 256 MiB; beyond that they stay paths.
    UserError if the folder, the split or a file that all hangs on is not there or broken; with strict, at any problem.
    """
    contents = _contents(Path(path))
    own_name = _own_name(split, contents, path)
    entries, copies = _without_copies(contents.splits[own_name])
    problems = [*contents.problems[""], *contents.problems.get(own_name, []), *copies]
    examples = Examples([], [], [], [], contents.classes, problems)
    for entry, image, boxes, labels in _usable(entries, contents, problems, KEPT_BYTES):
        examples.images.append(image)
        examples.boxes.append(boxes)
        examples.labels.append(labels)
        examples.names.append(entry.picture.name)
    if problems and (strict or not examples.images):
        raise UserError(str(problems[0]))
    if not examples.images:
        raise UserError(f"{path}: the split {split!r} has no pictures")
    return examples


def split_names(path: str | Path) -> list[str]:
    """The splits of a folder, by its own names. UserError if there is no folder in a known form."""
    return list(_contents(Path(path)).splits)


def check(path: str | Path) -> list[Problem]:
    """What is wrong in any split, every picture decoded. UserError if there is no folder in a known form."""
    try:
        contents = _contents(Path(path))
    except BrokenFileError as error:
        return [error.problem]
    problems = [problem for group in contents.problems.values() for problem in group]
    once: dict[tuple[Path, Path], Entry] = {}  # a picture of train may be in trainval too
    for entries in contents.splits.values():
        kept, copies = _without_copies(entries)
        problems += copies
        once.update(((entry.picture, entry.label_file), entry) for entry in kept)
    problems += _without_copies(list(once.values()), "and another split holds that one")[1]
    for _ in _usable(list(once.values()), contents, problems, kept_bytes=None):
        pass
    return list(dict.fromkeys(problems))


def _contents(folder: Path) -> Contents:
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; check the path")
    contents = _recognised(folder)
    if contents is None:
        below = (sub for sub in sorted(folder.iterdir()) if sub.is_dir() and not sub.name.startswith("."))
        inside = next((sub for sub in below if _recognised(sub)), None)
        mend = (
            f"did you mean {inside}?" if inside else "see `python -m teachkit data export shapes OUT` for how they look"
        )
        raise UserError(f"{folder}: holds no VOC, COCO or YOLO labels with pictures; {mend}")
    if list(contents.splits) == [""]:
        # Copies go first: with one in train and one in val, the score would be of pictures known by heart.
        entries, copies = _without_copies(contents.splits[""])
        contents.problems[""] += copies
        contents.splits = _divided(entries)
    return contents


def _recognised(folder: Path) -> Contents | None:
    files = files_in(folder)
    return next((contents for reader in READERS if (contents := reader.read(folder, files))), None)


def _divided(entries: list[Entry]) -> dict[str, list[Entry]]:
    """A fifth to val, at least one of two. By hash, so that neither the order of the files nor a seed decides."""

    def by_hash(entry: Entry) -> tuple[bytes, str]:
        return hashlib.sha256(entry.picture.name.encode(errors="surrogateescape")).digest(), str(entry.picture)

    count = max(round(len(entries) / 5), 1) if len(entries) > 1 else 0
    chosen = {id(entry) for entry in sorted(entries, key=by_hash)[:count]}
    return {
        "train": [entry for entry in entries if id(entry) not in chosen],
        "val": [entry for entry in entries if id(entry) in chosen],
    }


def _own_name(split: str, contents: Contents, path: str | Path) -> str:
    """The folder's own name for the split: val finds valid and val2017 too. UserError if it has none such."""
    names = [name for name in contents.splits if name == split or same_split(name) == same_split(split)]
    if not names:
        raise UserError(f"{path}: has no split {split!r}; it has {', '.join(contents.splits) or 'none'}")
    return split if split in names else names[0]


def _without_copies(entries: list[Entry], consequence: str = "left out") -> tuple[list[Entry], list[Problem]]:
    """Drops all but the first of pictures that are equal byte for byte; reads only those equal in size."""
    of_size: dict[int, list[Entry]] = {}
    for entry in entries:
        of_size.setdefault(entry.picture.stat().st_size, []).append(entry)
    first: dict[bytes, Entry] = {}
    copies: dict[int, Problem] = {}
    for alike in of_size.values():
        for entry in alike if len(alike) > 1 else ():
            earlier = first.setdefault(hashlib.sha256(entry.picture.read_bytes()).digest(), entry)
            if earlier.picture != entry.picture:
                what = f"is the same picture as {earlier.picture}, byte for byte; {consequence}"
                copies[id(entry)] = Problem(str(entry.picture), 1, what)
    return [entry for entry in entries if id(entry) not in copies], list(copies.values())


def _usable(
    entries: list[Entry], contents: Contents, problems: list[Problem], kept_bytes: int | None
) -> Iterator[tuple[Entry, Tensor | Path, Tensor, Tensor]]:
    """Entry, picture, boxes, labels of what can be used; adds to problems. kept_bytes: None decodes all pictures."""
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
        except PictureError as error:
            problems.append(Problem(str(error.file), 1, f"{error.reason}; picture left out"))
            continue
        boxes, labels, faults = objects_of(entry, contents, (height, width))
        problems += faults
        yield entry, image, boxes, labels
