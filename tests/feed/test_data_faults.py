"""What a data set may have wrong with it, each fault injected: named with file and line, and the rest still read.

Broken and unusual pictures by themselves are in test_pictures.py, hostile archives in test_download.py.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from teachkit.errors import UserError
from teachkit.feed.examples import Examples
from teachkit.feed.formats import check, read_folder, write_folder
from teachkit.feed.formats import folder as reading
from teachkit.feed.scenes import make_scenes
from tests.feed.folders import (
    FORMS,
    OBJECTS,
    SPLITS,
    coco,
    coco_items,
    json_lines,
    picture,
    rows,
    voc,
    write,
    xml,
    yolo,
)


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """No file in the folder is changed, made or removed within."""

    def state() -> dict[Path, tuple[bytes, int]]:
        files = [file for file in folder.rglob("*") if file.is_file()]
        return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

    before = state()
    yield
    assert state() == before


def read_faulty(folder: Path, *told: str, split: str = "train") -> Examples:
    """The examples of a folder whose only problems are these: by read_folder and by check, raised where strict."""
    with untouched(folder):
        examples = read_folder(folder, split)
        assert [str(problem).removeprefix(f"{folder}{os.sep}") for problem in examples.problems] == list(told)
        assert set(check(folder)) >= set(examples.problems)
        with pytest.raises(UserError) as caught:
            read_folder(folder, split, strict=True)
        assert str(caught.value) == str(examples.problems[0])
    return examples


def stems(examples: Examples) -> list[str]:
    return [Path(name).stem for name in examples.names]


def home(form: str) -> str:
    return {"voc": "JPEGImages", "coco": "images/train", "yolo": "images/train"}[form]


# Pictures that cannot be decoded


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "a page of text": lambda content: b"<html>not found</html>",
    "one bit": lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_picture_is_skipped_and_named(tmp_path: Path, form: str, fault: str) -> None:
    file = FORMS[form](tmp_path) / home(form) / "a.png"
    file.write_bytes(BROKEN[fault](file.read_bytes()))
    with untouched(tmp_path):
        examples = read_folder(tmp_path)
        assert stems(examples) == ["b", "c"]
        assert [problem.file for problem in examples.problems] == [str(file)] == [one.file for one in check(tmp_path)]
        assert str(examples.problems[0]).endswith("; picture left out")
        with pytest.raises(UserError, match=r"a\.png:1: "):
            read_folder(tmp_path, strict=True)


def test_a_split_whose_pictures_are_all_broken_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    yolo(tmp_path)
    (tmp_path / "images" / "val" / "d.png").write_bytes(b"GIF89a")
    (tmp_path / "images" / "val" / "e.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"d\.png:1: "):
        read_folder(tmp_path, "val")


# EXIF rotation


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kept_bytes", [0, 2**20])
def test_boxes_fit_the_upright_picture(
    tmp_path: Path, form: str, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "KEPT_BYTES", kept_bytes)
    sound = read_folder(FORMS[form](tmp_path / "sound"))
    turned = FORMS[form](tmp_path / "turned")
    for stem, transpose, orientation in (
        ("a", Image.Transpose.ROTATE_90, 6),
        ("b", Image.Transpose.TRANSPOSE, 5),
        ("c", Image.Transpose.ROTATE_180, 3),
    ):
        file = turned / home(form) / f"{stem}.png"
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        Image.open(file).transpose(transpose).save(file, exif=exif)
    examples = read_folder(turned)
    assert examples.problems == []
    for index in range(3):
        assert torch.equal(examples.image(index), sound.image(index))
        assert torch.equal(examples.boxes[index], sound.boxes[index])


def test_labels_made_on_the_picture_lying_down_are_told(tmp_path: Path) -> None:
    voc(tmp_path)
    write(tmp_path / "Annotations" / "b.xml", xml([("dog", (0, 0, 8, 30))], size=(40, 30)))
    what = "says the picture is 30 × 40 px, but it is 40 × 30; boxes are taken as they stand"
    read_faulty(tmp_path, f"Annotations/b.xml:3: {what}")


def test_a_size_of_zero_claims_nothing(tmp_path: Path) -> None:
    voc(tmp_path)
    write(tmp_path / "Annotations" / "b.xml", xml(OBJECTS["b"], size=(0, 0)))
    assert check(tmp_path) == []


# Boxes without area

EMPTY = {
    "a point": (8, 9, 8, 9),
    "no width": (8, 9, 8, 20),
    "no height": (8, 9, 30, 9),
    "turned round": (30, 20, 8, 9),
    "as good as none": (8, 9, 8.001, 20),
}


def told_empty(box: tuple[float, ...]) -> str:
    return f"box has no area: x {box[0]:g} to {box[2]:g}, y {box[1]:g} to {box[3]:g}; object left out"


@pytest.mark.parametrize("box", EMPTY.values(), ids=EMPTY)
def test_a_box_without_area_is_skipped_with_its_line(tmp_path: Path, box: tuple[float, ...]) -> None:
    objects = [*OBJECTS["a"], ("cat", box)]

    write(voc(tmp_path / "voc") / "Annotations" / "a.xml", xml(objects))
    examples = read_faulty(tmp_path / "voc", f"Annotations/a.xml:22: {told_empty(box)}")
    assert len(examples.boxes[0]) == 2

    write(yolo(tmp_path / "yolo") / "labels" / "train" / "a.txt", rows(objects))
    examples = read_faulty(tmp_path / "yolo", f"labels/train/a.txt:3: {told_empty(box)}")
    assert len(examples.boxes[0]) == 2

    items = coco_items(SPLITS["train"])
    x1, y1, x2, y2 = box
    items["annotations"].append({"id": 200, "image_id": 10, "category_id": 3, "bbox": [x1, y1, x2 - x1, y2 - y1]})
    write(coco(tmp_path / "coco") / "annotations" / "instances_train.json", json_lines(items))
    line = 3 + 3 + 2 + 3
    told = f"annotations/instances_train.json:{line}: annotation id 200: {told_empty(box)}"
    examples = read_faulty(tmp_path / "coco", told)
    assert len(examples.boxes[0]) == 2


# Classes that are none


@pytest.mark.parametrize(
    ("word", "shown"),
    [("2", "2"), ("-1", "-1"), ("1.5", "'1.5'"), ("cat", "'cat'"), ("nan", "'nan'"), ("1e30", f"{int(1e30)}")],
)
def test_a_yolo_class_that_is_none_is_dropped_with_its_line_and_the_range(
    tmp_path: Path, word: str, shown: str
) -> None:
    good = rows(OBJECTS["a"])
    write(yolo(tmp_path) / "labels" / "train" / "a.txt", f"{word} 0.5 0.5 0.1 0.1\n{good}")
    told = f"labels/train/a.txt:1: class {shown} is none of 0 to 1; object left out"
    assert read_faulty(tmp_path, told).labels[0].tolist() == [0, 1]


@pytest.mark.parametrize("word", ["-1", "0.5", "cat", "inf"])
def test_without_a_list_of_classes_they_must_still_be_whole_numbers(tmp_path: Path, word: str) -> None:
    write(yolo(tmp_path) / "data.yaml", "train: images/train\nval: images/val\n")
    write(tmp_path / "labels" / "train" / "b.txt", f"{word} 0.5 0.5 0.1 0.1\n")
    shown = word if word == "-1" else repr(word)
    told = f"labels/train/b.txt:1: class {shown} is none of whole numbers from 0; object left out"
    assert read_faulty(tmp_path, told).classes == ["0", "1"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [(4, "4"), (-1, "-1"), (3.5, "'3.5'"), ("cat", "\"'cat'\""), (None, "'None'"), (True, "'True'"), ([3], "'[3]'")],
)
def test_a_coco_category_that_is_none_is_dropped_with_its_line_and_the_ids(
    tmp_path: Path, key: object, shown: str
) -> None:
    items = coco_items(SPLITS["train"])
    items["annotations"][1]["category_id"] = key
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    told = f"annotations/instances_train.json:9: annotation id 101: class {shown} is none of ids 3, 7; object left out"
    assert read_faulty(tmp_path, told).labels[0].tolist() == [0]


@pytest.mark.parametrize("name", ["bird", "Cat", "cat2", "0"])
def test_a_voc_name_that_is_not_in_the_list_is_dropped(tmp_path: Path, name: str) -> None:
    write(voc(tmp_path) / "classes.txt", "cat\ndog\n")
    write(tmp_path / "Annotations" / "b.xml", xml([(name, (1, 1, 5, 5)), *OBJECTS["b"]]))
    told = f"Annotations/b.xml:6: class {name!r} is none of 'cat', 'dog'; object left out"
    assert read_faulty(tmp_path, told).labels[1].tolist() == [1]


def test_a_voc_object_without_a_name_is_dropped(tmp_path: Path) -> None:
    write(voc(tmp_path) / "Annotations" / "b.xml", xml([("", (1, 1, 5, 5)), *OBJECTS["b"]]))
    assert read_faulty(tmp_path, "Annotations/b.xml:4: object has no <name>; object left out").classes == ["cat", "dog"]


# NaN and boxes off the picture


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "ten", "--3", ""])
def test_numbers_that_are_none_are_dropped_with_their_line(tmp_path: Path, value: str) -> None:
    good = rows(OBJECTS["b"])
    line = f"0 0.5 {value or '.'} 0.1 0.1"
    write(yolo(tmp_path / "yolo") / "labels" / "train" / "b.txt", f"{good}{line}\n")
    told = f"labels/train/b.txt:2: {line!r} is not five numbers, class cx cy width height; line left out"
    assert read_faulty(tmp_path / "yolo", told).labels[1].tolist() == [1]

    text = xml([("cat", (3, 4, 5, value)), *OBJECTS["b"]])
    write(voc(tmp_path / "voc") / "Annotations" / "b.xml", text)
    what = f"ymax is {value!r}, not a number" if value else "object has no <ymax>"
    told = f"Annotations/b.xml:10: {what}; object left out"
    assert read_faulty(tmp_path / "voc", told).labels[1].tolist() == [1]


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        ("[NaN, 1, 2, 3]", "[nan, 1, 2, 3]"),
        ("[1, Infinity, 2, 3]", "[1, inf, 2, 3]"),
        ("[1, 2, 1e999, 3]", "[1, 2, inf, 3]"),
        ('[1, 2, "3", 4]', "[1, 2, '3', 4]"),
        ("[1, null, 3, 4]", "[1, None, 3, 4]"),
        ("[1, 2, true, 4]", "[1, 2, True, 4]"),
    ],
)
def test_coco_numbers_that_are_none_are_dropped_with_their_line(tmp_path: Path, box: str, shown: str) -> None:
    text = json_lines(coco_items(SPLITS["train"])).replace("[1, 2, 10, 20]", box)
    write(coco(tmp_path) / "annotations" / "instances_train.json", text)
    what = f"annotation id 100: bbox is {shown}, not four finite numbers; left out"
    assert read_faulty(tmp_path, f"annotations/instances_train.json:8: {what}").labels[0].tolist() == [1]


OFF = {
    "left": ((-5, 3, 10, 9), (0, 3, 10, 9)),
    "right and below": ((30, 20, 47, 33), (30, 20, 40, 30)),
    "above": ((30, -0.5, 35, 8), (30, 0, 35, 8)),
    "all round": ((-100, -100, 100, 100), (0, 0, 40, 30)),
}


@pytest.mark.parametrize(("box", "cut"), OFF.values(), ids=OFF)
def test_a_box_that_reaches_outside_is_cut_and_told(
    tmp_path: Path, box: tuple[float, ...], cut: tuple[float, ...]
) -> None:
    x1, y1, x2, y2 = box
    what = f"box reaches outside the 40 × 30 px picture: x {x1:g} to {x2:g}, y {y1:g} to {y2:g}; cut to it"
    write(voc(tmp_path / "voc") / "Annotations" / "b.xml", xml([("dog", box)]))
    write(yolo(tmp_path / "yolo") / "labels" / "train" / "b.txt", rows([("dog", box)]))
    for form, told in (("voc", f"Annotations/b.xml:6: {what}"), ("yolo", f"labels/train/b.txt:1: {what}")):
        boxes = read_faulty(tmp_path / form, told).boxes[1]
        torch.testing.assert_close(boxes, torch.tensor([cut], dtype=torch.float32), atol=1e-5, rtol=0)


@pytest.mark.parametrize("box", [(50, 3, 60, 9), (-9, 3, 0, 9), (3, 31, 9, 35), (41, 31, 42, 32)])
def test_a_box_wholly_outside_is_dropped_and_told(tmp_path: Path, box: tuple[float, ...]) -> None:
    x1, y1, x2, y2 = box
    write(voc(tmp_path) / "Annotations" / "b.xml", xml([("dog", box)]))
    what = f"box lies outside the 40 × 30 px picture: x {x1} to {x2}, y {y1} to {y2}; object left out"
    assert read_faulty(tmp_path, f"Annotations/b.xml:6: {what}").boxes[1].shape == (0, 4)


@pytest.mark.parametrize("row", ["0 0.5 0.5 1.000001 1.000001", "0 0.875 0.5 0.250001 0.5", "0 0.5 0.5 1 1"])
def test_what_rounding_leaves_outside_is_cut_without_a_word(tmp_path: Path, row: str) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", row)
    boxes = read_folder(tmp_path).boxes[1]
    assert check(tmp_path) == []
    assert float(boxes[0, 2]) == 40.0


# One bad line


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.1", "0 0.5 0.5 0.1 0.1 0.9", "0,0.5,0.5,0.1,0.1", "a cat", "\0\0\0", "\u2028 5", "{}"]
)
def test_only_the_bad_line_of_a_label_file_is_dropped(tmp_path: Path, line: str) -> None:
    good = rows(OBJECTS["a"]).splitlines()
    write(yolo(tmp_path) / "labels" / "train" / "a.txt", "\n".join([good[0], "", line, good[1]]))
    shown = repr(line.strip())
    # What a file holds never breaks a message into lines, nor moves the cursor.
    told = f"labels/train/a.txt:3: {shown} is not five numbers, class cx cy width height; line left out"
    assert read_faulty(tmp_path, told).labels[0].tolist() == [0, 1]


def test_bytes_that_are_no_text_are_a_bad_line_too(tmp_path: Path) -> None:
    file = yolo(tmp_path) / "labels" / "train" / "a.txt"
    file.write_bytes(b"\xff\xfe\x00\xd8\r\n" + rows(OBJECTS["a"]).encode())
    assert read_folder(tmp_path).labels[0].tolist() == [0, 1]
    assert [problem.line for problem in check(tmp_path)] == [1]


@pytest.mark.parametrize(
    ("wrong", "line", "what"),
    [
        ("<object><name>cat</name></object>", 4, "object has no <xmin>"),
        ("<object><bndbox/></object>", 4, "object has no <name>"),
        ("<object>\n<name>cat</name>\n<bndbox>\n<xmin>3</xmin></bndbox></object>", 6, "object has no <ymin>"),
        ("<object/>", 4, "object has no <name>"),
    ],
)
def test_only_the_bad_object_of_an_xml_is_dropped(tmp_path: Path, wrong: str, line: int, what: str) -> None:
    head, objects = xml(OBJECTS["a"]).split("  <object>", 1)
    write(voc(tmp_path) / "Annotations" / "a.xml", f"{head}{wrong}\n  <object>{objects}")
    told = f"Annotations/a.xml:{line}: {what}; object left out"
    assert read_faulty(tmp_path, told).labels[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        ({"id": 200, "image_id": 10, "category_id": 3}, "annotation id 200: bbox is None, not [x, y, width, height]"),
        (
            {"id": 200, "image_id": 10, "bbox": [1, 2, 3]},
            "annotation id 200: bbox is [1, 2, 3], not [x, y, width, height]",
        ),
        ({"id": 200, "image_id": 99, "bbox": [1, 2, 3, 4]}, "annotation id 200: image_id 99 is none of the images"),
        ({"id": 200, "image_id": [10], "bbox": [1, 2, 3, 4]}, "annotation id 200: image_id [10] is none of the images"),
        (["no", "object"], "annotation is ['no', 'object'], not an object with image_id and bbox"),
        (
            {"id": 200, "image_id": 10, "category_id": 3, "bbox": [1, 2, 3, 4], "iscrowd": 1},
            "annotation id 200: marks a crowd, not one object",
        ),
    ],
)
def test_only_the_bad_annotation_of_a_json_is_dropped(tmp_path: Path, annotation: object, what: str) -> None:
    items = coco_items(SPLITS["train"])
    items["annotations"].insert(0, annotation)
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    told = f"annotations/instances_train.json:8: {what}; left out"
    assert read_faulty(tmp_path, told).labels[0].tolist() == [0, 1]


def test_in_a_json_of_one_line_the_id_finds_the_annotation(tmp_path: Path) -> None:
    items = coco_items(SPLITS["train"])
    items["annotations"][1]["bbox"] = [1, 2, 0, 0]
    write(coco(tmp_path) / "annotations" / "instances_train.json", json.dumps(items))
    read_faulty(tmp_path, f"annotations/instances_train.json:1: annotation id 101: {told_empty((1, 2, 1, 2))}")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (xml(OBJECTS["a"]).replace("</xmin>", "<xmin>", 1), 10, "mismatched tag"),
        (xml(OBJECTS["a"])[:150], 7, "unclosed token"),
        ("<annotation>\n\n &lost; </annotation>", 3, "undefined entity"),
        ("", 1, "no element found"),
        ("<?xml version='1.0' encoding='nonsense'?>\n<annotation/>", 1, "unknown encoding"),
    ],
)
def test_an_xml_that_is_none_costs_its_picture_and_is_told_with_the_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    write(voc(tmp_path) / "Annotations" / "a.xml", text)
    with untouched(tmp_path):
        examples = read_folder(tmp_path)
    assert stems(examples) == ["b", "c"]
    (problem,) = examples.problems
    assert (problem.file, problem.line) == (f"{tmp_path}/Annotations/a.xml", line)
    assert what in problem.what
    assert problem.what.endswith("; picture left out")
    assert check(tmp_path) == [problem]


@pytest.mark.parametrize("cut", [-3, -40, 60])
def test_a_broken_json_is_an_error_with_its_line(tmp_path: Path, cut: int) -> None:
    file = coco(tmp_path) / "annotations" / "instances_train.json"
    text = file.read_text().replace('"categories": [', '"categories": [\n!') if cut == 60 else file.read_text()[:cut]
    write(file, text)
    line = text.count("\n") + 1 if cut != 60 else text[: text.index("!")].count("\n") + 1
    for split in SPLITS:
        with pytest.raises(UserError, match=rf"instances_train\.json:{line}: is not valid JSON: .*; mend"):
            read_folder(tmp_path, split)
    assert [problem.line for problem in check(tmp_path)] == [line]


@pytest.mark.parametrize(
    ("categories", "what"),
    [
        ([{"id": 3, "name": "bird"}], "category 3 is 'cat' here and 'bird' before it"),
        ([{"id": "3", "name": "cat"}], "category needs a whole number as id and a name"),
        ([{"id": 3}], "category needs a whole number as id and a name"),
        (["cat"], "category needs a whole number as id and a name"),
        ([{"id": 3, "name": " "}], "category needs a whole number as id and a name"),
    ],
)
def test_categories_that_cannot_be_told_apart_are_an_error(tmp_path: Path, categories: list, what: str) -> None:
    items = coco_items(SPLITS["train"])
    items["categories"] = categories
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    with pytest.raises(UserError, match=what):
        read_folder(tmp_path)
    assert len(check(tmp_path)) == 1


# No label file, or an empty one


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_label_file_is_a_picture_without_objects(tmp_path: Path, form: str) -> None:
    examples = read_folder(FORMS[form](tmp_path))
    assert stems(examples) == ["a", "b", "c"]
    assert examples.boxes[2].shape == (0, 4)
    assert examples.labels[2].shape == (0,)
    assert examples.problems == []


@pytest.mark.parametrize("blank", ["", "\n", " \r\n\n", "\ufeff"])
def test_blank_lines_are_no_objects(tmp_path: Path, blank: str) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", blank)
    assert read_folder(tmp_path).boxes[1].shape == (0, 4)
    assert check(tmp_path) == []


def test_a_picture_without_a_label_file_is_left_out_and_told(tmp_path: Path) -> None:
    (yolo(tmp_path / "yolo") / "labels" / "train" / "b.txt").unlink()
    what = "picture without a label file; left out (one without objects has an empty label file)"
    assert stems(read_faulty(tmp_path / "yolo", f"images/train/b.png:1: {what}")) == ["a", "c"]

    (voc(tmp_path / "voc") / "Annotations" / "b.xml").unlink()
    what = "picture without a label file; left out (one without objects has an XML without <object>)"
    assert stems(read_faulty(tmp_path / "voc", f"JPEGImages/b.png:1: {what}")) == ["a", "c"]

    shutil.rmtree(tmp_path / "voc" / "ImageSets")
    with_all = read_folder(tmp_path / "voc")
    assert [str(one) for one in with_all.problems] == [f"{tmp_path}/voc/JPEGImages/b.png:1: {what}"]

    picture(coco(tmp_path / "coco") / "images" / "train" / "new.png")
    told = "images/train/new.png:1: picture that no annotation file names; left out"
    assert stems(read_faulty(tmp_path / "coco", told)) == ["a", "b", "c"]


# Duplicates and orphans


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    twice = [*OBJECTS["a"], OBJECTS["a"][0]]
    write(yolo(tmp_path / "yolo") / "labels" / "train" / "a.txt", rows(twice))
    examples = read_faulty(tmp_path / "yolo", "labels/train/a.txt:3: repeats the object of line 1; left out")
    assert len(examples.boxes[0]) == 2

    write(voc(tmp_path / "voc") / "Annotations" / "a.xml", xml(twice))
    examples = read_faulty(tmp_path / "voc", "Annotations/a.xml:22: repeats the object of line 6; left out")
    assert len(examples.boxes[0]) == 2

    items = coco_items(SPLITS["train"])
    items["annotations"].append(items["annotations"][0] | {"id": 200})
    write(coco(tmp_path / "coco") / "annotations" / "instances_train.json", json_lines(items))
    told = "annotations/instances_train.json:11: annotation id 200: repeats the object of line 8; left out"
    assert len(read_faulty(tmp_path / "coco", told).boxes[0]) == 2


def test_two_classes_on_one_box_are_no_duplicates(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", rows([("cat", (1, 1, 9, 9)), ("dog", (1, 1, 9, 9))]))
    assert check(tmp_path) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_is_there_twice_counts_once(tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path)
    shutil.copy(tmp_path / home(form) / "a.png", tmp_path / home(form) / "c.png")
    first, second = (tmp_path / home(form) / name for name in ("a.png", "c.png"))
    told = f"{home(form)}/c.png:1: is the same picture as {first}, byte for byte; left out"
    assert stems(read_faulty(tmp_path, told)) == ["a", "b"]
    assert second.exists()


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_that_two_splits_hold_is_told_by_check(tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path)
    there = home(form).replace("train", "val")
    shutil.copy(tmp_path / home(form) / "a.png", tmp_path / there / "d.png")
    (problem,) = check(tmp_path)
    first = tmp_path / home(form) / "a.png"
    assert problem.file == str(tmp_path / there / "d.png")
    assert problem.what == f"is the same picture as {first}, byte for byte; and another split holds that one"


def test_a_picture_that_two_json_files_name_is_checked_against_both(tmp_path: Path) -> None:
    items = coco_items(SPLITS["train"])
    items["annotations"][0]["bbox"] = [1, 2, 0, 0]
    write(coco(tmp_path) / "annotations" / "instances_trainval.json", json_lines(items))
    for name in ("train", "trainval"):
        items["annotations"][0]["id"] = name
        write(tmp_path / "annotations" / f"instances_{name}.json", json_lines(items))
    shutil.copytree(tmp_path / "images" / "train", tmp_path / "images", dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "images" / "train")
    assert [Path(problem.file).stem for problem in check(tmp_path)] == ["instances_train", "instances_trainval"]


def test_copies_never_come_to_lie_on_both_sides_of_a_division(tmp_path: Path) -> None:
    for number in range(10):
        for copy in "xyz":
            picture(tmp_path / f"{number}{copy}.png", seed=number, size=(4, 4))
            write(tmp_path / f"{number}{copy}.txt", "0 0.5 0.5 0.5 0.5\n")
    train, val = (read_folder(tmp_path, split) for split in ("train", "val"))
    numbers = [{hashlib.sha256(image.numpy().tobytes()).digest() for image in half.images} for half in (train, val)]
    assert [len(half) for half in numbers] == [8, 2]
    assert not numbers[0] & numbers[1]
    assert len(train.problems) == 20


def test_a_list_that_names_a_picture_twice_or_none_is_told(tmp_path: Path) -> None:
    write(voc(tmp_path / "voc") / "ImageSets" / "Main" / "train.txt", "a\nb\n\na\nlost\n../../secret\nc\n")
    examples = read_faulty(
        tmp_path / "voc",
        "ImageSets/Main/train.txt:4: names 'a' again, as line 1; left out",
        "ImageSets/Main/train.txt:5: there is no picture 'lost'; left out",
        "ImageSets/Main/train.txt:6: there is no picture '../../secret'; left out",
    )
    assert stems(examples) == ["a", "b", "c"]

    write(yolo(tmp_path / "yolo") / "train.txt", "images/train/a.png\n./images/train/a.png\nlost.png\n")
    write(tmp_path / "yolo" / "data.yaml", "names: [cat, dog]\ntrain: train.txt\nval: images/val\n")
    examples = read_faulty(
        tmp_path / "yolo",
        "train.txt:2: names './images/train/a.png' again, as line 1; left out",
        "train.txt:3: there is no picture 'lost.png' in the folder; left out",
    )
    assert stems(examples) == ["a"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"id": 10}, "image id 10: stands here a second time"),
        ({"file_name": "a.png"}, "image id 12: names 'a.png' again, as line 3"),
        ({"file_name": "lost.png"}, "image id 12: there is no picture 'lost.png' in the folder"),
        (
            {"file_name": "../../../secret.png"},
            "image id 12: there is no picture '../../../secret.png' in the folder",
        ),
        ({"file_name": None}, "image needs an id and a file_name, not"),
        ({"id": None}, "image needs an id and a file_name, not"),
    ],
)
def test_a_coco_image_that_leads_nowhere_or_stands_twice_is_told(tmp_path: Path, change: dict, what: str) -> None:
    items = coco_items(SPLITS["train"])
    items["images"][2] |= change
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    with untouched(tmp_path):
        examples = read_folder(tmp_path)
    assert stems(examples) == ["a", "b"]
    told = [str(problem) for problem in examples.problems]
    assert told[0] == f"{tmp_path}/images/train/c.png:1: picture that no annotation file names; left out"
    assert told[1].startswith(f"{tmp_path}/annotations/instances_train.json:5: {what}")
    assert len(told) == 2
    assert set(check(tmp_path)) == set(examples.problems)


def test_a_label_file_without_a_picture_is_told(tmp_path: Path) -> None:
    write(yolo(tmp_path / "yolo") / "labels" / "train" / "lost.txt", "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path / "yolo" / "labels" / "val" / "empty.txt", "")
    write(tmp_path / "yolo" / "notes.txt", "to do: more cats\n")
    read_faulty(
        tmp_path / "yolo",
        "labels/train/lost.txt:1: label file without a picture; left out",
        "labels/val/empty.txt:1: label file without a picture; left out",
    )
    write(voc(tmp_path / "voc") / "Annotations" / "lost.xml", xml(OBJECTS["a"]))
    read_faulty(tmp_path / "voc", "Annotations/lost.xml:1: label file without a picture; left out")

    shutil.rmtree(tmp_path / "voc" / "ImageSets")
    read_faulty(tmp_path / "voc", "Annotations/lost.xml:1: label file without a picture; left out")


def test_files_outside_the_folders_of_the_splits_are_told(tmp_path: Path) -> None:
    (yolo(tmp_path / "yolo") / "data.yaml").unlink()
    write(tmp_path / "yolo" / "classes.txt", "cat\ndog\n")
    picture(tmp_path / "yolo" / "images" / "stray.png")
    read_faulty(tmp_path / "yolo", "images/stray.png:1: picture outside the splits' folders; left out")

    for stem in ("a", "b", "stray"):
        picture(tmp_path / "voc" / ("" if stem == "stray" else "train") / f"{stem}.png")
        write(tmp_path / "voc" / ("" if stem == "stray" else "train") / f"{stem}.xml", xml([("cat", (1, 1, 5, 5))]))
    read_faulty(
        tmp_path / "voc",
        "stray.png:1: picture outside the splits' folders; left out",
    )


def test_two_pictures_cannot_share_one_label_file(tmp_path: Path) -> None:
    picture(voc(tmp_path) / "JPEGImages" / "a.jpg", seed=7)
    assert read_faulty(tmp_path, "JPEGImages/a.png:1: shares its label file with a.jpg; left out").names[0] == "a.jpg"


@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_a_class_that_a_list_names_twice_is_an_error_with_its_line(tmp_path: Path, form: str) -> None:
    write(FORMS[form](tmp_path) / "classes.txt", "cat\n\ndog\ncat\n")
    (tmp_path / "data.yaml").unlink(missing_ok=True)
    with pytest.raises(UserError, match=r"classes\.txt:4: class 'cat' stands here twice"):
        read_folder(tmp_path)
    assert len(check(tmp_path)) == 1


def test_two_files_for_one_split_are_an_error(tmp_path: Path) -> None:
    shutil.copy(coco(tmp_path) / "annotations" / "instances_train.json", tmp_path / "instances_train2.json")
    with pytest.raises(UserError, match="is a second file for the split 'train'; keep one"):
        read_folder(tmp_path)


# Hostile files

BOMB = '<!DOCTYPE a [<!ENTITY b "lol">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("bcdefgh", "cdefghi", strict=True)
)
DEFINITIONS = {
    "billion laughs": f"{BOMB}]>\n<annotation><object><name>&i;</name></object></annotation>",
    "a file of this machine": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>\n<annotation>&b;</annotation>',
    "a page of the net": '<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1:9/b">]>\n<annotation>&b;</annotation>',
    "entities from elsewhere": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/b"> %b;]>\n<annotation/>',
    "one long text many times": f'<!DOCTYPE a [<!ENTITY b "{"x" * 9999}">]>\n<annotation>{"&b;" * 999}</annotation>',
}


@pytest.mark.parametrize("text", DEFINITIONS.values(), ids=DEFINITIONS)
def test_xml_that_defines_or_loads_anything_is_refused(tmp_path: Path, text: str) -> None:
    write(voc(tmp_path) / "Annotations" / "a.xml", text)
    with untouched(tmp_path):
        examples = read_folder(tmp_path)
    assert stems(examples) == ["b", "c"]
    (problem,) = examples.problems
    assert str(problem).startswith(f"{tmp_path}/Annotations/a.xml:1: defines or loads something")
    assert len(str(problem)) < 500


@pytest.mark.parametrize("depth", [60, 10**6])
def test_xml_nested_without_end_is_refused(tmp_path: Path, depth: int) -> None:
    write(voc(tmp_path) / "Annotations" / "a.xml", f"<annotation>{'<b>' * depth}{'</b>' * depth}</annotation>")
    examples = read_faulty(
        tmp_path,
        "Annotations/a.xml:1: cannot be read as XML: elements lie more than 50 deep in each other; picture left out",
    )
    assert stems(examples) == ["b", "c"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("names: [cat, dog]\ntrain: !!python/object/apply:os.mkdir [{folder}/made]\n", 2),
        ("names: !!python/name:os.system\ntrain: images/train\n", 1),
        ("train: images/train\n\nnames: !!python/object/new:os.mkdir [{folder}/made]\n", 3),
        ("train: images/train\nnames: [!exec 'mkdir {folder}/made']\n", 2),
        ("train: images/train\nnames: [cat, dog]\nmade: !!timestamp never\n", 1),
    ],
)
def test_yaml_that_would_run_something_is_refused(tmp_path: Path, text: str, line: int) -> None:
    write(yolo(tmp_path) / "data.yaml", text.format(folder=tmp_path))
    for ask in (read_folder, check):
        with untouched(tmp_path):
            if ask is check:
                told = str(check(tmp_path)[0])
            else:
                with pytest.raises(UserError) as caught:
                    read_folder(tmp_path)
                told = str(caught.value)
        assert told.startswith(f"{tmp_path}/data.yaml:{line}: cannot be read as plain YAML: ")
    assert not (tmp_path / "made").exists()


ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


MERGES = "a: &a {x: 1, y: 1, z: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (f"{MERGES}train: images/train\nnames: [cat, dog]\n", 2, "'<<' is not known here"),
        ("a: &a {<<: *a}\ntrain: images/train\nnames: [cat, dog]\n", 1, "'<<' is not known here"),
        (f"{ALIASES}train: images/train\nnc: *i\nnames: [cat, dog]\n", 11, "nc: is a list, but 2 names stand here"),
        ("train: images/train\nnames: {0: cat, 1: dog, 1: bird}\n", 2, "'1' stands here twice"),
        ("train: images/train\nnames: [cat, dog]\ntrain: images/val\n", 3, "'train' stands here twice"),
        (f"{ALIASES}train: images/train\nnames: *i\n", 11, "number 0 is list to YAML, not text; put quotes about it"),
        ("train: images/train\nnames: [yes, no]\n", 2, "number 0 is bool to YAML, not text; put quotes about it"),
        ("train: images/train\nnames: [cat, cat]\n", 2, "a name stands twice"),
        ("train: images/train\nnc: 3\nnames: [cat, dog]\n", 2, "is 3, but 2 names stand here"),
        ("train: images/train\nnames: {1: cat, 2: dog}\n", 2, "need the numbers 0 to 1, each once"),
        ("train: images/train\nnames: {0: cat, 00: dog, 1: bird}\n", 2, "need the numbers 0 to 2, each once"),
        ("train: images/train\nnames: [cat, dog]\nnc: 2_0\n", 3, "is 2_0, but 2 names stand here"),
        ("train: images/train\nnames: cat\n", 2, "need a list"),
        ("names: [cat]\ntrain: {a: b}\n", 2, "needs a folder, a text file, or a list of them"),
        ("train: images/train\nnames: [cat\n", 3, "cannot be read as plain YAML"),
        ("train: images/train\nnames: " + "[" * 600 + "\n", 1, "cannot be read as plain YAML"),
    ],
)
def test_yaml_that_says_nothing_clear_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int, what: str
) -> None:
    write(yolo(tmp_path) / "data.yaml", text)
    with pytest.raises(UserError, match=rf"data\.yaml:{line}: .*{what}") as caught:
        read_folder(tmp_path)
    assert len(str(caught.value)) < 500
    assert [str(problem) for problem in check(tmp_path)] == [str(caught.value)]


def test_a_split_that_yaml_leads_nowhere_is_told_with_its_line(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "data.yaml", "names: [cat, dog]\ntrain: images/train\nval: images/lost\n")
    what = f"data.yaml:3: val: there is no 'images/lost' in '{tmp_path}'"
    with pytest.raises(UserError, match=r"data\.yaml:3: val: there is no 'images/lost'"):
        read_folder(tmp_path, "val")
    assert [str(problem) for problem in check(tmp_path)] == [f"{tmp_path}/{what}"]
    assert read_folder(tmp_path, "train").problems == []


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\\0b"])
def test_a_name_that_no_file_can_have_is_told_like_any_other(tmp_path: Path, name: str) -> None:
    write(yolo(tmp_path) / "data.yaml", f'names: [cat, dog]\ntrain: images/train\nval: "{name}"\npath: "{name}"\n')
    assert read_folder(tmp_path).problems == []
    (problem,) = check(tmp_path)
    assert str(problem).startswith(f"{tmp_path}/data.yaml:3: val: there is no ")
    write(tmp_path / "val.txt", f"{name}\nimages/val/d.png\n")
    write(tmp_path / "data.yaml", "names: [cat, dog]\ntrain: images/train\nval: val.txt\n")
    assert stems(read_folder(tmp_path, "val")) == ["d"]
    (problem,) = check(tmp_path)
    assert str(problem).startswith(f"{tmp_path}/val.txt:1: there is no picture ")
    assert len(str(problem)) < 500


def test_links_to_themselves_and_to_nowhere_do_not_cost_the_rest(tmp_path: Path) -> None:
    home = yolo(tmp_path) / "images" / "train"
    (home / "self").symlink_to("self")
    (home / "lost.png").symlink_to(tmp_path / "nowhere.png")
    assert stems(read_folder(tmp_path)) == ["a", "b", "c"]
    assert check(tmp_path) == []


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(directory: Path) -> None:
        raise PermissionError(13, "Permission denied")

    yolo(tmp_path)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r": cannot be looked into \(Permission denied\); mend its rights"):
        read_folder(tmp_path)


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations" / "instances_train.json"
    write(file, '{"images": [], "categories": [], "annotations": ' + "[" * 100_000)
    with pytest.raises(UserError, match=r"instances_train\.json:1: is not valid JSON: "):
        read_folder(tmp_path)


# Names with markup

NAMES = ["<script>alert(1)</script>", "a & b", "&lt;b&gt;", "]]>", "<!-- c -->", "“c”", "c: {d}", "'", '"', "#", "- x"]


@pytest.mark.parametrize("form", FORMS)
def test_a_class_with_markup_is_text_everywhere(tmp_path: Path, form: str) -> None:
    examples = make_scenes(3)
    examples.classes = NAMES
    examples.labels = [(labels * 3 + 1) % len(NAMES) for labels in examples.labels]
    write_folder({"train": examples}, tmp_path, form)
    read = read_folder(tmp_path)
    assert read.problems == []
    assert read.classes == NAMES
    for mine, theirs in zip(read.labels, examples.labels, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", ["<b>cat</b>", "cat\ndog", "\x1b[31mcat", "cat\u202e"])
def test_a_message_about_a_name_stays_one_plain_line(tmp_path: Path, name: str) -> None:
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(coco_items(SPLITS["train"])))
    items = coco_items(SPLITS["train"])
    items["annotations"][0]["category_id"] = name
    items["images"][1]["file_name"] = name
    write(tmp_path / "annotations" / "instances_train.json", json_lines(items))
    told = [str(problem) for problem in check(tmp_path)]
    assert len(told) >= 2
    assert all(line.isprintable() for line in told)
    assert np.all([len(line) < 400 for line in told])
