"""What stands in real exports beside the plain case: frames numbered anew in each split, names in a code page, boxes
with an angle, two sets of labels. Nothing of it may pass in silence.
"""

import json
import math
from pathlib import Path

import pytest

from teachkit.errors import UserError
from teachkit.feed.formats import examine, read_folder
from tests.feed.folders import OBJECTS, coco_items, json_lines, picture, rows, voc, write, xml, yolo

LABELS = {"voc": xml, "yolo": rows}
SUFFIX = {"voc": "xml", "yolo": "txt"}


def labelled(folder: Path, form: str, stem: str, of: str = "a") -> None:
    write(folder / f"{stem}.{SUFFIX[form]}", LABELS[form](OBJECTS[of]))


# Frames that are numbered anew in each split


def test_a_picture_of_val_never_stands_in_for_one_of_train_that_is_not_there(tmp_path: Path) -> None:
    for stem in "ab":
        picture(tmp_path / "val" / f"{stem}.png")
    for split in ("train", "val"):
        write(tmp_path / "annotations" / f"instances_{split}.json", json_lines(coco_items(["a", "b"])))
    assert read_folder(tmp_path, "val").names == ["a.png", "b.png"]
    with pytest.raises(UserError, match=r"instances_train\.json:3: names 'a\.png', but .*val/a\.png is a picture of"):
        read_folder(tmp_path, "train")


def test_files_of_both_splits_may_share_out_the_pictures_of_one_folder(tmp_path: Path) -> None:
    for stem in "abde":
        picture(tmp_path / "val2017" / f"{stem}.png")
    write(tmp_path / "train.json", json_lines(coco_items(["a", "b"])))
    write(tmp_path / "val.json", json_lines(coco_items(["d", "e"])))
    assert read_folder(tmp_path, "train").names == ["a.png", "b.png"]
    assert read_folder(tmp_path, "val").names == ["d.png", "e.png"]


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_a_name_that_says_its_split_is_not_found_in_another(tmp_path: Path, form: str) -> None:
    picture(tmp_path / "images" / "val" / "a.png")
    picture(tmp_path / "images" / "train" / "b.png")
    if form == "coco":
        items = coco_items(["a", "b"])
        items["images"][0]["file_name"] = "/there/images/train/a.png"
        write(tmp_path / "labels.json", json_lines(items))
    else:
        for split, stem in (("train", "b"), ("val", "a")):
            labelled(tmp_path / "labels" / split, form, stem)
        write(tmp_path / "train.txt", "/there/images/train/a.png\n/there/images/train/b.png\n")
        write(tmp_path / "data.yaml", "train: train.txt\nval: images/val\nnames: [cat, dog]\n")
    examples = read_folder(tmp_path, "train")
    assert examples.names == ["b.png"]
    assert ["there is no picture" in problem.what for problem in examples.problems] == [True]


@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_the_labels_of_one_split_never_go_to_a_picture_of_another(tmp_path: Path, form: str) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / f"{split}.png")
        labelled(tmp_path / "labels" / split, form, split)
    picture(tmp_path / "images" / "val" / "x.png")
    labelled(tmp_path / "labels" / "train", form, "x")
    report = examine(tmp_path)
    assert {split: count for split, (count, _) in report.splits.items()} == {"train": 1, "val": 1}
    told = " ".join(problem.what for problem in report.problems)
    assert "label file without a picture" in told
    assert "picture without a label file" in told


def test_the_filename_in_an_xml_leads_into_no_other_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        picture(tmp_path / "images" / split / f"{split}.png")
        labelled(tmp_path / "labels" / split, "voc", split)
    picture(tmp_path / "images" / "val" / "x.png")
    write(tmp_path / "labels" / "train" / "y.xml", xml(OBJECTS["a"]).replace("<filename>x<", "<filename>x.png<"))
    assert examine(tmp_path).splits["val"][0] == 1


@pytest.mark.parametrize("form", ["voc", "yolo"])
@pytest.mark.parametrize("place", ["{split}", "images/{split}"])
def test_parts_of_a_split_are_read_together_and_keep_their_own_labels(tmp_path: Path, form: str, place: str) -> None:
    for split, of in (("train1", "a"), ("train2", "b"), ("val", "d")):
        picture(tmp_path / place.format(split=split) / "0.png", seed=ord(of))
        labelled(tmp_path / place.format(split=split).replace("images", "labels"), form, "0", of)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    examples = read_folder(tmp_path, "train")
    assert examples.problems == []
    assert [len(labels) for labels in examples.labels] == [2, 1]
    assert [len(labels) for labels in read_folder(tmp_path, "train2").labels] == [1]


@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_several_families_of_siblings_number_their_frames_alike(tmp_path: Path, form: str) -> None:
    for folder, of in (("cats_train", "a"), ("dogs_train", "b"), ("cats_val", "d"), ("dogs_val", "e")):
        picture(tmp_path / f"{folder}_images" / "0.png", seed=ord(of))
        labelled(tmp_path / f"{folder}_labels", form, "0", of)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    assert [len(labels) for labels in read_folder(tmp_path, "train").labels] == [2, 1]
    boxes = [boxes[0].tolist() for boxes in read_folder(tmp_path, "val").boxes]
    assert boxes == [list(OBJECTS["d"][0][1]), list(OBJECTS["e"][0][1])]
    assert (examine(tmp_path).problems, examine(tmp_path).notes) == ([], [])


# Folders that hold no data


@pytest.mark.parametrize("wrote", ["runs/detect/predict2", "predict", "__MACOSX/set"])
@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_what_a_detector_or_a_packer_wrote_is_left_out_and_told(tmp_path: Path, form: str, wrote: str) -> None:
    for stem in "ab":
        picture(tmp_path / "images" / f"{stem}.png")
        labelled(tmp_path / "labels", form, stem, stem)
        picture(tmp_path / wrote / f"{stem}.png", seed=1)
        labelled(tmp_path / wrote / "labels", form, stem, "e")
    report = examine(tmp_path)
    assert report.problems == []
    assert sum(objects for _, objects in report.splits.values()) == 3
    (told,) = [note for note in report.notes if "left out" in note]
    assert told.startswith(f"{tmp_path / wrote.split('/')[0]}: ")


def test_predictions_are_data_if_their_folder_is_named(tmp_path: Path) -> None:
    wrote = tmp_path / "runs" / "detect" / "predict"
    for stem in "ab":
        picture(wrote / f"{stem}.png")
        labelled(wrote / "labels", "yolo", stem, stem)
    assert len(read_folder(wrote)) == 1
    with pytest.raises(UserError, match=r"runs: holds what a detector wrote; left out"):
        read_folder(tmp_path)


# Names of classes


RUSSIAN = ["кошка", "мышка"]  # of one length: what is lost of both looks the same


def test_names_in_an_unknown_code_page_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    refused = r":\d+: the class name '.*' is in no encoding known here; save it as UTF-8"
    folder = yolo(tmp_path / "yolo")
    (folder / "data.yaml").write_bytes(f"train: images/train\nnames: [{', '.join(RUSSIAN)}]\n".encode("cp1251"))
    with pytest.raises(UserError, match=rf"data\.yaml{refused}"):
        read_folder(folder)
    items = coco_items(["a"])
    items["categories"] = [{"id": key, "name": name} for key, name in zip((3, 7), RUSSIAN, strict=True)]
    picture(tmp_path / "coco" / "a.png")
    (tmp_path / "coco" / "a.json").write_bytes(json.dumps(items, ensure_ascii=False).encode("cp1251"))
    with pytest.raises(UserError, match=rf"a\.json{refused}"):
        read_folder(tmp_path / "coco")
    voc(tmp_path / "voc")
    for file in (tmp_path / "voc").rglob("*.xml"):
        file.write_bytes(file.read_text().replace("cat", RUSSIAN[0]).replace("dog", RUSSIAN[1]).encode("cp1251"))
    with pytest.raises(UserError, match=r"no object .*a\.xml:4: <name> '.*' is in no encoding known here"):
        read_folder(tmp_path / "voc")


def test_a_guessed_encoding_is_told_wherever_names_stand(tmp_path: Path) -> None:
    folder = yolo(tmp_path / "yolo")
    (folder / "data.yaml").write_bytes("train: images/train\nval: images/val\nnames: [苹果, 香蕉]\n".encode("gbk"))
    items = coco_items(["a", "b"])
    items["categories"] = [{"id": key, "name": name} for key, name in zip((3, 7), ("苹果", "香蕉"), strict=True)]
    for stem in "ab":
        picture(tmp_path / "coco" / f"{stem}.png")
    (tmp_path / "coco" / "a.json").write_bytes(json.dumps(items, ensure_ascii=False).encode("gbk"))
    voc(tmp_path / "voc")
    for file in (tmp_path / "voc").rglob("*.xml"):
        file.write_bytes(file.read_text().replace("cat", "苹果").replace("dog", "香蕉").encode("gbk"))
    for form in ("yolo", "coco", "voc"):
        report = examine(tmp_path / form)
        assert report.classes == ["苹果", "香蕉"]
        assert ["read as gbk: 苹果, 香蕉" in note for note in report.notes] == [True]


@pytest.mark.parametrize("says", ["gb2312", "GBK", "shift_jis", "utf-8"])
def test_an_xml_may_say_an_encoding_that_xml_parsers_do_not_know_or_not_keep_to_it(tmp_path: Path, says: str) -> None:
    name = {"shift_jis": "ネコ"}.get(says, "苹果")
    kept_to = "gbk" if says == "utf-8" else says
    for stem in "ab":
        picture(tmp_path / f"{stem}.png")
        text = f'<?xml version="1.0" encoding="{says}"?>\n{xml([(name, (1, 1, 9, 9))])}'
        (tmp_path / f"{stem}.xml").write_bytes(text.encode(kept_to))
    report = examine(tmp_path)
    assert report.problems == []
    assert report.classes == [name]
    assert bool(report.notes) == (says == "utf-8")


def test_names_that_contradict_those_of_the_labelling_tool_are_told(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "labels" / "classes.txt", "dog\ncat\n")
    (told,) = read_folder(tmp_path).notes
    assert "data.yaml: class 0 is 'cat' here and 'dog' in" in told
    write(tmp_path / "labels" / "classes.txt", "cat\ndog\nbird\n")
    assert read_folder(tmp_path).notes == []


def test_darknets_names_may_be_called_anything(tmp_path: Path) -> None:
    (yolo(tmp_path) / "data.yaml").unlink()
    write(tmp_path / "pets.names", "cat\ndog\n")
    assert read_folder(tmp_path).classes == ["cat", "dog"]


# Labels that are no upright boxes


HALF = (10 * math.cos(math.pi / 6) + 4 * math.sin(math.pi / 6)) / 2, (10 * 0.5 + 4 * math.cos(math.pi / 6)) / 2
TURNED = pytest.approx([20 - HALF[0], 15 - HALF[1], 20 + HALF[0], 15 + HALF[1]], abs=1e-4)
BNDBOX = "<bndbox><xmin>15</xmin><ymin>13</ymin><xmax>25</xmax><ymax>17</ymax></bndbox>"
ODD_OBJECTS = {
    "CVAT's rotation": (
        f"{BNDBOX}<attributes><attribute><name>rotation</name><value>30.0</value></attribute></attributes>",
        TURNED,
    ),
    "roLabelImg": (
        f"<robndbox><cx>20</cx><cy>15</cy><w>10</w><h>4</h><angle>{math.pi - math.pi / 6}</angle></robndbox>",
        TURNED,
    ),
    "Roboflow's polygon": (
        "<polygon><x1>3</x1><y1>5</y1><x2>9</x2><y2>4</y2><x3>7</x3><y3>20</y3></polygon>",
        [3, 4, 9, 20],
    ),
    "LabelMe's polygon": (
        "<polygon><pt><x>3</x><y>5</y></pt><pt><x>9</x><y>4</y></pt><pt><x>7</x><y>20</y></pt></polygon>",
        [3, 4, 9, 20],
    ),
}


@pytest.mark.parametrize(("inside", "box"), ODD_OBJECTS.values(), ids=ODD_OBJECTS)
def test_the_enclosing_box_is_taken_of_what_an_xml_has_instead_of_an_upright_box(
    tmp_path: Path, inside: str, box: list[float]
) -> None:
    for stem in "ab":
        picture(tmp_path / f"{stem}.png")
        text = xml([]).replace("</annotation>", f"<object><name>cat</name>{inside}</object></annotation>")
        write(tmp_path / f"{stem}.xml", text)
    examples = read_folder(tmp_path)
    assert examples.boxes[0][0].tolist() == box
    (told,) = examples.notes
    assert "the boxes that enclose them are taken" in told


def test_a_coco_box_that_cvat_turned_is_enclosed(tmp_path: Path) -> None:
    items = coco_items(["b", "d"])
    for annotation in items["annotations"]:
        annotation |= {"bbox": [15, 13, 10, 4], "attributes": {"occluded": False, "rotation": 330.0}}
    write(tmp_path / "a.json", json_lines(items))
    for stem in "bd":
        picture(tmp_path / f"{stem}.png")
    examples = read_folder(tmp_path)
    assert examples.boxes[0][0].tolist() == TURNED
    assert "boxes with an angle" in examples.notes[0]
    for annotation in items["annotations"]:
        annotation["attributes"]["rotation"] = 0.0
    write(tmp_path / "a.json", json_lines(items))
    assert read_folder(tmp_path).notes == []


# Two sets of labels, and odd places


def test_that_pictures_have_two_label_files_is_told_unless_they_are_copies(tmp_path: Path) -> None:
    yolo(tmp_path)
    for stem in "ab":
        write(tmp_path / "annotations" / "train" / f"{stem}.txt", rows(OBJECTS[stem]))
    assert examine(tmp_path).notes == []
    write(tmp_path / "annotations" / "train" / "a.txt", "1 0.5 0.5 0.2 0.2\n")
    (told,) = examine(tmp_path).notes
    assert told.startswith("1 pictures have two label files: labels/train/a.txt is read, not annotations/train/a.txt")


def test_labels_of_a_second_form_are_told(tmp_path: Path) -> None:
    write(voc(tmp_path) / "data.yaml", "train: JPEGImages\nnames: [cat, dog]\n")
    (told,) = examine(tmp_path).notes
    assert told.endswith("data.yaml: is not read, since there are VOC labels; name that file to read it")
    (tmp_path / "data.yaml").unlink()
    write(tmp_path / "labels.json", json_lines(coco_items(["a", "b"])))
    (told,) = examine(tmp_path).notes
    assert told.endswith("Annotations/a.xml: this and all other VOC labels are not read, since there are COCO labels")


@pytest.mark.parametrize("form", ["voc", "yolo"])
def test_a_label_file_may_keep_the_suffix_of_its_picture(tmp_path: Path, form: str) -> None:
    for stem in "ab":
        picture(tmp_path / "images" / f"{stem}.png")
        labelled(tmp_path / "labels", form, f"{stem}.png", stem)
    report = examine(tmp_path)
    assert report.problems == []
    assert sum(count for count, _ in report.splits.values()) == 2


def test_xml_without_a_suffix_is_read(tmp_path: Path) -> None:
    for stem in "ab":
        picture(tmp_path / "Images" / "n1-dog" / f"n1_{stem}.png")
        write(tmp_path / "Annotation" / "n1-dog" / f"n1_{stem}", xml(OBJECTS[stem]))
    report = examine(tmp_path)
    assert (report.form, report.problems) == ("VOC", [])


def test_folders_of_a_yolo_set_may_be_called_anything_if_the_names_stand_above_them(tmp_path: Path) -> None:
    for folder in ("north", "south"):
        for stem in "ab":
            picture(tmp_path / folder / f"{folder}_{stem}.png")
            labelled(tmp_path / folder, "yolo", f"{folder}_{stem}", stem)
    with pytest.raises(UserError, match="did you mean"):
        examine(tmp_path)
    write(tmp_path / "classes.txt", "cat\ndog\n")
    assert sum(count for count, _ in examine(tmp_path).splits.values()) == 4


def test_a_coco_file_may_lie_deeper_below_annotations(tmp_path: Path) -> None:
    for stem in "ab":
        picture(tmp_path / "images" / f"{stem}.png")
    write(tmp_path / "annotations" / "coco" / "train.json", json_lines(coco_items(["a", "b"])))
    assert read_folder(tmp_path).names == ["a.png", "b.png"]


def test_the_lists_of_a_voc_set_find_pictures_in_folders_of_their_own(tmp_path: Path) -> None:
    for split, stem in (("train", "a"), ("val", "d")):
        picture(tmp_path / "JPEGImages" / split / f"{stem}.png")
        labelled(tmp_path / "Annotations", "voc", stem, stem)
        write(tmp_path / "ImageSets" / "Main" / f"{split}.txt", f"{stem}\n")
    report = examine(tmp_path)
    assert report.problems == []
    assert {split: count for split, (count, _) in report.splits.items()} == {"train": 1, "val": 1}


def test_blanks_that_label_studio_took_for_underscores_do_not_count(tmp_path: Path) -> None:
    for stem in "ab":
        picture(tmp_path / "images" / f"my {stem}.png")
        labelled(tmp_path / "labels", "yolo", f"1a2b3c4d-my_{stem}", stem)
    assert examine(tmp_path).problems == []


def test_a_val_that_is_named_but_not_exported_is_made_from_train(tmp_path: Path) -> None:
    """As Roboflow's data.yaml does in any case."""
    yolo(tmp_path)
    write(tmp_path / "data.yaml", "train: ../images/train\nval: ../valid/images\nnames: [cat, dog]\n")
    examples = read_folder(tmp_path, "val", divide=True)
    assert len(examples) == 1
    assert len(read_folder(tmp_path, "train", divide=True)) == 2
    assert "there is no '../valid/images'" in examples.problems[0].what
    assert "a fifth of train, by a hash of the file names" in examples.notes[-1]
