"""Small folders in each form, written by hand here, so that the readers are not tested by the writers."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

# label, then xyxy px on a picture of 40 × 30 px
OBJECTS = {
    "a": [("cat", (1, 2, 11, 22)), ("dog", (20, 5, 40, 30))],
    "b": [("dog", (0, 0, 8, 8))],
    "c": [],
    "d": [("cat", (3.5, 4.25, 13.5, 14.75))],
    "e": [("cat", (10, 10, 20, 20))],
}
SPLITS = {"train": ["a", "b", "c"], "val": ["d", "e"]}
CLASSES = ["cat", "dog"]
WIDTH, HEIGHT = 40, 30


def picture(file: Path, seed: int | None = None, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """A picture that no other seed gives; the file's name is the seed if none is given."""
    file.parent.mkdir(parents=True, exist_ok=True)
    entropy = list(file.stem.encode()) if seed is None else [seed]
    pixels = np.random.default_rng(entropy).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file)
    return file


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def xml(objects: list, size: tuple[int, int] = (HEIGHT, WIDTH)) -> str:
    """Line 3 holds the size; each object takes eight lines from line 4 on, its <bndbox> the third of them."""
    rows = "".join(
        f"  <object>\n    <name>{name}</name>\n    <bndbox>\n      <xmin>{box[0]}</xmin>\n      <ymin>{box[1]}</ymin>\n"
        f"      <xmax>{box[2]}</xmax>\n      <ymax>{box[3]}</ymax></bndbox>\n  </object>\n"
        for name, box in objects
    )
    head = (
        f"<annotation>\n  <filename>x</filename>\n  <size><width>{size[1]}</width><height>{size[0]}</height></size>\n"
    )
    return f"{head}{rows}</annotation>\n"


def rows(objects: list) -> str:
    """YOLO lines of these objects."""
    lines = []
    for name, (x1, y1, x2, y2) in objects:
        centre = f"{(x1 + x2) / 2 / WIDTH} {(y1 + y2) / 2 / HEIGHT}"
        lines.append(f"{CLASSES.index(name)} {centre} {(x2 - x1) / WIDTH} {(y2 - y1) / HEIGHT}\n")
    return "".join(lines)


def voc(folder: Path) -> Path:
    for stem, objects in OBJECTS.items():
        picture(folder / "JPEGImages" / f"{stem}.png")
        write(folder / "Annotations" / f"{stem}.xml", xml(objects))
    for split, stems in SPLITS.items():
        write(folder / "ImageSets" / "Main" / f"{split}.txt", "\n".join(stems) + "\n")
    return folder


def yolo(folder: Path) -> Path:
    for split, stems in SPLITS.items():
        for stem in stems:
            picture(folder / "images" / split / f"{stem}.png")
            write(folder / "labels" / split / f"{stem}.txt", rows(OBJECTS[stem]))
    write(folder / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return folder


def coco_items(stems: list[str]) -> dict[str, list]:
    """Category ids 3 and 7 for cat and dog."""
    annotations = [
        {"image_id": 10 + place, "category_id": 3 if name == "cat" else 7, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for place, stem in enumerate(stems)
        for name, (x1, y1, x2, y2) in OBJECTS[stem]
    ]
    return {
        "images": [
            {"id": 10 + place, "file_name": f"{stem}.png", "width": WIDTH, "height": HEIGHT}
            for place, stem in enumerate(stems)
        ],
        "annotations": [{"id": 100 + place, **annotation} for place, annotation in enumerate(annotations)],
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
    }


def json_lines(items: dict[str, list]) -> str:
    """One item a line: the images' first is on line 3."""
    blocks = [f'"{key}": [\n' + ",\n".join(map(json.dumps, values)) + "\n]" for key, values in items.items()]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def coco(folder: Path) -> Path:
    for split, stems in SPLITS.items():
        for stem in stems:
            picture(folder / "images" / split / f"{stem}.png")
        write(folder / "annotations" / f"instances_{split}.json", json_lines(coco_items(stems)))
    return folder


FORMS = {"voc": voc, "coco": coco, "yolo": yolo}
