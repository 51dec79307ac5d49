"""Sound folders, in every layout; what is wrong with others is in test_data_faults.py."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision.datasets import VOCDetection

from teachkit.errors import UserError
from teachkit.feed.examples import Examples
from teachkit.feed.formats import check, read_folder, split_names
from teachkit.feed.formats import folder as reading
from teachkit.feed.pictures import read_picture
from tests.feed.folders import (
    CLASSES,
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


def assert_holds(examples: Examples, stems: list[str]) -> None:
    assert sorted(examples.names) == [f"{stem}.png" for stem in stems]
    assert examples.classes == CLASSES
    assert examples.problems == []
    for name, boxes, labels in zip(examples.names, examples.boxes, examples.labels, strict=True):
        objects = OBJECTS[Path(name).stem]
        assert [CLASSES[label] for label in labels] == [kind for kind, _ in objects]
        wanted = torch.tensor([box for _, box in objects], dtype=torch.float32).reshape(-1, 4)
        torch.testing.assert_close(boxes, wanted, atol=1e-5, rtol=0)
        assert boxes.dtype == torch.float32
        assert labels.dtype == torch.int64


@pytest.mark.parametrize("build", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("split", SPLITS)
def test_each_form_is_recognised_and_gives_the_same_examples(tmp_path: Path, build: Callable, split: str) -> None:
    examples = read_folder(build(tmp_path), split)
    assert_holds(examples, SPLITS[split])
    for index, name in enumerate(examples.names):
        file = next(tmp_path.rglob(name))
        assert torch.equal(examples.image(index), read_picture(file))


@pytest.mark.parametrize("build", FORMS.values(), ids=FORMS)
def test_nothing_is_wrong_with_a_sound_folder(tmp_path: Path, build: Callable) -> None:
    assert check(build(tmp_path)) == []
    assert split_names(tmp_path) == ["train", "val"]


@pytest.mark.parametrize("build", FORMS.values(), ids=FORMS)
def test_a_relative_path_is_as_good(tmp_path: Path, build: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert_holds(read_folder("."), SPLITS["train"])


@pytest.mark.parametrize("build", FORMS.values(), ids=FORMS)
def test_classes_are_the_same_for_a_split_that_lacks_one(tmp_path: Path, build: Callable) -> None:
    examples = read_folder(build(tmp_path), "val")  # holds cats only
    assert examples.classes == CLASSES


def _voc_beside(folder: Path, home: str) -> None:
    for stem, objects in OBJECTS.items():
        split = "train" if stem in SPLITS["train"] else "valid"
        place = folder / home.format(split=split)
        picture(place / f"{stem}.png")
        write(place / f"{stem}.xml", xml(objects))


def _yolo_beside(folder: Path, pictures: str, labels: str) -> None:
    write(folder / "classes.txt", "cat\ndog\n")
    for stem, objects in OBJECTS.items():
        split = "train" if stem in SPLITS["train"] else "valid"
        picture(folder / pictures.format(split=split) / f"{stem}.png")
        write(folder / labels.format(split=split) / f"{stem}.txt", rows(objects))


def _coco_beside(folder: Path, place: str, prefix: str = "") -> None:
    for split, stems in {"train": SPLITS["train"], "valid": SPLITS["val"]}.items():
        items = coco_items(stems)
        for image in items["images"]:
            picture(folder / place.format(split=split) / prefix.format(split=split) / image["file_name"])
            image["file_name"] = prefix.format(split=split) + image["file_name"]
            if split == "valid":
                image["file_name"] = image["file_name"].replace("/", "\\")  # as Windows writes it
        name = "_annotations.coco.json" if place == "{split}" else f"annotations_{split}.json"
        write(folder / (split if place == "{split}" else "") / name, json_lines(items))


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "voc, a folder for each split": lambda folder: _voc_beside(folder, "{split}"),
    "yolo, images/<split> without data.yaml": lambda folder: _yolo_beside(folder, "images/{split}", "labels/{split}"),
    "yolo, <split>/images without data.yaml": lambda folder: _yolo_beside(folder, "{split}/images", "{split}/labels"),
    "yolo, side by side in a folder for each split": lambda folder: _yolo_beside(folder, "{split}", "{split}"),
    "coco, a folder for each split": lambda folder: _coco_beside(folder, "{split}"),
    "coco, json at the top, pictures in <split>2017": lambda folder: _coco_beside(folder, "images/{split}"),
    "coco, folders in the names of the files": lambda folder: _coco_beside(folder, "images", "{split}/"),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_that_tools_write_are_read(tmp_path: Path, layout: Callable[[Path], None]) -> None:
    layout(tmp_path)
    assert_holds(read_folder(tmp_path, "train"), SPLITS["train"])
    assert_holds(read_folder(tmp_path, "val"), SPLITS["val"])  # although the folder says valid
    assert split_names(tmp_path) == ["train", "valid"]
    assert check(tmp_path) == []


def _pictures_at_the_top(folder: Path) -> None:
    voc(folder)
    for file in list((folder / "JPEGImages").iterdir()):
        file.rename(folder / file.name)
    (folder / "JPEGImages").rmdir()
    shutil.rmtree(folder / "ImageSets")


UNDIVIDED: dict[str, Callable[[Path], None]] = {
    "voc without lists": lambda folder: shutil.rmtree(voc(folder) / "ImageSets"),
    "voc with its pictures at the top": _pictures_at_the_top,
    "voc side by side": lambda folder: _voc_beside(folder, "."),
    "yolo images beside labels": lambda folder: _yolo_beside(folder, "images", "labels"),
    "yolo side by side": lambda folder: _yolo_beside(folder, ".", "."),
}


@pytest.mark.parametrize("layout", UNDIVIDED.values(), ids=UNDIVIDED)
def test_a_folder_without_splits_is_divided_by_its_file_names(tmp_path: Path, layout: Callable[[Path], None]) -> None:
    layout(tmp_path)
    first = min(OBJECTS, key=lambda stem: hashlib.sha256(f"{stem}.png".encode()).digest())
    assert_holds(read_folder(tmp_path, "val"), [first])
    assert_holds(read_folder(tmp_path, "train"), [stem for stem in OBJECTS if stem != first])


def test_one_json_that_names_no_split_is_divided_too(tmp_path: Path) -> None:
    write(tmp_path / "labels.json", json_lines(coco_items(list(OBJECTS))))
    for stem in OBJECTS:
        picture(tmp_path / "images" / f"{stem}.png")
    assert len(read_folder(tmp_path, "train")) == 4
    assert len(read_folder(tmp_path, "val")) == 1


def test_the_division_is_four_to_one_whatever_the_number_and_hangs_on_nothing_but_names(tmp_path: Path) -> None:
    for home in ("here", "there"):
        for number in range(50):
            picture(tmp_path / home / f"{number}.png", seed=number + (home == "there") * 100, size=(2, 2))
            write(tmp_path / home / f"{number}.txt", "")
        write(tmp_path / home / "classes.txt", "cell\n")
    here = read_folder(tmp_path / "here", "val")
    assert len(here) == 10
    assert here.names == read_folder(tmp_path / "there", "val").names
    assert not set(here.names) & set(read_folder(tmp_path / "here", "train").names)


def test_voc_has_its_own_splits_with_trainval(tmp_path: Path) -> None:
    voc(tmp_path)
    write(tmp_path / "ImageSets" / "Main" / "trainval.txt", "a\nb\nc\nd\n")
    assert_holds(read_folder(tmp_path, "trainval"), ["a", "b", "c", "d"])
    assert split_names(tmp_path) == ["train", "trainval", "val"]
    assert check(tmp_path) == []


def test_a_split_asked_for_by_its_own_name_is_that_one(tmp_path: Path) -> None:
    write(voc(tmp_path) / "ImageSets" / "Main" / "valid.txt", "a\n")
    assert_holds(read_folder(tmp_path, "valid"), ["a"])
    assert_holds(read_folder(tmp_path, "val"), SPLITS["val"])


def test_voc_lists_may_lie_in_imagesets_itself(tmp_path: Path) -> None:
    lists = voc(tmp_path) / "ImageSets"
    for file in (lists / "Main").iterdir():
        file.rename(lists / file.name)
    (lists / "Main").rmdir()
    for split, stems in SPLITS.items():
        assert_holds(read_folder(tmp_path, split), stems)


def test_a_voc_list_of_what_was_not_divided_is_divided(tmp_path: Path) -> None:
    lists = voc(tmp_path) / "ImageSets" / "Main"
    stems = [stem for split in SPLITS.values() for stem in split]
    for file in lists.iterdir():
        file.unlink()
    write(lists / "default.txt", "\n".join(stems) + "\n")
    assert split_names(tmp_path) == ["train", "val"]
    assert len(read_folder(tmp_path, "train")) + len(read_folder(tmp_path, "val")) == len(stems)
    assert check(tmp_path) == []


def test_lists_of_one_class_are_no_splits(tmp_path: Path) -> None:
    voc(tmp_path)
    write(tmp_path / "ImageSets" / "Main" / "cat_train.txt", "a  1\nb -1\nc  0\n")
    assert split_names(tmp_path) == ["train", "val"]


def test_a_split_of_pictures_called_cell_1_and_cell_0_is_no_list_of_one_class(tmp_path: Path) -> None:
    voc(tmp_path)
    for stem in ("cell 0", "cell 1"):
        picture(tmp_path / "JPEGImages" / f"{stem}.png")
        write(tmp_path / "Annotations" / f"{stem}.xml", xml(OBJECTS["a"]))
    write(tmp_path / "ImageSets" / "Main" / "test.txt", "cell 0\ncell 1\n")
    assert read_folder(tmp_path, "test").names == ["cell 0.png", "cell 1.png"]


def test_voc_lists_may_keep_the_suffix_and_windows_line_ends(tmp_path: Path) -> None:
    voc(tmp_path)
    write(tmp_path / "ImageSets" / "Main" / "train.txt", "a.png\r\nb.png\r\nc.png\r\n")
    assert_holds(read_folder(tmp_path), SPLITS["train"])


def test_voc_numbers_are_those_that_torchvision_reads(tmp_path: Path) -> None:
    home = voc(tmp_path / "VOCdevkit" / "VOC2012")
    for file in list((home / "JPEGImages").iterdir()):
        file.rename(file.with_suffix(".jpg"))  # it asks for this suffix, whatever is inside
    reference = VOCDetection(str(tmp_path), image_set="train")
    examples = read_folder(home)
    for index, (image, target) in enumerate(reference):
        theirs = [
            [float(one["bndbox"][side]) for side in ("xmin", "ymin", "xmax", "ymax")]
            for one in target["annotation"].get("object", [])
        ]
        assert examples.boxes[index].tolist() == theirs
        assert examples.image(index).permute(1, 2, 0).numpy().tobytes() == image.convert("RGB").tobytes()


def test_parts_of_a_person_are_not_objects_of_their_own(tmp_path: Path) -> None:
    voc(tmp_path)
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>"
    text = xml(OBJECTS["b"]).replace("  </object>", f"  {part}</object>")
    write(tmp_path / "Annotations" / "b.xml", text)
    assert_holds(read_folder(tmp_path), SPLITS["train"])


@pytest.mark.parametrize("names", ["[cat, dog]", "{0: cat, 1: dog}", "{1: dog, 0: cat}", "{'0': cat, '1': dog}"])
def test_yaml_names_may_be_a_list_or_a_mapping(tmp_path: Path, names: str) -> None:
    yolo(tmp_path)
    write(tmp_path / "data.yaml", f"train: images/train\nval: images/val\nnc: 2\nnames: {names}\n")
    assert_holds(read_folder(tmp_path), SPLITS["train"])


PLACES = {
    "a path beside": "path: .\ntrain: images/train\nval: images/val\n",
    "a path that is nowhere": "path: ../datasets/pets\ntrain: images/train\nval: images/val\n",
    "parents that are not meant": "train: ../images/train\nval: ../images/val\n",
    "lists of pictures": "train: train.txt\nval: val.txt\n",
    "lists of folders": "train: [images/train]\nval:\n- images/val\n",
    "absolute": "path: {folder}\ntrain: images/train\nval: '{folder}/images/val'\n",
}


def test_yaml_names_that_look_like_numbers_stay_as_they_stand(tmp_path: Path) -> None:
    write(yolo(tmp_path) / "data.yaml", "train: images/train\nval: images/val\nnames: [007, 1.50]\nnc: 2.0\n")
    assert read_folder(tmp_path).classes == ["007", "1.50"]


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
def test_yaml_may_say_where_the_pictures_are_in_many_ways(tmp_path: Path, places: str) -> None:
    home = yolo(tmp_path / "pets")
    for split, stems in SPLITS.items():
        lines = [f"./images/{split}/{stem}.png" if stem < "d" else f"images/{split}/{stem}.png" for stem in stems]
        write(home / f"{split}.txt", "\n".join(lines))
    write(home / "data.yaml", places.format(folder=home) + "names: [cat, dog]\ntest:\n")
    assert_holds(read_folder(home, "train"), SPLITS["train"])
    assert_holds(read_folder(home, "val"), SPLITS["val"])
    assert check(home) == []


def test_labels_follow_the_last_folder_called_images(tmp_path: Path) -> None:
    assert_holds(read_folder(yolo(tmp_path / "images" / "pets")), SPLITS["train"])


def test_without_a_list_the_numbers_found_are_the_classes(tmp_path: Path) -> None:
    yolo(tmp_path)
    write(tmp_path / "data.yaml", "train: images/train\nval: images/val\n")
    write(tmp_path / "labels" / "val" / "e.txt", "7 0.5 0.5 0.1 0.1\n")
    for split in SPLITS:
        assert read_folder(tmp_path, split).classes == ["0", "1", "7"]
    assert read_folder(tmp_path, "val").labels[1].tolist() == [2]


def test_a_whole_number_written_with_a_point_is_a_class(tmp_path: Path) -> None:
    yolo(tmp_path)
    write(tmp_path / "labels" / "train" / "b.txt", rows(OBJECTS["b"]).replace("1 ", "1.0 ", 1))
    assert_holds(read_folder(tmp_path), SPLITS["train"])


def test_coco_ids_become_labels_in_order_of_id_over_all_splits(tmp_path: Path) -> None:
    coco(tmp_path)
    items = coco_items(SPLITS["val"])
    items["categories"] = [{"id": 5, "name": "bird"}, {"id": 3, "name": "cat"}]
    write(tmp_path / "annotations" / "instances_val.json", json.dumps(items))
    for split in SPLITS:
        assert read_folder(tmp_path, split).classes == ["cat", "bird", "dog"]
    assert read_folder(tmp_path, "train").labels[0].tolist() == [0, 2]


def test_key_points_beside_the_boxes_are_passed_over(tmp_path: Path) -> None:
    coco(tmp_path)
    write(tmp_path / "annotations" / "person_keypoints_train.json", json_lines(coco_items(["a"])))
    write(tmp_path / "annotations" / "captions_train.json", json.dumps({"images": [], "annotations": []}))
    assert_holds(read_folder(tmp_path), SPLITS["train"])


def test_val2017_is_asked_for_as_val_and_by_its_own_name(tmp_path: Path) -> None:
    coco(tmp_path)
    os.rename(tmp_path / "annotations" / "instances_val.json", tmp_path / "annotations" / "instances_val2017.json")
    os.rename(tmp_path / "images" / "val", tmp_path / "val2017")
    for name in ("val", "validation", "val2017"):
        assert_holds(read_folder(tmp_path, name), SPLITS["val"])


def test_pictures_may_differ_in_size_and_shape(tmp_path: Path) -> None:
    yolo(tmp_path)
    picture(tmp_path / "images" / "train" / "b.png", size=(300, 80))
    examples = read_folder(tmp_path)
    assert [tuple(examples.image(index).shape) for index in range(2)] == [(3, 30, 40), (3, 300, 80)]
    torch.testing.assert_close(examples.boxes[1], torch.tensor([[0.0, 0.0, 16.0, 80.0]]))


def test_beyond_the_memory_set_aside_pictures_stay_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT_BYTES", 3 * 30 * 40 + 1)
    for build in FORMS.values():
        examples = read_folder(build(tmp_path / build.__name__))
        assert [isinstance(image, Path) for image in examples.images] == [False, False, True]
        assert_holds(examples, SPLITS["train"])
        assert examples.image(2).shape == (3, 30, 40)


@pytest.mark.parametrize("form", FORMS)
def test_what_systems_hide_beside_the_files_is_passed_over(tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path)
    for file in [file for file in tmp_path.rglob("*") if file.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(b"\0\5\x16\7")
    write(tmp_path / ".cache" / "images" / "train" / "z.txt", "x")
    assert_holds(read_folder(tmp_path), SPLITS["train"])
    assert check(tmp_path) == []


def test_a_linked_folder_is_followed_and_a_circle_of_links_ends(tmp_path: Path) -> None:
    home = yolo(tmp_path / "pets")
    os.rename(home / "images", tmp_path / "elsewhere")
    (home / "images").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (home / "images" / "val" / "round").symlink_to(home / "images" / "val", target_is_directory=True)
    assert_holds(read_folder(home, "val"), SPLITS["val"])  # and none of them a second time, round the corner


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "nowhere: there is no such folder"),
        ("pets/images/train/a.png", "a.png: is neither a folder nor a data.yaml nor a COCO file"),
        ("empty", "empty: holds no VOC, COCO or YOLO labels"),
        (".", r"did you mean .*pets\?"),
    ],
)
def test_a_path_that_holds_no_set_is_told_in_one_line(tmp_path: Path, path: str, message: str) -> None:
    yolo(tmp_path / "pets")
    (tmp_path / "empty").mkdir()
    for ask in (read_folder, check, split_names):
        with pytest.raises(UserError, match=message) as caught:
            ask(tmp_path / path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_the_folder_above_a_set_is_none_but_leads_to_it(tmp_path: Path, form: str) -> None:
    FORMS[form](tmp_path / "pets")
    with pytest.raises(UserError, match=r"holds no VOC, COCO or YOLO labels with pictures; did you mean .*pets\?"):
        read_folder(tmp_path)


def test_a_split_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no split 'test'; it has train, val"):
        read_folder(yolo(tmp_path), "test")


def test_bccd_gives_its_published_numbers_and_names_its_two_broken_boxes(
    bccd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "KEPT_BYTES", 0)  # check decodes them all anyway
    counts = {"train": 205, "val": 87, "trainval": 292, "test": 72}
    assert sorted(split_names(bccd)) == sorted(counts)
    sets = {split: read_folder(bccd, split) for split in ("trainval", "test")}
    assert {split: len(examples) for split, examples in sets.items()} == {"trainval": 292, "test": 72}
    labels = torch.cat([label for examples in sets.values() for label in examples.labels])
    # 4,888 objects, as the set's card has it, less the two
    assert dict(zip(sets["test"].classes, labels.bincount().tolist(), strict=True)) == {
        "Platelets": 361,
        "RBC": 4153,
        "WBC": 372,
    }
    told = [str(problem) for problem in check(bccd)]
    assert sorted(told) == [
        f"{bccd}/Annotations/BloodImage_00338.xml:163: box has no area: x 504 to 504, y 337 to 337; object left out",
        f"{bccd}/Annotations/BloodImage_00343.xml:55: box has no area: x 181 to 181, y 329 to 329; object left out",
    ]
