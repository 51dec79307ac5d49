"""Labels as other tools write them: polygons, oriented boxes, masks, fractions, objects that do not count, files that
cannot be read. What is taken otherwise than it stands is said, and what is left out is told.
"""

import json
import os
import random
import time
import tracemalloc
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask

from teachkit.errors import UserError
from teachkit.feed.examples import DataWarning
from teachkit.feed.formats import check, examine, read_folder
from teachkit.feed.formats import text as texts
from teachkit.feed.formats.segmentation import box_of
from teachkit.feed.loader import load_data
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

POLYGON = "0 0.25 0.2 0.75 0.2 0.5 0.8\n"
ORIENTED = "1 0.5 0.1 0.9 0.5 0.5 0.9 0.1 0.5\n"


def test_polygons_and_oriented_boxes_become_the_boxes_about_them_and_that_is_said(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", POLYGON + ORIENTED)
    examples = read_folder(tmp_path)
    assert examples.problems == []
    torch.testing.assert_close(examples.boxes[1], torch.tensor([[10.0, 6, 30, 24], [4, 3, 36, 27]]))
    where = f"the boxes that enclose them are taken, first in {tmp_path}/labels/train/b.txt"
    kinds = (
        f"1 objects are polygons: {where}:1",
        f"1 objects are oriented boxes or polygons of four corners: {where}:2",
    )
    assert tuple(examples.notes) == kinds


def test_key_points_behind_a_box_are_passed_over_where_the_yaml_tells_of_them(tmp_path: Path) -> None:
    yolo(tmp_path)
    write(tmp_path / "data.yaml", "train: images/train\nval: images/val\nnames: [cat, dog]\nkpt_shape: [3, 2]\n")
    write(tmp_path / "labels" / "train" / "b.txt", "1 0.5 0.5 0.5 0.5 0.1 0.1 0.2 0.2 0.9 0.9\n")
    torch.testing.assert_close(read_folder(tmp_path).boxes[1], torch.tensor([[10.0, 7.5, 30, 22.5]]))


@pytest.mark.parametrize("packed", [False, True])
def test_a_mask_has_the_box_that_pycocotools_finds(packed: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        pixels = np.zeros((int(rng.integers(1, 30)), int(rng.integers(1, 30))), np.uint8, order="F")
        for _ in range(int(rng.integers(1, 4))):
            y, x = rng.integers(0, pixels.shape[0]), rng.integers(0, pixels.shape[1])
            pixels[y : y + 5, x : x + 5] = rng.random() < 0.9
        packed_mask = coco_mask.encode(pixels)
        flat, counts = pixels.flatten(order="F"), []
        edges = np.flatnonzero(np.diff(flat)) + 1
        counts = np.diff([0, *edges, len(flat)]).tolist()
        runs = counts if flat[0] == 0 else [0, *counts]
        said = packed_mask["counts"].decode() if packed else runs
        x, y, width, height = coco_mask.toBbox(packed_mask)
        found = box_of({"counts": said, "size": list(pixels.shape)})
        assert (found or (0, 0, 0, 0)) == (x, y, x + width, y + height)


NO_SEGMENTATIONS = [
    [], {}, [[1, 2]], [[1, 2, 3, "x", 5, 6]], {"counts": "ä", "size": [3, 3]}, {"counts": [-1, 3], "size": [3, 3]},
    {"counts": "o" * 99, "size": [3, 3]}, 7,
]  # fmt: skip


@pytest.mark.parametrize("wrong", NO_SEGMENTATIONS)
def test_what_is_no_segmentation_has_no_box(wrong: object) -> None:
    assert box_of(wrong) is None


def test_a_coco_segmentation_without_a_bbox_has_its_box_and_that_is_said(tmp_path: Path) -> None:
    items = coco_items(SPLITS["train"])
    del items["annotations"][0]["bbox"]
    items["annotations"][0]["segmentation"] = [[3, 4, 13, 4, 8, 20]]
    write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    examples = read_folder(tmp_path)
    assert examples.boxes[0][0].tolist() == [3, 4, 13, 20]
    assert examples.notes[0].startswith(
        "1 objects are segmentations without a bbox: the boxes that enclose them are taken"
    )


UNUSABLE = {
    "commas": "0,0.5,0.5,0.1,0.1\n",
    "pixels": "0 320 240 100 80\n",
    "names": "cat 0.5 0.5 0.1 0.1\n",
    "a confidence behind": "0 0.5 0.5 0.1 0.1 0.9\n",
    "no text": "\x01\x02\n",
}


@pytest.mark.parametrize("line", UNUSABLE.values(), ids=UNUSABLE)
def test_a_training_split_without_one_usable_object_is_an_error_with_the_first_reasons(
    tmp_path: Path, line: str
) -> None:
    yolo(tmp_path)
    for stem in SPLITS["train"]:
        write(tmp_path / "labels" / "train" / f"{stem}.txt", line)
    with pytest.raises(
        UserError, match=r"no object of the split 'train' can be used, 3 problems: .*a\.txt:1: .*b\.txt:1: "
    ):
        read_folder(tmp_path)
    assert len(read_folder(tmp_path, "val").problems) == 0


def test_that_is_so_in_voc_and_coco_too(tmp_path: Path) -> None:
    for stem in SPLITS["train"]:
        write(voc(tmp_path / "voc") / "Annotations" / f"{stem}.xml", xml([("cat", (5, 5, 5, 5))]))
        for other in SPLITS["train"]:
            write(tmp_path / "voc" / "Annotations" / f"{other}.xml", xml([("cat", (5, 5, 5, 5))]))
    items = coco_items(SPLITS["train"])
    for annotation in items["annotations"]:
        annotation["bbox"] = [1, 1, 0, 0]
    write(coco(tmp_path / "coco") / "annotations" / "instances_train.json", json_lines(items))
    for form in ("voc", "coco"):
        with pytest.raises(UserError, match="no object of the split 'train' can be used, 3 problems: "):
            read_folder(tmp_path / form)


def test_pixels_in_place_of_fractions_are_guessed(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", "0 20 15 10 8\n")
    assert check(tmp_path)[0].what.endswith("object left out: are these pixels, not fractions?")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-le"])
def test_label_files_in_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    file = yolo(tmp_path) / "labels" / "train" / "a.txt"
    file.write_bytes(rows(OBJECTS["a"]).encode(encoding))
    assert read_folder(tmp_path).labels[0].tolist() == [0, 1]
    file = voc(tmp_path / "voc") / "Annotations" / "b.xml"
    file.write_bytes(xml([("Größe", (1, 1, 9, 9))]).encode("cp1252"))
    assert "Größe" in read_folder(tmp_path / "voc").classes


def test_load_data_warns_once_with_the_count_and_the_way_to_see_all(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "train" / "b.txt", "0 0.5\n1 0.5\n")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        load_data(tmp_path, device="cpu")
        load_data(tmp_path, split="val", device="cpu")
    (one,) = told
    assert one.category is DataWarning
    assert str(one.message).startswith(f"{tmp_path}, train: 2 problems, the first: {tmp_path}/labels/train/b.txt:1: ")
    assert str(one.message).endswith(f"see all: python -m teachkit data check {tmp_path}")


@pytest.mark.parametrize("form", ["voc", "coco"])
def test_boxes_that_all_lie_in_two_pixels_are_told_as_fractions(tmp_path: Path, form: str) -> None:
    for stem in "ab":
        picture(tmp_path / f"{stem}.png", size=(80, 100))
        write(tmp_path / f"{stem}.xml", xml([("cat", (0.2, 0.1, 0.6, 0.9))], size=(80, 100)))
    if form == "coco":
        items = coco_items(["a", "b"])
        items["images"] = [image | {"width": 100, "height": 80} for image in items["images"]]
        for annotation in items["annotations"]:
            annotation["bbox"] = [0.2, 0.1, 0.4, 0.8]
        write(tmp_path / "labels.json", json_lines(items))
    told = [problem.what for problem in check(tmp_path) if "are they fractions of the sides" in problem.what]
    assert len(told) == 1
    assert told[0].endswith(f"lie below 2 px: are they fractions of the sides? {form.upper()} wants pixels")
    with pytest.raises(UserError, match="are they fractions"):
        read_folder(tmp_path, strict=True)


@pytest.mark.parametrize("form", ["voc", "coco"])
def test_objects_that_do_not_count_are_set_aside_and_counted(tmp_path: Path, form: str) -> None:
    if form == "voc":
        text = xml(OBJECTS["a"]).replace("cat</name>", "cat</name><difficult>1</difficult>")
        write(voc(tmp_path) / "Annotations" / "a.xml", text.replace("dog</name>", "dog</name><difficult>0</difficult>"))
    else:
        items = coco_items(SPLITS["train"])
        items["annotations"][0]["ignore"] = 1
        write(coco(tmp_path) / "annotations" / "instances_train.json", json_lines(items))
    examples = read_folder(tmp_path)
    assert examples.labels[0].tolist() == [1]
    assert examples.difficult[0][1].tolist() == [0]
    assert examples.difficult[0][0].tolist() == [list(map(float, OBJECTS["a"][0][1]))]
    assert examples.notes[-1].startswith("1 objects are marked as difficult or to be ignored: neither learned from")


def test_a_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations" / "instances_train.json"
    text = file.read_text()
    write(file, text.replace('"bbox"', '"bbox": [1, 1, 2, 2], "bbox"', 1))
    assert "annotation id 100: has 'bbox' twice; left out" in str(check(tmp_path)[0])
    for empty in ("[]", "{}"):
        write(file, text.replace('"annotations": [', f'"annotations": {empty},\n"annotations": ['))
        assert "'annotations' stands here twice" in str(check(tmp_path)[0])
    for part, key in (("attributes", "rotation"), ("segmentation", "counts")):
        write(file, text.replace('"bbox"', f'"{part}": {{"{key}": 1, "{key}": 2}}, "bbox"', 1))
        assert f"annotation id 100: has '{key}' twice; left out" in str(check(tmp_path)[0])
    write(file, text.replace('"file_name"', '"file_name": "b.png", "file_name"', 1))
    assert "image id 10: has 'file_name' twice; left out" in " ".join(map(str, check(tmp_path)))
    write(file, text.replace('"name"', '"name": "bird", "name"', 1))
    assert "category 7 has 'name' twice" in str(check(tmp_path)[0])


def test_no_part_of_a_json_is_passed_over_without_a_word(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations" / "instances_train.json"
    text = file.read_text()
    last = text.count("\n")
    for change, told in {
        f"{text}{text}": f"{last + 1}: is not valid JSON: something comes after its end",
        text.replace("[1,", f"[{'9' * 5000},"): "8: is not valid JSON: a number of some thousand digits",
        text.replace('"bbox"', '"iscrowd": "1", "bbox"', 1): "iscrowd is '1', neither 0 nor 1; left out",
        text.replace('"bbox"', '"ignore": 2, "bbox"', 1): "ignore is 2, neither 0 nor 1; left out",
        text.replace('"bbox"', '"attributes": {"rotation": "4_5"}, "bbox"', 1): "rotation is '4_5', not a number; left",
    }.items():
        write(file, change)
        assert told in str(check(tmp_path)[0])
    write(file, text.replace('"images": [', '"images": {}, "frames": ['))
    assert f"{file}: 'images' is no list in it; not read" in examine(tmp_path).notes


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("<xmin>3</xmin><xmin>1</xmin>", "object has <xmin> twice; object left out"),
        ("<xmin>0.3_5</xmin>", "xmin is '0.3_5', not a number; object left out"),
        ("<xmin>１</xmin>", "xmin is '１', not a number; object left out"),
        ("<xmin>1<a>2</a>3</xmin>", "xmin is '1<a>23', not a number; object left out"),
    ],
)
def test_a_voc_box_that_says_two_things_is_told(tmp_path: Path, wrong: str, what: str) -> None:
    file = voc(tmp_path) / "Annotations" / "b.xml"
    write(file, file.read_text().replace("<xmin>0</xmin>", wrong))
    assert check(tmp_path)[0].what == what
    write(file, xml(OBJECTS["b"]).replace("</bndbox>", "</bndbox><bndbox></bndbox>"))
    assert check(tmp_path)[0].what == "object has <bndbox> twice; object left out"
    turn = "<attributes><attribute><name>rotation</name><value>{}</value></attribute></attributes>"
    write(file, xml(OBJECTS["b"]).replace("<bndbox>", f"{turn.format(10)}{turn.format(20)}<bndbox>"))
    assert check(tmp_path)[0].what == "object has <rotation> twice; object left out"
    write(file, xml(OBJECTS["b"]).replace("<bndbox>", f"{turn.format('4_5')}<bndbox>"))
    assert check(tmp_path)[0].what == "rotation is '4_5', not a number; object left out"
    whole = "<size><width>40</width><height>30</height></size>"
    for twice, wrong in (("width", whole.replace("<size>", "<size><width>9</width>")), ("size", whole * 2)):
        write(file, xml(OBJECTS["b"]).replace(whole, wrong))
        assert check(tmp_path)[0].what == f"<{twice}> stands here twice; boxes are taken as they stand"
    write(file, xml(OBJECTS["b"]).replace("annotation>", "notes>"))
    assert "it begins with <notes>, not <annotation>; picture left out" in check(tmp_path)[0].what
    write(yolo(tmp_path / "yolo") / "labels" / "train" / "b.txt", "0 0.3_5 0.5 0.1 0.1\n")
    assert "is not five numbers" in check(tmp_path / "yolo")[0].what
    write(tmp_path / "yolo" / "labels" / "train" / "b.txt", "１ 0.3 0.5 0.1 0.1\n")
    assert "class '１' is none of 0 to 1" in check(tmp_path / "yolo")[0].what


@pytest.mark.parametrize("form", FORMS)
def test_a_label_file_that_may_not_be_read_costs_its_picture_alone(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file of another owner. COCO's one file holds all the labels of its split: the others are read."""
    FORMS[form](tmp_path)
    name = {"voc": "a.xml", "yolo": "a.txt", "coco": "instances_val.json"}[form]

    def refuse(file: object, *rest: object) -> object:
        if str(file).endswith(f"/{name}"):
            raise PermissionError(13, "Permission denied")
        return open(file, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(texts, "open", refuse, raising=False)
    told = [str(problem) for problem in check(tmp_path)]
    assert any(f"{name}:1: cannot be read (Permission denied); " in line for line in told)
    assert len(read_folder(tmp_path)) == (3 if form == "coco" else 2)


def test_a_folder_below_that_may_not_be_looked_into_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (yolo(tmp_path) / "lost+found").mkdir()
    scan = os.scandir

    def refuse(directory: object) -> object:
        if str(directory).endswith("lost+found"):
            raise PermissionError(13, "Permission denied")
        return scan(directory)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    (told,) = check(tmp_path)
    assert told.what == "cannot be looked into (Permission denied); mend its rights or move it away; left out"
    assert len(read_folder(tmp_path)) == 3


def test_files_beyond_all_measure_are_refused_by_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(yolo(tmp_path) / "labels" / "train" / "a.txt", "ab") as file:
        file.truncate(2**40)  # a hole: no disk is used
    (told,) = check(tmp_path)
    assert told.what == "is larger than 16 MB, which no such file is; picture left out"


def test_files_beyond_all_measure_are_refused_before_they_are_read(tmp_path: Path) -> None:
    folder = coco(tmp_path)
    for name in ("annotations/instances_val.json", "images/train/a.png", "images/train/b.png"):
        with open(folder / name, "ab") as file:
            file.truncate(2**40)
    tracemalloc.start()
    try:
        told = [problem.what for problem in check(tmp_path)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 * 10**6
    assert told.count("cannot be decoded: it is larger than 1024 MB; picture left out") == 2
    assert "is larger than 2048 MB, which no such file is; left out" in told


def test_a_large_yaml_about_something_else_costs_nothing(tmp_path: Path) -> None:
    (yolo(tmp_path) / "data.yaml").rename(tmp_path / "settings.yaml")
    write(tmp_path / "compose.yaml", "services:\n" + "  one: {image: a, ports: [1, 2]}\n" * 10_000)
    write(tmp_path / "a_list.yaml", "names: [a]\n" + "x: [1]\n" * 80_000)
    start = time.perf_counter()
    report = examine(tmp_path)
    assert time.perf_counter() - start < 5
    assert report.classes == ["cat", "dog"]
    assert report.problems == []
    assert report.notes == [f"{tmp_path}/a_list.yaml: is larger than 0.5 MB, which no such file is; not read"]


@pytest.mark.parametrize(
    "text",
    [
        "task: detect\nmode: train\nval: true\nsplit: val\n",
        "train:\n  lr: 0.1\nval:\n  every: 1\n",
        "train: true\nnames: yes\n",
        "train: images/train\nlr: 0.1\n",
        "hosts: all\nnames: [alice, bob]\n",
        "names: &a [*a]\n",
        "names: [a]\n---\nnames: [b]\n",
        f"names: [x]\ntrain: x\nnc: {'9:' * 30_000}9\n",
        f"names: [0x{'f' * 9_000}]\ntrain: x\n",
        "names: !!python/object/apply:os.system [none]\ntrain: images/train\n",
    ],
)
def test_settings_of_other_programs_do_not_describe_the_set(tmp_path: Path, text: str) -> None:
    (yolo(tmp_path) / "data.yaml").rename(tmp_path / "pets.yaml")
    write(tmp_path / "args.yaml", text)
    report = examine(tmp_path)
    assert report.classes == ["cat", "dog"]
    assert report.problems == []
    assert set(report.splits) == {"train", "val"}
    (tmp_path / "pets.yaml").unlink()
    for line in map(str, check(tmp_path)):  # alone it may be meant, and what is wrong with it is told
        assert len(line.splitlines()) == 1
        assert len(line) < 400


def test_shares_of_a_division_are_no_folders(tmp_path: Path) -> None:
    (yolo(tmp_path) / "data.yaml").unlink()
    write(tmp_path / "classes.txt", "cat\ndog\n")
    write(tmp_path / "division.yaml", "train: 0.8\nval: 0.2\n")
    assert examine(tmp_path).problems == []
    assert read_folder(tmp_path).classes == ["cat", "dog"]


def test_a_second_yaml_that_may_describe_the_set_is_named(tmp_path: Path) -> None:
    (yolo(tmp_path) / "data.yaml").rename(tmp_path / "pets.yaml")
    write(tmp_path / "args.yaml", "task: detect\nval: true\n")
    assert examine(tmp_path).notes == []
    for number in range(5):
        write(tmp_path / f"pets{number}.yaml", "train: images/val\nnames: [dog, cat]\n")
    (told,) = examine(tmp_path).notes
    assert told.startswith("pets.yaml is taken; pets0.yaml, pets1.yaml, pets2.yaml and 2 more may describe a set too")
    assert read_folder(tmp_path / "pets0.yaml").classes == ["dog", "cat"]


def test_of_many_mutated_label_files_none_is_a_traceback_and_no_box_leaves_its_picture(
    tmp_path: Path,
) -> None:
    dice = random.Random(0)
    folders = {form: build(tmp_path / form) for form, build in FORMS.items()}
    files = {
        form: sorted(one for one in folder.rglob("*") if one.suffix in (".xml", ".json", ".txt", ".yaml"))
        for form, folder in folders.items()
    }
    texts = {file: file.read_bytes() for its in files.values() for file in its}
    for number in range(MUTATIONS):
        form = list(FORMS)[number % 3]
        file = dice.choice(files[form])
        file.write_bytes(mutated(texts[file], dice))
        with suppress(UserError):
            examples = read_folder(folders[form], dice.choice(["train", "val"]))
            for index, boxes in enumerate(examples.boxes):
                height, width = examples.image(index).shape[1:]
                limit = torch.tensor([width, height, width, height])
                assert ((boxes >= 0) & (boxes <= limit)).all()
                assert (boxes[:, 2:] > boxes[:, :2]).all()
        file.write_bytes(texts[file])


MUTATIONS = int(os.environ.get("TEACHKIT_MUTATIONS", "300"))  # 3,000 take ten times as long
SPLICES = [b"\0", b"-", b"nan", b"1e309", b"<", b"]", b"{", b"\xff\xfe", "ß".encode("cp1252"), b"0 0.5 0.5 9 9\n",
           b'"bbox": [-9, -9, 99, 99], ', b"<bndbox>", b"<polygon><x1>9</x1>", b"<robndbox>",
           b'"attributes": {"rotation": 1e300}, ', b"\r", b"\xe2\x80\xa8", b"_", b"../"]  # fmt: skip


def mutated(content: bytes, dice: random.Random) -> bytes:
    for _ in range(dice.randint(1, 4)):
        place = dice.randint(0, len(content))
        match dice.randint(0, 4):
            case 0:
                content = content[:place] + dice.choice(SPLICES) + content[place:]
            case 1:
                content = content[:place] + content[place + dice.randint(1, 30) :]
            case 2 if place < len(content):
                content = content[:place] + bytes([dice.randint(0, 255)]) + content[place + 1 :]
            case 3:
                content = content[:place] + content[max(0, place - 40) :]
            case 4:
                content = content[::-1] if dice.random() < 0.02 else content[:place]
    return content


def test_what_the_report_holds_is_what_can_be_used(tmp_path: Path) -> None:
    report = examine(yolo(tmp_path))
    assert (report.form, report.classes) == ("YOLO", ["cat", "dog"])
    assert report.splits == {"train": (3, 3), "val": (2, 2)}
    assert json.dumps(report.notes) == "[]"
