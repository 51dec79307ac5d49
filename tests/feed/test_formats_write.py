from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from teachkit.errors import UserError
from teachkit.feed.examples import Examples
from teachkit.feed.formats import check, read_folder, write_folder
from teachkit.feed.scenes import make_scenes
from tests.feed.folders import CLASSES, FORMS, coco

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"


@st.composite
def scenes(draw: st.DrawFn) -> Examples:
    """Up to three pictures, 1 to 60 px a side, with boxes anywhere inside, as small as the readers let pass."""
    images, all_boxes, labels = [], [], []
    for number in range(draw(st.integers(1, 3))):
        height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
        images.append(torch.full((3, height, width), number, dtype=torch.uint8))
        boxes = []
        for _ in range(draw(st.integers(0, 4))):
            starts = [draw(st.floats(0, side - 0.0625, width=32)) for side in (width, height)]
            ends = [
                draw(st.floats(np.nextafter(np.float32(start + 0.02), np.float32(99)).item(), side, width=32))
                for start, side in zip(starts, (width, height), strict=True)
            ]
            boxes.append((*starts, *ends))
        boxes = list(dict.fromkeys(boxes))
        all_boxes.append(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))
        labels.append(torch.tensor([draw(st.integers(0, 2)) for _ in boxes], dtype=torch.int64))
    names = [f"scene {number}" for number in range(len(images))]
    return Examples(images, all_boxes, labels, names, ["zebra", "a & b <i>", "ant"])


def assert_same(read: Examples, written: Examples) -> None:
    assert read.problems == []
    assert read.classes == written.classes
    assert len(read) == len(written)
    for index in range(len(written)):
        assert torch.equal(read.image(index), written.image(index))
        assert torch.equal(read.labels[index], written.labels[index])
        side = max(written.image(index).shape[1:])
        torch.testing.assert_close(read.boxes[index], written.boxes[index], atol=1e-6 * side, rtol=0)


@settings(max_examples=40, deadline=None)
@given(examples=scenes(), order=st.permutations(list(FORMS)))
def test_a_round_through_all_three_forms_keeps_pixels_labels_and_boxes(examples: Examples, order: list[str]) -> None:
    with TemporaryDirectory() as folder:
        current = examples
        for form in order:
            write_folder({"train": current}, Path(folder) / form, form)
            current = read_folder(Path(folder) / form)
            assert_same(current, examples)


@pytest.mark.parametrize("form", FORMS)
def test_every_split_is_written_and_nothing_is_wrong_with_it(tmp_path: Path, form: str) -> None:
    splits = {split: make_scenes(4, seed=3, split=split) for split in ("train", "val", "test")}
    write_folder(splits, tmp_path / "new" / "set", form)
    assert check(tmp_path / "new" / "set") == []
    for split, examples in splits.items():
        assert_same(read_folder(tmp_path / "new" / "set", split), examples)


def test_pycocotools_reads_the_same_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    examples = make_scenes(5)
    write_folder({"train": examples}, tmp_path, "coco")
    reference = COCO(str(tmp_path / "annotations" / "instances_train.json"))
    assert [one["name"] for one in reference.loadCats(reference.getCatIds())] == examples.classes
    for index, image in enumerate(reference.loadImgs(reference.getImgIds())):
        annotations = reference.loadAnns(reference.getAnnIds(imgIds=image["id"]))
        assert (image["height"], image["width"]) == (128, 128)
        boxes = torch.tensor([one["bbox"] for one in annotations])
        boxes[:, 2:] += boxes[:, :2]
        torch.testing.assert_close(boxes, examples.boxes[index])
        assert [one["category_id"] - 1 for one in annotations] == examples.labels[index].tolist()


def test_data_yaml_leads_other_tools_to_the_pictures_from_its_own_folder(tmp_path: Path) -> None:
    write_folder({"train": make_scenes(2), "val": make_scenes(1, split="val")}, tmp_path, "yolo")
    settings = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert "path" not in settings
    assert len(list((tmp_path / settings["train"]).glob("*.png"))) == 2
    assert len(list((tmp_path / settings["val"]).glob("*.png"))) == 1
    assert list(settings["names"]) == [0, 1, 2, 3]


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    one, other = make_scenes(2, seed=1), make_scenes(2, seed=2)
    other.names = [one.names[0].upper(), "x/y.jpg"]
    write_folder({"train": one, "val": other}, tmp_path, "voc")
    assert_same(read_folder(tmp_path, "train"), one)
    assert_same(read_folder(tmp_path, "val"), other)


def test_pictures_that_are_still_paths_are_written_too(tmp_path: Path) -> None:
    examples = read_folder(coco(tmp_path / "old"))
    examples.images = sorted((tmp_path / "old" / "images" / "train").iterdir())
    write_folder({"train": examples}, tmp_path / "new", "yolo")
    assert_same(read_folder(tmp_path / "new"), examples)


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path: Path, form: str) -> None:
    (tmp_path / "mine.txt").write_text("my work")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UserError, match="is there already; name a new or an empty folder"):
            write_folder({"train": make_scenes(1)}, place, form)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
    assert (tmp_path / "mine.txt").read_text() == "my work"


@pytest.mark.parametrize(
    ("classes", "split", "form", "message"),
    [
        (["a\nb", "c", "d", "e"], "train", "voc", "class 'a\\\\nb' cannot be written"),
        (["", "c", "d", "e"], "train", "coco", "class '' cannot be written"),
        ([" a", "c", "d", "e"], "train", "yolo", "class ' a' cannot be written"),
        (None, "../train", "yolo", "split '../train' cannot be written"),
        (None, "train", "darknet", "there is no format 'darknet'; choose from voc, coco, yolo"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    tmp_path: Path, classes: list[str] | None, split: str, form: str, message: str
) -> None:
    examples = make_scenes(1)
    examples.classes = classes or examples.classes
    with pytest.raises(UserError, match=message):
        write_folder({split: examples}, tmp_path / "out", form)
    assert list(tmp_path.iterdir()) == []


def test_splits_with_other_classes_are_refused(tmp_path: Path) -> None:
    one, other = make_scenes(1), make_scenes(1)
    other.classes = CLASSES
    with pytest.raises(UserError, match="have the same classes"):
        write_folder({"train": one, "val": other}, tmp_path / "out", "yolo")


@pytest.mark.parametrize("form", FORMS)
def test_the_sample_is_what_would_be_written_today(tmp_path: Path, form: str) -> None:
    """After a change of the scenes: python -m data.write_sample"""
    from data.write_sample import scenes_of_the_sample

    write_folder(scenes_of_the_sample(), tmp_path / form, form)
    files = {file.relative_to(SAMPLE / form) for file in (SAMPLE / form).rglob("*") if file.is_file()}
    assert files == {file.relative_to(tmp_path / form) for file in (tmp_path / form).rglob("*") if file.is_file()}
    for file in files:
        kept, fresh = SAMPLE / form / file, tmp_path / form / file
        if file.suffix == ".png":  # packed otherwise by another zlib, but the same pixels
            assert Image.open(kept).tobytes() == Image.open(fresh).tobytes(), file
        else:
            assert kept.read_bytes() == fresh.read_bytes(), file


def test_the_sample_is_small_and_sound() -> None:
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) < 1e6
    for form in FORMS:
        assert check(SAMPLE / form) == []
        assert len(read_folder(SAMPLE / form, "train")) == 12
        assert len(read_folder(SAMPLE / form, "val")) == 4
