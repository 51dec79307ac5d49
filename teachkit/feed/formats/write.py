"""Examples to a folder in VOC, COCO or YOLO form, for other tools to read."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import torch
import yaml
from PIL import Image
from torch import Tensor

from teachkit.errors import UserError
from teachkit.feed.examples import Examples
from teachkit.feed.formats.progress import watched
from teachkit.files import clean_stale, temporary_folder

PICTURES = {"voc": "JPEGImages", "coco": "images/{split}", "yolo": "images/{split}"}


@dataclass
class _Split:
    """What the writers of labels need: names are the pictures' without suffix, sizes their (height, width) px."""

    name: str
    examples: Examples
    names: list[str]
    sizes: list[tuple[int, int]]


def write_folder(examples_by_split: Mapping[str, Examples], path: str | Path, form: str) -> None:
    """Writes every split, pictures as PNG. Boxes read back differ by less than 1e-6 of the picture's side.

    What a killed process wrote stays out of sight, and is removed by the next call. UserError for a form other than
    voc, coco, yolo, a folder that is not empty, or names that cannot be written.
    """
    folder = Path(path)
    if form not in WRITERS:
        raise UserError(f"there is no format {form!r}; choose from {', '.join(WRITERS)}")
    if folder.is_dir():
        clean_stale(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is there already; name a new or an empty folder")
    classes = _common_classes(examples_by_split)
    names = _unique_names(examples_by_split)
    with temporary_folder(folder) as scratch:
        _write_all(examples_by_split, names, classes, scratch, form)
        for made in sorted(scratch.iterdir()):
            os.rename(made, folder / made.name)


def _write_all(
    examples_by_split: Mapping[str, Examples], names: dict[str, list[str]], classes: list[str], folder: Path, form: str
) -> None:
    for split, examples in examples_by_split.items():
        sizes = _write_pictures(examples, folder / PICTURES[form].format(split=split), names[split], split)
        WRITERS[form](folder, _Split(split, examples, names[split], sizes))
    if form == "voc":
        _write_text(folder / "classes.txt", "".join(f"{name}\n" for name in classes))  # or their order would be lost
    elif form == "yolo":
        # No `path`: it would be this machine's; without it the folders are looked for beside the file.
        settings = {split: f"images/{split}" for split in examples_by_split} | {"names": dict(enumerate(classes))}
        _write_text(folder / "data.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _common_classes(examples_by_split: Mapping[str, Examples]) -> list[str]:
    every = [examples.classes for examples in examples_by_split.values()]
    if not every or any(classes != every[0] for classes in every):
        raise UserError("the splits to write must be at least one, and have the same classes")
    for name in every[0]:
        if not name or not name.isprintable() or name != name.strip():
            raise UserError(f"class {name!r} cannot be written: give it a printable name without blanks at its ends")
    return every[0]


def _unique_names(examples_by_split: Mapping[str, Examples]) -> dict[str, list[str]]:
    """Their own names where no two are the same, for VOC keeps all splits in one folder; else split and number."""
    names: dict[str, list[str]] = {}
    for split, examples in examples_by_split.items():
        if not re.fullmatch(r"\w+", split):
            raise UserError(f"split {split!r} cannot be written: use letters and digits only")
        names[split] = [re.sub(r"[^\w.-]|^\.", "_", Path(name).stem) for name in examples.names]
    every = [name.casefold() for group in names.values() for name in group]  # some disks do not tell A from a
    if len(set(every)) == len(every):
        return names
    return {split: [f"{split}_{number:05d}" for number in range(len(group))] for split, group in names.items()}


def _write_pictures(examples: Examples, home: Path, names: list[str], split: str) -> list[tuple[int, int]]:
    home.mkdir(parents=True, exist_ok=True)
    sizes = []
    for index in watched(range(len(examples)), f"writing {split}"):
        image = examples.image(index)
        sizes.append((image.shape[1], image.shape[2]))
        Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(home / f"{names[index]}.png")
    return sizes


def _write_voc(folder: Path, split: _Split) -> None:
    for index, (name, (height, width)) in enumerate(zip(split.names, split.sizes, strict=True)):
        lines = [f"  <filename>{name}.png</filename>"]
        lines += [f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>"]
        for box, label in _objects(split.examples, index):
            sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
            lines += ["  <object>", f"    <name>{escape(split.examples.classes[label])}</name>"]
            lines += ["    <bndbox>" + "".join(f"<{side}>{value:.9g}</{side}>" for side, value in sides) + "</bndbox>"]
            lines += ["  </object>"]
        text = "\n".join(["<annotation>", *lines, "</annotation>", ""])
        _write_text(folder / "Annotations" / f"{name}.xml", text)
    _write_text(folder / "ImageSets" / "Main" / f"{split.name}.txt", "".join(f"{name}\n" for name in split.names))


def _write_coco(folder: Path, split: _Split) -> None:
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for index, (name, (height, width)) in enumerate(zip(split.names, split.sizes, strict=True)):
        images.append({"id": index + 1, "file_name": f"{name}.png", "width": width, "height": height})
        for (x1, y1, x2, y2), label in _objects(split.examples, index):
            box = [float(f"{value:.9g}") for value in (x1, y1, x2 - x1, y2 - y1)]
            its_ids = {"id": len(annotations) + 1, "image_id": index + 1, "category_id": label + 1}
            annotations.append({**its_ids, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(split.examples.classes)]
    lists = {"images": images, "annotations": annotations, "categories": categories}
    # One item a line, so that the line in a message leads to it.
    blocks = [f'"{key}": [\n' + ",\n".join(map(json.dumps, items)) + "\n]" for key, items in lists.items()]
    _write_text(folder / "annotations" / f"instances_{split.name}.json", "{\n" + ",\n".join(blocks) + "\n}\n")


def _write_yolo(folder: Path, split: _Split) -> None:
    for index, (name, (height, width)) in enumerate(zip(split.names, split.sizes, strict=True)):
        rows = []
        for (x1, y1, x2, y2), label in _objects(split.examples, index):
            box = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            rows.append(f"{label} {' '.join(f'{value:.9g}' for value in box)}\n")
        _write_text(folder / "labels" / split.name / f"{name}.txt", "".join(rows))


def _objects(examples: Examples, index: int) -> list[tuple[list[float], int]]:
    """Box xyxy px and label of each. Nine digits, as all three forms write, are all that float32 holds."""
    boxes: Tensor = examples.boxes[index].to(torch.float64)
    return list(zip(boxes.tolist(), examples.labels[index].tolist(), strict=True))


def _write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")


WRITERS = {"voc": _write_voc, "coco": _write_coco, "yolo": _write_yolo}
