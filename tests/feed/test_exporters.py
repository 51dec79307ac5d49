"""Folders as other tools write them: splits on either side of the tree, names from other machines, class names in any
file and encoding. Each kind of layout in all forms that can have it.
"""

import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.errors import UserError
from teachkit.feed.formats import check, examine, read_folder, split_names
from tests.feed.folders import OBJECTS, coco, coco_items, json_lines, picture, rows, voc, write, xml, yolo

TRAIN, TEST = ["a", "b"], ["d", "e"]


def lay(folder: Path, form: str, pictures: str, labels: str, splits: tuple[str, str], suffix: str = ".png") -> Path:
    """pictures, labels: where they lie, {split} in it; splits: the words for train and test."""
    for split, stems in zip(splits, (TRAIN, TEST), strict=True):
        for stem in stems:
            picture(folder / pictures.format(split=split) / f"{stem}{suffix}")
            home = folder / labels.format(split=split)
            if form == "voc":
                write(home / f"{stem}.xml", xml(OBJECTS[stem]))
            elif form == "yolo":
                write(home / f"{stem}.txt", rows(OBJECTS[stem]))
        if form == "coco":
            items = coco_items(stems)
            items["images"] = [
                image | {"file_name": image["file_name"].replace(".png", suffix)} for image in items["images"]
            ]
            write(folder / labels.format(split=split) / "labels.json", json_lines(items))
    if form == "yolo":
        write(folder / "classes.txt", "cat\ndog\n")
    return folder


def stems(folder: Path, split: str) -> list[str]:
    examples = read_folder(folder, split)
    assert examples.problems == []
    for name, boxes in zip(examples.names, examples.boxes, strict=True):
        assert len(boxes) == len(OBJECTS[Path(name).stem])
    return sorted(Path(name).stem for name in examples.names)


PLACES = {
    "side by side": ("{split}", "{split}"),
    "below the kinds": ("images/{split}", "labels/{split}"),
    "above the kinds": ("{split}/images", "{split}/annotations"),
    "in both names": ("{split}_images", "{split}_labels"),
    "the labels' side only": ("JPEGImages", "Annotations/{split}"),
    "the pictures' side only": ("images/{split}", "labels"),
    "capital letters": ("Images/{split}", "Labels/{split}"),
    "other words for both kinds": ("img/{split}", "Annotations/{split}"),
    "with folders below": ("images/{split}/site/2024/05", "labels/{split}/site/2024/05"),
}
WORDS = [
    ("train", "test"),
    ("training_set", "test_set"),
    ("Train", "Test"),
    ("train2017", "test2017"),
    ("obj_train_data", "obj_test_data"),
    ("WIDER_train", "WIDER_test"),
]


@pytest.mark.parametrize("form", ["voc", "yolo"])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
def test_the_folders_of_splits_are_seen_on_either_side(
    tmp_path: Path, form: str, place: tuple[str, str], words: tuple[str, str]
) -> None:
    lay(tmp_path, form, *place, words)
    assert stems(tmp_path, "train") == TRAIN
    assert stems(tmp_path, "test") == TEST
    assert check(tmp_path) == []


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[0])
@pytest.mark.parametrize("labels", ["{split}", "annotations_{split}"])
@pytest.mark.parametrize("pictures", ["{split}", "images/{split}", "{split}/images", "somewhere/{split}/deep"])
def test_the_folders_of_splits_are_seen_in_coco_too(
    tmp_path: Path, words: tuple[str, str], labels: str, pictures: str
) -> None:
    lay(tmp_path, "coco", pictures, labels, words)
    assert stems(tmp_path, "train") == TRAIN
    assert stems(tmp_path, "test") == TEST


@pytest.mark.parametrize("words", [("train", "test"), ("pets_train", "pets_test")], ids=["plain", "siblings"])
def test_one_json_without_a_split_is_split_by_the_folders_of_its_pictures(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    lay(tmp_path, "pictures alone", "images/{split}", "", words)
    write(tmp_path / "labels.json", json_lines(coco_items([*TRAIN, *TEST])))
    assert stems(tmp_path, "train") == TRAIN
    assert stems(tmp_path, "test") == TEST


def test_a_split_word_that_is_not_used_is_told(tmp_path: Path) -> None:
    lay(tmp_path, "voc", "crash {split} photos", "crash {split} photos", ("test", "dummies"))
    (told,) = examine(tmp_path).notes
    assert (
        told
        == "crash test photos: the folder 'crash test photos' has a split's word in its name, and is not taken for one"
    )
    yolo(tmp_path / "yolo")
    lay(tmp_path / "yolo", "yolo", "images/{split}", "labels/{split}", ("test", "test"))
    (told,) = examine(tmp_path / "yolo").notes
    assert told == "images/test: 4 pictures in a folder named as a split are in none; left out"


@pytest.mark.parametrize("form", ["voc", "yolo", "coco"])
def test_a_train_split_alone_is_divided_where_that_is_asked_for(tmp_path: Path, form: str) -> None:
    lay(tmp_path, form, "train", "train", ("train", "train"))
    with pytest.raises(UserError, match=r"has no split 'val'; it has train; with divide=True"):
        read_folder(tmp_path, "val")
    whole = read_folder(tmp_path).names
    train, val = (read_folder(tmp_path, split, divide=True) for split in ("train", "val"))
    assert sorted(train.names + val.names) == sorted(whole)
    assert val.names
    assert train.notes[-1].endswith("has no val: a fifth of train, by a hash of the file names, is taken for it")


# Where the pictures are


@pytest.mark.parametrize(
    "name",
    ["a.png", "..\\..\\media\\upload\\4\\a.png", "/home/me/pets/images/a.png", "C:\\pets\\a.png", "./a.png", "a.PNG",
     "https://example.org/d/a.png?size=3", "/data/local-files/?d=pets/a.png", "1a2b3c4d-a.png", "%61.png"],
)  # fmt: skip
@pytest.mark.parametrize("home", ["data", "images/one/two", "."])
def test_a_picture_is_found_by_its_bare_name_if_one_alone_has_it(tmp_path: Path, name: str, home: str) -> None:
    items = coco_items(["a", "b"])
    items["images"][0]["file_name"] = name
    write(tmp_path / "labels.json", json_lines(items))
    for stem in "ab":
        picture(tmp_path / home / f"{stem}.png")
    assert examine(tmp_path).problems == []
    assert sum(count for count, _ in examine(tmp_path).splits.values()) == 2


def test_of_two_pictures_of_one_name_the_tail_decides_or_both_are_told(tmp_path: Path) -> None:
    items = coco_items(["a", "b"])
    items["images"][0]["file_name"], items["images"][1]["file_name"] = "/there/site1/x.png", "/there/site2/x.png"
    write(tmp_path / "labels.json", json_lines(items))
    for seed, site in enumerate(("site1", "site2")):
        picture(tmp_path / "pictures" / site / "x.png", seed)
    assert check(tmp_path) == []
    items["images"][0]["file_name"] = "x.png"
    write(tmp_path / "labels.json", json_lines(items))
    assert "there are 2 pictures 'x.png' in the folder" in str(check(tmp_path)[-1])


@pytest.mark.parametrize("form", ["voc", "yolo", "coco"])
def test_names_that_are_the_same_to_the_eye_are_the_same(tmp_path: Path, form: str) -> None:
    one, other = unicodedata.normalize("NFC", "Größe"), unicodedata.normalize("NFD", "Größe")
    picture(tmp_path / f"{other}.png")
    picture(tmp_path / "b.png")
    if form == "coco":
        items = coco_items(["a", "b"])
        items["images"][0]["file_name"] = f"{one}.png"
        write(tmp_path / "labels.json", json_lines(items))
    else:
        for stem, of in ((one, "a"), ("b", "b")):
            text = xml(OBJECTS[of]) if form == "voc" else rows(OBJECTS[of])
            write(tmp_path / f"{stem}.{'xml' if form == 'voc' else 'txt'}", text)
    assert check(tmp_path) == []


@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_a_label_file_with_the_prefix_of_an_upload_finds_its_picture(tmp_path: Path, form: str) -> None:
    for stem in ("a", "b"):
        picture(tmp_path / "images" / f"{stem}.png")
        text = xml(OBJECTS[stem]) if form == "voc" else rows(OBJECTS[stem])
        write(tmp_path / "labels" / f"1a2b3c4d-{stem}.{'xml' if form == 'voc' else 'txt'}", text)
    assert check(tmp_path) == []


def test_a_voc_file_of_another_name_is_paired_by_what_it_says(tmp_path: Path) -> None:
    for stem in ("a", "b"):
        picture(tmp_path / "images" / f"{stem}.png")
        write(
            tmp_path / "annotations" / f"label_{stem}.xml",
            xml(OBJECTS[stem]).replace("<filename>x<", f"<filename>{stem}.png<"),
        )
    assert check(tmp_path) == []


SUFFIXES = [".jfif", ".jpe", ".jpeg", ".JPG", ".webp", ".bmp", ".dib", ".pnm", ".ppm", ".tiff", ".gif", ""]


@pytest.mark.parametrize("form", ["voc", "yolo", "coco"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_whatever_pillow_reads_is_a_picture_by_the_same_rule_in_all_forms(
    tmp_path: Path, form: str, suffix: str
) -> None:
    lay(tmp_path, form, "{split}", "{split}", ("train", "test"))
    for file in tmp_path.rglob("*.png"):
        kind = {"": "JPEG", ".pnm": "PPM", ".dib": "DIB"}.get(suffix) or Image.registered_extensions()[suffix.lower()]
        Image.open(file).save(file.with_suffix(suffix), format=kind)
        file.unlink()
    for file in tmp_path.rglob("*.json"):
        file.write_text(file.read_text().replace(".png", suffix))
    assert stems(tmp_path, "train") == TRAIN


def test_a_picture_of_a_kind_that_is_not_read_is_named_with_its_label_file(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "images" / "train" / "x.heic", "")
    write(tmp_path / "labels" / "train" / "x.txt", "0 0.5 0.5 0.1 0.1\n")
    (told,) = check(tmp_path)
    assert told.what.endswith("(images/train/x.heic is of a kind that is not read here: save it as JPEG or PNG)")


# What exporters write, by tool


def cvat_yolo(folder: Path) -> None:
    for split, its in (("train", TRAIN), ("valid", TEST)):
        for stem in its:
            picture(folder / f"obj_{split}_data" / f"{stem}.png")
            write(folder / f"obj_{split}_data" / f"{stem}.txt", rows(OBJECTS[stem]))
        write(folder / f"{split}.txt", "".join(f"data/obj_{split}_data/{stem}.png\n" for stem in its))
    write(
        folder / "obj.data",
        "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = b/\n",
    )
    write(folder / "obj.names", "cat\ndog\n")


def cvat_without_obj_data(folder: Path) -> None:
    cvat_yolo(folder)
    (folder / "obj.data").unlink()


def yaml_with(places: str) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        lay(folder, "yolo", "{split}/images", "{split}/labels", ("train", "valid"))
        (folder / "classes.txt").unlink()
        names = "names:\n  0: cat\n  1: dog\n"
        write(folder / "data.yaml", places.format(name=folder.name) + names)

    return build


EXPORTS = {
    "CVAT, YOLO 1.1": cvat_yolo,
    "CVAT, YOLO 1.1 without obj.data": cvat_without_obj_data,
    "Roboflow": yaml_with("train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"),
    "the folder's own name before": yaml_with("train: {name}/train/images\nval: {name}/valid/images\n"),
    "another machine's path": yaml_with(
        "path: /content/x\ntrain: /content/x/train/images\nval: D:\\x\\valid\\images\n"
    ),
    "backslashes": yaml_with("train: train\\images\nval: .\\valid\\images\n"),
    "pictures in the yaml": yaml_with(
        "train: [train/images/a.png, 'D:\\x\\b.png']\nval: [valid/images/d.png, /x/valid/images/e.png]\n"
    ),
}


@pytest.mark.parametrize("build", EXPORTS.values(), ids=EXPORTS)
def test_an_export_is_read_with_its_names_and_its_splits(tmp_path: Path, build: Callable[[Path], None]) -> None:
    build(tmp_path / "set")
    for split, its in (("train", TRAIN), ("val", TEST)):
        examples = read_folder(tmp_path / "set", split)
        assert sorted(Path(name).stem for name in examples.names) == its
        assert examples.classes == ["cat", "dog"]


def test_a_data_set_never_leaves_its_folder(tmp_path: Path) -> None:
    """Another data set lies beside, at the very place that `../train/images` leads to."""
    yaml_with("train: ../train/images\nval: ../valid/images\n")(tmp_path / "export")
    for stem in TRAIN:
        picture(tmp_path / "train" / "images" / f"{stem}.png", seed=9)
        write(tmp_path / "train" / "labels" / f"{stem}.txt", "0 0.5 0.5 1 1\n")
    assert stems(tmp_path / "export", "train") == TRAIN
    write(tmp_path / "export" / "data.yaml", "train: ../valid/images/../../../train/images\nnames: [cat, dog]\n")
    assert stems(tmp_path / "export", "train") == TRAIN
    write(tmp_path / "export" / "data.yaml", "train: ../other\nnames: [cat, dog]\n")
    picture(tmp_path / "other" / "z.png")
    with pytest.raises(
        UserError, match=r"there is no '\.\./other' in .*; what lies outside must be named by its whole path"
    ):
        read_folder(tmp_path / "export")


@pytest.mark.parametrize("where", ["train: {there}/images/train\n", "path: {there}\ntrain: images/train\n"])
def test_a_whole_path_may_lead_out_and_is_said(tmp_path: Path, where: str) -> None:
    yolo(tmp_path / "there")
    write(tmp_path / "here" / "data.yaml", f"{where.format(there=tmp_path / 'there')}names: [cat, dog]\n")
    examples = read_folder(tmp_path / "here")
    assert sorted(examples.names) == ["a.png", "b.png", "c.png"]
    assert examples.problems == []
    (told,) = examples.notes
    assert "taken from" in told
    assert f"outside the folder {tmp_path / 'here'}" in told


def test_a_data_yaml_or_a_coco_file_may_be_given_itself(tmp_path: Path) -> None:
    yolo(tmp_path / "yolo")
    write(tmp_path / "yolo" / "cats_only.yaml", "train: images/val\nnames: [cat, dog]\n")
    assert sorted(read_folder(tmp_path / "yolo" / "data.yaml").names) == ["a.png", "b.png", "c.png"]
    assert sorted(read_folder(tmp_path / "yolo" / "cats_only.yaml").names) == ["d.png", "e.png"]
    coco(tmp_path / "coco")
    assert split_names(tmp_path / "coco" / "annotations" / "instances_train.json") == ["train", "val"]
    for name in ("first", "second"):
        write(tmp_path / "two" / f"{name}.json", json_lines(coco_items(["a", "b"] if name == "first" else ["a"])))
    for stem in "ab":
        picture(tmp_path / "two" / f"{stem}.png")
    assert sum(count for count, _ in examine(tmp_path / "two" / "first.json").splits.values()) == 2


# Names of classes


@pytest.mark.parametrize(
    "place",
    [
        "classes.txt",
        "obj.names",
        "labels/train/classes.txt",
        "labels/classes.txt",
        "train/_darknet.labels",
        "x/obj.names",
    ],
)
def test_names_are_found_where_exporters_put_them(tmp_path: Path, place: str) -> None:
    lay(tmp_path, "yolo", "images/{split}", "labels/{split}", ("train", "test"))
    (tmp_path / "classes.txt").unlink()
    write(tmp_path / place, "cat\ndog\n")
    assert read_folder(tmp_path).classes == ["cat", "dog"]
    assert check(tmp_path) == []


ENCODED = {
    "utf-8-sig": (["cat", "犬"], "utf-8-sig"), "utf-16": (["cat", "犬"], "utf-16"),
    "utf-16 without its mark": (["cat", "dog"], "utf-16-le"), "big-endian": (["cat", "dog"], "utf-16-be"),
    "cp1252": (["Größe", "été"], "cp1252"), "gbk": (["苹果", "香蕉"], "gbk"), "utf-8": (["собака", "猫"], "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["voc", "yolo"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(("names", "encoding"), ENCODED.values(), ids=ENCODED)
def test_names_are_decoded(tmp_path: Path, form: str, ends: str, names: list[str], encoding: str) -> None:
    lay(tmp_path, form, "{split}", "{split}", ("train", "test"))
    for file in tmp_path.rglob("*.xml"):
        write(file, file.read_text().replace("cat", names[0]).replace("dog", names[1]))
    (tmp_path / "classes.txt").write_bytes(ends.join([*names, ""]).encode(encoding))
    assert read_folder(tmp_path).classes == names
    assert check(tmp_path) == []
    assert any(f"read as {encoding}" in note for note in examine(tmp_path).notes) == (encoding in ("cp1252", "gbk"))


def test_names_in_an_unknown_encoding_are_refused_by_their_file(tmp_path: Path) -> None:
    lay(tmp_path, "yolo", "{split}", "{split}", ("train", "test"))
    (tmp_path / "classes.txt").write_bytes("кошка\nсобака\n".encode("cp1251"))
    with pytest.raises(UserError, match=r"classes\.txt:1: is in no encoding known here; save it as UTF-8"):
        read_folder(tmp_path)


def test_a_blank_line_keeps_the_numbers_of_those_behind_it(tmp_path: Path) -> None:
    lay(tmp_path, "yolo", "{split}", "{split}", ("train", "test"))
    write(tmp_path / "classes.txt", "cat\n\ndog\n\n\n")
    write(tmp_path / "train" / "a.txt", "2 0.5 0.5 0.1 0.1\n")
    examples = read_folder(tmp_path)
    assert examples.classes == ["cat", "1", "dog"]
    assert examples.labels[0].tolist() == [2]


def test_two_files_of_names_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, "yolo", "images/{split}", "labels/{split}", ("train", "test"))
    write(tmp_path / "labels" / "train" / "classes.txt", "cat\ndog\nbird\n")
    assert read_folder(tmp_path).classes == ["cat", "dog", "bird"]
    write(tmp_path / "labels" / "test" / "classes.txt", "dog\ncat\n")
    with pytest.raises(
        UserError, match=r"test/classes\.txt:1: class 0 is 'dog' here and 'cat' in .*train/classes\.txt"
    ):
        read_folder(tmp_path)


def test_that_no_file_names_the_classes_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "yolo", "{split}", "{split}", ("train", "test"))
    (tmp_path / "classes.txt").unlink()
    (told,) = read_folder(tmp_path).notes
    assert told == "no file names the classes (data.yaml, classes.txt): they are called by their numbers"


ODD_NAMES = {
    "\ud800": "\\ud800", "a\0b": "a\\x00b", "two\nlines": "two\\nlines", "y\u2028x": "y\\u2028x", "👩‍👦": "👩‍👦",
             "\u202ertl": "\u202ertl", "\\frac{$": "\\frac{$"}  # fmt: skip


@pytest.mark.parametrize(("name", "read"), ODD_NAMES.items(), ids=ascii)
def test_names_that_would_break_a_line_are_spelt_out(tmp_path: Path, name: str, read: str) -> None:
    items = coco_items(["a", "b"])
    items["categories"][1]["name"] = name
    write(tmp_path / "labels.json", json_lines(items))
    for stem in "ab":
        picture(tmp_path / f"{stem}.png")
    assert read_folder(tmp_path).classes == [read.strip(), "dog"]
    write(yolo(tmp_path / "yolo") / "data.yaml", f"train: images/train\nnames: {json.dumps([name, 'dog'])}\n")
    assert read_folder(tmp_path / "yolo").classes == [read.strip(), "dog"]


@pytest.mark.parametrize("form", ["voc", "yolo", "coco"])
def test_a_name_of_twenty_thousand_letters_is_refused_in_a_line(tmp_path: Path, form: str) -> None:
    endless = "x" * 20_000
    if form == "coco":
        items = coco_items(["a", "b"])
        items["categories"][1]["name"] = endless
        write(tmp_path / "labels.json", json_lines(items))
        picture(tmp_path / "a.png")
    elif form == "yolo":
        lay(tmp_path, "yolo", "{split}", "{split}", ("train", "test"))
        write(tmp_path / "classes.txt", f"{endless}\ndog\n")
    else:
        write(voc(tmp_path) / "Annotations" / "a.xml", xml([(endless, (1, 1, 9, 9))]))
    (told,) = [problem for problem in check(tmp_path) if "20,000 letters" in problem.what]
    assert len(str(told)) < 400


def test_a_set_of_two_hundred_thousand_categories_is_read_in_seconds(tmp_path: Path) -> None:
    items = coco_items(["a", "b"])
    items["categories"] = [{"id": number, "name": f"c{number}"} for number in range(200_000)]
    write(tmp_path / "labels.json", json.dumps(items))
    for stem in "ab":
        picture(tmp_path / f"{stem}.png")
    assert len(read_folder(tmp_path).classes) == 200_000


def test_boxes_drawn_on_the_picture_as_it_lies_in_its_file_are_turned_along(tmp_path: Path) -> None:
    """For all eight orientations: the pixels that the box encloses stay the same ones."""
    for orientation in range(1, 9):
        raw = np.zeros((30, 40, 3), np.uint8)
        raw[4:12, 6:26] = 255
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = tmp_path / str(orientation) / "a.png"
        file.parent.mkdir()
        Image.fromarray(raw).save(file, exif=exif)
        picture(file.with_name("b.png"))
        lying = orientation > 4  # a turn by a half is not to be told from the size: these boxes count as upright
        box = (6, 4, 26, 12)
        write(file.with_suffix(".xml"), xml([("cat", box)]))
        write(file.with_name("b.xml"), xml([]))
        examples = [read_folder(file.parent, split) for split in ("train", "val")]
        (found,) = [one for one in examples if "a.png" in one.names]
        assert found.problems == []
        x1, y1, x2, y2 = found.boxes[0][0].int().tolist()
        if lying or orientation == 1:
            bright = found.image(0)[0] > 0
            assert bright[y1:y2, x1:x2].all()
            assert bright.sum() == (y2 - y1) * (x2 - x1) == 160
            assert bool(found.notes) == lying
        torch.testing.assert_close(found.image(0)[0] > 0, found.image(0)[1] > 0)


FOREIGN = {
    "annotations.xml": ("<annotations><version>1.1</version><image id='0'/></annotations>", "CVAT for images"),
    "a.json": ('{"version": "5", "shapes": [], "imagePath": "a.png"}', "labelme"),
    "via.json": ('{"a.png1": {"regions": [{"shape_attributes": {"name": "rect"}}]}}', "VIA"),
    "project.json": ('[{"annotations": [{"result": [{"from_name": "label"}]}]}]', "Label Studio"),
    "createml.json": ('[{"image": "a.png", "annotations": [{"coordinates": {"x": 1}}]}]', "CreateML"),
    "coco.json": ('{"images": [], "categories": []}', "no annotations"),
    "labels.csv": ("filename,class,xmin,ymin,xmax,ymax\n", "table of boxes"),
    "train.tfrecord": ("", "TensorFlow"),
    "export.zip": ("PK", "unpack it"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_form_that_is_not_read_is_called_by_its_name_with_the_mend(tmp_path, name):
    text, expected = FOREIGN[name]
    picture(tmp_path / "a.png")
    write(tmp_path / "task" / name, text)
    with pytest.raises(UserError, match=f"holds no .*{name}.*{expected}"):
        examine(tmp_path)


def test_a_data_set_is_pointed_at_however_deep_it_lies(tmp_path):
    yolo(tmp_path / "download" / "dataset" / "v1")
    with pytest.raises(UserError, match=r"did you mean .*v1\?"):
        examine(tmp_path / "download")


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads every file")
def test_an_annotation_file_that_may_not_be_read_is_named(tmp_path):
    coco(tmp_path)
    for file in tmp_path.rglob("*.json"):
        file.chmod(0)
    with pytest.raises(UserError, match=r"\.json cannot be read \(Permission denied\)"):
        examine(tmp_path)


@pytest.mark.parametrize("name", ["data.yaml", "dataset.yml"])
def test_a_yaml_that_names_only_the_classes_is_read(tmp_path, name):
    lay(tmp_path, "yolo", "images/{split}", "labels/{split}", ("train", "val"))
    (tmp_path / "classes.txt").unlink()
    write(tmp_path / name, "names:\n  0: Katze\n  1: Hund\n")
    report = examine(tmp_path)
    assert report.classes == ["Katze", "Hund"]
    assert list(report.splits) == ["train", "val"]
    assert not report.problems


def test_a_yaml_may_call_its_split_validation(tmp_path):
    lay(tmp_path, "yolo", "images/{split}", "labels/{split}", ("train", "validation"))
    write(tmp_path / "data.yaml", "train: images/train\nvalidation: images/validation\nnames: [cat, dog]\n")
    assert stems(tmp_path, "val") == TEST


def test_lines_may_end_as_on_an_old_mac(tmp_path):
    yolo(tmp_path)
    for file in [*tmp_path.rglob("*.txt"), tmp_path / "data.yaml"]:
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))
    report = examine(tmp_path)
    assert report.classes == ["cat", "dog"]
    assert sum(objects for _, objects in report.splits.values()) == sum(map(len, OBJECTS.values()))


@pytest.mark.parametrize("names", ["ネコ\nイヌ\n", "ねこ\nいぬ\n", "自転車\n信号\n"])
def test_japanese_names_in_shift_jis_are_refused_and_never_garbled(tmp_path, names):
    lay(tmp_path, "yolo", "images/{split}", "labels/{split}", ("train", "val"))
    (tmp_path / "classes.txt").write_bytes(names.encode("shift_jis"))
    assert ["save it as UTF-8" in str(problem) for problem in examine(tmp_path).problems] == [True]


@pytest.mark.parametrize("word", ["1", "true", "True"])
def test_a_training_split_whose_objects_are_all_difficult_is_refused(tmp_path, word):
    voc(tmp_path)
    for file in tmp_path.rglob("*.xml"):
        write(file, file.read_text().replace("<object>", f"<object><difficult>{word}</difficult>"))
    with pytest.raises(
        UserError, match="no object of the split 'train' can be used: 3 objects are marked as difficult"
    ):
        read_folder(tmp_path)
    [problem] = check(tmp_path)
    assert problem.file.endswith(".xml")
    assert problem.what == "this object and all others of train are marked as difficult: there is none to learn from"
