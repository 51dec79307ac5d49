"""Batches: what is in them, in which order, and that any of them can be had again."""

import os
import signal
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.errors import UserError
from teachkit.feed.augment import AugmentSettings
from teachkit.feed.examples import DataWarning, Examples
from teachkit.feed.formats import read_folder, write_folder
from teachkit.feed.letterbox import GREY, Letterbox
from teachkit.feed.loader import Loader, first_images, load_data
from teachkit.feed.scenes import CLASSES, SceneSettings, make_scenes
from teachkit.feed.store import padded
from teachkit.structures import Batch
from tests.feed.folders import CLASSES as FOLDER_CLASSES
from tests.feed.folders import voc, write, xml

SMALL = SceneSettings(image_size=64)


def shapes(split="train", batch_size=4, count=10, **options) -> Loader:
    options = {"device": "cpu", "count": count, "scenes": SMALL, "augment": split == "train", **options}
    return load_data("shapes", split, batch_size, **options)


def in_files(folder, count=10, suffix=".png") -> Examples:
    """Scenes whose pictures lie in files."""
    scenes = make_scenes(count, settings=SMALL)
    paths = [folder / f"{name}{suffix}" for name in scenes.names]
    for path, image in zip(paths, scenes.images, strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return Examples(list(paths), scenes.boxes, scenes.labels, [path.name for path in paths], scenes.classes)


def lazy(examples: Examples, **options) -> Loader:
    return Loader(examples, "train", 4, 64, "cpu", **{"resident_bytes": 0, **options})


def same(one: Batch, other: Batch) -> bool:
    pairs = [(one.images, other.images)]
    pairs += [
        (getattr(one.ground_truth, part), getattr(other.ground_truth, part)) for part in ("boxes", "labels", "mask")
    ]
    return all(torch.equal(*pair) for pair in pairs) and one.names == other.names


def names_of(batches) -> list[str]:
    return [name for batch in batches for name in batch.names]


def test_a_batch_has_the_form_of_the_contract():
    loader = load_data("shapes", "val", device="cpu", count=20)
    batch = next(iter(loader))
    truth = batch.ground_truth
    assert loader.classes == list(CLASSES)
    assert (loader.split, loader.batch_size, loader.image_size, len(loader)) == ("val", 16, (128, 128), 2)
    assert batch.images.shape == (16, 3, 128, 128)
    assert batch.images.dtype == truth.boxes.dtype == torch.float32
    assert 0 <= batch.images.min() < 0.3 < 0.7 < batch.images.max() <= 1
    assert truth.boxes.shape == (*truth.mask.shape, 4)
    assert (truth.labels.dtype, truth.mask.dtype, truth.labels.shape) == (torch.int64, torch.bool, truth.mask.shape)
    assert batch.names == [f"val_{number:04d}" for number in range(16)]


def test_shapes_are_a_thousand_scenes_to_train_on_and_two_hundred_to_validate_with():
    loader = load_data("shapes", "val", device="cpu", limit=3)
    assert (len(loader.names), load_data("shapes", "trainval", device="cpu", count=2).names[2]) == (3, "val_0000")
    assert len(load_data("shapes", "val", device="cpu").names) == 200
    assert len(load_data("shapes", device="cpu", scenes=SceneSettings(image_size=64, objects=(0, 0))).names) == 1000


def test_pixels_boxes_and_labels_are_those_of_the_scenes():
    scenes = make_scenes(10, seed=5, settings=SMALL)
    for loader in (shapes("train", seed=5, augment=False), shapes("train", seed=5, augment=False, shuffle=False)):
        for batch in loader:
            for place, name in enumerate(batch.names):
                index = scenes.names.index(name)
                boxes, labels = batch.ground_truth.image(place)
                assert torch.equal(batch.images[place], scenes.image(index) / 255)
                assert torch.equal(boxes, scenes.boxes[index])
                assert torch.equal(labels, scenes.labels[index])


def test_each_pass_shows_every_picture_once_the_last_batch_being_smaller():
    loader = shapes()
    for _ in range(3):
        batches = list(loader)
        assert [len(batch) for batch in batches] == [4, 4, 2]
        assert sorted(names_of(batches)) == sorted(loader.names)


def test_training_passes_are_shuffled_anew_and_others_keep_the_order():
    training, validation = shapes(), shapes("val")
    orders = [tuple(names_of(training)) for _ in range(5)]
    assert len({*orders, tuple(training.names)}) == 6
    assert [names_of(validation) for _ in range(2)] == [validation.names] * 2
    assert names_of(shapes(shuffle=False)) == training.names
    assert names_of(shapes("val", shuffle=True)) != validation.names


def test_other_seeds_give_other_orders():
    scenes = make_scenes(10, settings=SMALL)
    orders = {
        tuple(names_of(Loader(scenes, batch_size=4, image_size=64, device="cpu", seed=seed))) for seed in range(5)
    }
    assert len(orders) == 5


def test_training_is_augmented_unless_told_otherwise_and_validation_is_not():
    def plain(split, epoch=9, **options):
        scenes = make_scenes(10, settings=SMALL, split=split)
        batch = shapes(split, **{"augment": None, **options}).batch(epoch, 0)
        return all(
            torch.equal(image, scenes.image(scenes.names.index(name)) / 255)
            for image, name in zip(batch.images, batch.names, strict=True)
        )

    assert [plain("train", epoch) for epoch in range(5)] == [True, True, True, False, False]
    assert not plain("train", epoch=0, augment=True)
    assert not plain("train", epoch=0, augment=AugmentSettings())
    assert [plain("train", epoch, augment=AugmentSettings(flip=0, calm_from=2)) for epoch in (1, 2)] == [False, True]
    assert plain("train", augment=False)
    assert plain("val")
    assert plain("test")
    assert not plain("val", augment=True)
    assert not plain("val", augment=AugmentSettings(flip=1, zoom=(1, 1), colour=0))


def test_any_batch_can_be_had_again_in_any_order():
    loader, other = shapes(), shapes()
    first = [[batch for batch in loader] for _ in range(2)]
    for epoch in (1, 0):
        for place in (2, 0, 1):
            assert same(other.batch(epoch, place), first[epoch][place])
            assert same(loader.batch(epoch, place), first[epoch][place])
    assert not same(first[0][0], first[1][0])


@pytest.mark.parametrize("resident_bytes", [2**30, 0])
def test_rare_objects_of_the_whole_set_are_pasted_into_its_pictures(resident_bytes):
    """Nine pictures are empty; the tenth has the only object, and gives it to nearly all of them."""
    pictures = [torch.full((3, 64, 64), 90, dtype=torch.uint8) for _ in range(10)]
    pictures[9][0, 30:40, 20:30] = 200
    boxes = [torch.zeros(0, 4)] * 9 + [torch.tensor([[20.0, 30, 30, 40]])]
    labels = [torch.zeros(0, dtype=torch.int64)] * 9 + [torch.tensor([0])]
    examples = Examples(pictures, boxes, labels, [str(number) for number in range(10)], ["square"])
    settings = AugmentSettings(flip=0, zoom=(1, 1), colour=0, paste=1)
    loader = Loader(examples, "train", 2, 64, "cpu", augment=settings, resident_bytes=resident_bytes)
    batches = list(loader)
    assert sum(int(batch.ground_truth.mask.sum()) for batch in batches) >= 9
    for place, batch in enumerate(batches):
        assert (batch.images[:, 0] > 0.5).sum((1, 2)).gt(50).equal(batch.ground_truth.mask.any(1))
        assert same(loader.batch(0, place), batch)


def test_a_rare_picture_that_cannot_be_decoded_ends_no_training(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    pictures = [torch.full((3, 64, 64), 90, dtype=torch.uint8) for _ in range(3)]
    boxes, labels = [torch.zeros(0, 4)] * 3, [torch.zeros(0, dtype=torch.int64)] * 3
    its_box, its_label = torch.tensor([[20.0, 30, 30, 40]]), torch.tensor([0])
    examples = Examples([*pictures, broken], [*boxes, its_box], [*labels, its_label], list("abcd"), ["square"])
    settings = AugmentSettings(paste=1)
    loader = Loader(examples, "train", 1, 64, "cpu", shuffle=False, augment=settings, resident_bytes=0)
    with warnings.catch_warnings(action="ignore"):
        assert [loader.batch(0, place).names for place in range(3)] == [["a"], ["b"], ["c"]]


def test_no_two_batches_are_augmented_alike():
    scenes = make_scenes(1, settings=SMALL)
    same_picture = scenes.subset([0] * 6)
    loaders = [
        Loader(same_picture, "train", 2, 64, "cpu", seed, augment=AugmentSettings(zoom=(0.5, 2))) for seed in (0, 1, 2)
    ]
    batches = [loader.batch(epoch, place).images for loader in loaders for epoch in range(3) for place in range(3)]
    assert len({batch.numpy().tobytes() for batch in batches}) == 27


def test_asking_for_a_batch_moves_nothing():
    loader = shapes()
    before = loader.state_dict()
    loader.batch(7, 1)
    assert loader.state_dict() == before


@pytest.mark.parametrize("place", [-1, 3, 10])
def test_there_is_no_batch_outside_a_pass(place):
    with pytest.raises(IndexError, match="a pass has 3"):
        shapes().batch(0, place)


@pytest.mark.parametrize("taken", range(7))
def test_a_loader_goes_on_where_another_stopped(taken):
    whole, stopped, resumed = shapes(), shapes(), shapes()
    expected = [batch for _ in range(3) for batch in whole]
    seen = 0
    while seen < taken:
        for _ in stopped:
            seen += 1
            if seen == taken:
                break
    assert stopped.state_dict() == {"epoch": taken // 3, "place": taken % 3}
    resumed.load_state_dict(stopped.state_dict())
    rest = list(resumed) if taken % 3 else []
    while taken + len(rest) < 9:
        rest += list(resumed)
    assert all(same(*pair) for pair in zip(rest, expected[taken:], strict=True))


def test_a_pass_that_was_broken_off_is_not_gone_on_with():
    loader = shapes()
    next(iter(loader))
    assert [names_of([batch]) for batch in loader] == [names_of([loader.batch(1, place)]) for place in range(3)]
    loader.load_state_dict({"epoch": 5, "place": 1})
    next(iter(loader))
    assert names_of(loader) == names_of(loader.batch(6, place) for place in range(3))
    validation = shapes("val")
    assert names_of([next(iter(validation))]) == names_of([next(iter(validation))]) == validation.names[:4]


@pytest.mark.parametrize("state", [{"epoch": 0, "place": 3}, {"epoch": 0, "place": -1}, {"epoch": -1, "place": 0}])
def test_a_place_that_does_not_exist_is_refused_and_the_old_one_stays(state):
    loader = shapes()
    loader.load_state_dict({"epoch": 4, "place": 1})
    with pytest.raises(ValueError, match="there is no place"):
        loader.load_state_dict(state)
    assert loader.state_dict() == {"epoch": 4, "place": 1}


@pytest.mark.parametrize("boxes", [torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("labels", [torch.int64, torch.int32])
def test_padding_keeps_the_kind_of_numbers_that_it_is_given(boxes, labels):
    truth = padded(
        [torch.ones(2, 4, dtype=boxes), torch.zeros(0, 4, dtype=boxes)],
        [torch.ones(count, dtype=labels) for count in (2, 0)],
    )
    assert (truth.boxes.dtype, truth.labels.dtype) == (boxes, labels)
    assert truth.boxes.sum() == 8
    assert truth.labels.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(("counts", "expected"), [([0, 0], 4), ([1], 4), ([4, 2], 4), ([5, 0], 8), ([13], 16)])
def test_objects_are_padded_to_a_multiple_of_four(counts, expected):
    boxes = [torch.rand(count, 4) + 1 for count in counts]
    truth = padded(boxes, [torch.full((count,), 2) for count in counts])
    assert truth.boxes.shape == (len(counts), expected, 4)
    assert truth.mask.sum(1).tolist() == counts
    assert all(torch.equal(truth.image(place)[0], its_boxes) for place, its_boxes in enumerate(boxes))
    assert all(truth.image(place)[1].tolist() == [2] * count for place, count in enumerate(counts))
    assert not truth.boxes[~truth.mask].any()
    assert not truth.labels[~truth.mask].any()


def test_pictures_of_all_sizes_and_shapes_are_letterboxed_and_their_boxes_follow():
    sizes = [(30, 40), (100, 20), (64, 64), (200, 300)]
    images = [torch.full((3, *size), 200, dtype=torch.uint8) for size in sizes]
    boxes = [torch.tensor([[0.0, 0, width, height]]) for height, width in sizes]
    examples = Examples(images, boxes, [torch.tensor([0])] * 4, list("abcd"), ["page"])
    batch = Loader(examples, "val", 4, (64, 96), "cpu", shuffle=False).batch(0, 0)
    assert batch.images.shape == (4, 3, 64, 96)
    for place, size in enumerate(sizes):
        x1, y1, x2, y2 = batch.ground_truth.boxes[place, 0].tolist()
        assert [x1, y1, x2, y2] == Letterbox.fit(size, (64, 96)).boxes(boxes[place])[0].tolist()
        picture = batch.images[place, 0] * 255 > (200 + GREY) / 2
        assert picture.sum() == (x2 - x1) * (y2 - y1) > 500
        assert picture[int(y1) : int(y2), int(x1) : int(x2)].all()


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(100, 128), (64, 64)], (128, 128)),
        ([(64, 128)], (64, 128)),
        ([(480, 640)] * 3, (192, 256)),
        ([(640, 480)], (256, 192)),
        ([(480, 640), (640, 480)], (256, 256)),
        ([(129, 129)], (256, 256)),
        ([(100, 1000)], (32, 256)),
    ],
)
def test_without_an_image_size_the_canvas_fits_the_pictures(tmp_path, sizes, expected):
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes]
    boxes, labels = [torch.tensor([[1.0, 2, 30, 40]])] * len(sizes), [torch.tensor([0])] * len(sizes)
    names = [str(number) for number in range(len(sizes))]
    write_folder({"train": Examples(images, boxes, labels, names, ["thing"])}, tmp_path / "set", "voc")
    assert load_data(tmp_path / "set", device="cpu").image_size == expected


@pytest.mark.parametrize(("longest", "expected"), [(64, (64, 64)), (96, (96, 96)), (128, (96, 128))])
def test_the_longest_side_may_be_given_and_the_other_fits_the_pictures(tmp_path, longest, expected):
    assert load_data(voc(tmp_path), device="cpu", longest=longest).image_size == expected  # pictures of 30 × 40 px


@pytest.mark.parametrize("longest", [0, 8, "long"])
def test_a_longest_side_out_of_range_is_refused(tmp_path, longest):
    with pytest.raises(UserError, match="image_size must be a side"):
        load_data(voc(tmp_path), device="cpu", longest=longest)


def test_scenes_are_drawn_with_the_longest_side():
    assert load_data("shapes", device="cpu", count=1, longest=96).image_size == (96, 96)


@pytest.mark.parametrize(("asked", "expected"), [(64, (64, 64)), ((64, 96), (64, 96)), (None, (128, 128))])
def test_scenes_are_drawn_at_the_size_asked_for(asked, expected):
    loader = load_data("shapes", "val", image_size=asked, device="cpu", count=2)
    assert loader.image_size == expected
    drawn = make_scenes(2, settings=SceneSettings(image_size=min(expected)), split="val")
    if asked != (64, 96):
        assert torch.equal(loader.batch(0, 0).images[0], drawn.image(0) / 255)


def test_the_knobs_of_the_scenes_come_through():
    loader = load_data(
        "shapes", device="cpu", count=8, scenes=SceneSettings(image_size=96, objects=(2, 2)), augment=False
    )
    batch = loader.batch(0, 0)
    assert loader.image_size == (96, 96)
    assert batch.ground_truth.mask.sum(1).tolist() == [2] * 8


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_a_folder_gives_the_same_batches_in_every_form(tmp_path, form):
    splits = {split: make_scenes(6, settings=SMALL, split=split) for split in ("train", "val")}
    write_folder(splits, tmp_path / form, form)
    loader = load_data(str(tmp_path / form), "val", 4, image_size=64, device="cpu")
    assert loader.classes == list(CLASSES)
    assert not loader.problems
    expected = Loader(splits["val"], "val", 4, 64, "cpu", shuffle=False)
    assert len(loader) == len(expected) == 2
    for batch, drawn in zip(loader, expected, strict=True):
        assert (batch.images - drawn.images).abs().mean() < 0.03
        assert (batch.ground_truth.boxes - drawn.ground_truth.boxes).abs().max() < 1e-3
        assert torch.equal(batch.ground_truth.labels, drawn.ground_truth.labels)


def test_limit_takes_the_first_pictures(tmp_path):
    assert shapes(limit=3, shuffle=False).names == make_scenes(3, settings=SMALL).names
    assert len(shapes(limit=99).names) == 10
    assert load_data(voc(tmp_path), limit=2, device="cpu").names == ["a.png", "b.png"]
    assert len(load_data("shapes", "trainval", device="cpu", count=3, limit=5, scenes=SMALL).names) == 5


def test_problems_of_a_folder_are_handed_on_and_strict_stops_at_them(tmp_path):
    folder = voc(tmp_path)
    (folder / "JPEGImages" / "b.png").write_bytes(b"no picture")
    with pytest.warns(
        DataWarning, match=r"1 problems, the first: .*b\.png:1: .*; see all: python -m teachkit data check"
    ):
        loader = load_data(folder, device="cpu")
    assert loader.names == ["a.png", "c.png"]
    assert loader.classes == FOLDER_CLASSES
    assert any("b.png:1:" in str(problem) for problem in loader.problems)
    with pytest.raises(UserError, match=r"b\.png:1:"):
        load_data(folder, device="cpu", strict=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nonsense"}, 'nonsense: there is no such folder; give one in VOC, COCO or YOLO form, or "shapes"'),
        ({"split": "training"}, "'training': choose train, val, trainval or test"),
        ({"batch_size": 0}, "batch_size must be a whole number ≥ 1, not 0"),
        ({"batch_size": 2.0}, "batch_size must be"),
        ({"image_size": 15}, "image_size must be a side, or \\(height, width\\)"),
        ({"image_size": "large"}, "image_size must be"),
        ({"image_size": (64, 64, 3)}, "image_size must be"),
        ({"seed": -1}, "seed of the scenes must be"),
        ({"limit": 0}, "limit must be a whole number ≥ 1"),
        ({"workers": -1}, "workers must be a whole number ≥ 0"),
        ({"count": 0}, "the split 'train' has no pictures"),
        ({"device": "abacus"}, "abacus"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, message):
    with pytest.raises(UserError, match=message) as caught:
        load_data(**{"source": "shapes", "count": 2, "device": "cpu", **arguments})
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_as_good_as_others():
    eight, sides = np.int64(8), (np.int32(64), np.int64(96))
    loader = load_data("shapes", batch_size=eight, image_size=sides, seed=eight, limit=eight, device="cpu")
    assert next(iter(loader)).images.shape == (8, 3, 64, 96)
    assert load_data("shapes", image_size=np.int64(64), limit=2, device="cpu").image_size == (64, 64)


@pytest.mark.parametrize("senseless", [True, np.True_, 8.0, np.float64(8), "8", None, [8]])
def test_what_is_no_whole_number_is_no_batch_size(senseless):
    with pytest.raises(UserError, match="batch_size must be"):
        load_data("shapes", batch_size=senseless, limit=2, device="cpu")


def test_a_wrong_split_of_a_folder_is_told_with_those_there_are(tmp_path):
    with pytest.raises(UserError, match="no split 'exam'; it has train, val"):
        load_data(voc(tmp_path), "exam", device="cpu")


@pytest.mark.parametrize(("split", "training"), [("training", True), ("train2017", True), ("valid", False)])
def test_a_split_by_another_name_is_trained_on_or_not_all_the_same(tmp_path, split, training):
    loader = load_data(voc(tmp_path), split, device="cpu")
    assert (loader.shuffle, loader.augment is not None) == (training, training)


@pytest.mark.parametrize("knob", [{"count": 3}, {"scenes": SMALL}])
def test_knobs_of_the_scenes_are_refused_for_a_folder(tmp_path, knob):
    with pytest.raises(UserError, match='for source "shapes" only'):
        load_data(voc(tmp_path), device="cpu", **knob)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_set_too_large_to_be_resident_gives_the_same_batches(tmp_path, workers):
    examples = in_files(tmp_path)
    on_demand, resident = lazy(examples, workers=workers), lazy(examples, resident_bytes=2**30)
    assert all(same(*pair) for _ in range(2) for pair in zip(on_demand, resident, strict=True))


def test_a_resident_set_needs_its_files_no_more(tmp_path):
    examples = in_files(tmp_path)
    resident, on_demand = (
        lazy(examples, resident_bytes=10 * 3 * 64 * 64),
        lazy(examples, resident_bytes=10 * 3 * 64 * 64 - 1),
    )
    for path in examples.images:
        path.unlink()
    assert len(list(resident)) == 3
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(UserError, match=r"train_\d+\.png:1: .*rest of its batch"),
    ):
        on_demand.batch(0, 0)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "text"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_broken_later_is_left_out_and_named(tmp_path, damage, workers):
    examples = in_files(tmp_path)
    loader = lazy(examples, workers=workers, shuffle=False)
    broken = examples.images[2]
    content = {"empty": b"", "cut": broken.read_bytes()[:500], "text": b"hello"}
    broken.unlink() if damage == "missing" else broken.write_bytes(content[damage])
    with pytest.warns(UserWarning, match=rf"{broken.name}:1: .*; left out"):
        batch = loader.batch(0, 0)
    assert batch.names == [examples.names[index] for index in (0, 1, 3)]
    assert len(batch.ground_truth) == len(batch.images) == 3
    assert [problem.file for problem in loader.problems] == [str(broken)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        loader.batch(0, 0)


def test_pictures_broken_from_the_start_are_not_in_a_resident_set(tmp_path):
    examples = in_files(tmp_path)
    for index in (0, 4, 9):
        examples.images[index].write_bytes(b"broken")
    loader = lazy(examples, resident_bytes=2**30, shuffle=False)
    kept = [index for index in range(10) if index not in (0, 4, 9)]
    assert loader.names == names_of(loader) == [examples.names[index] for index in kept]
    assert [problem.file for problem in loader.problems] == [str(examples.images[index]) for index in (0, 4, 9)]
    intact = make_scenes(10, settings=SMALL)
    for index, image in zip(kept, torch.cat([batch.images for batch in loader]), strict=True):
        assert torch.equal(image, intact.image(index) / 255)


def test_a_set_of_broken_pictures_only_is_refused(tmp_path):
    examples = in_files(tmp_path, count=2)
    for path in examples.images:
        path.write_bytes(b"broken")
    with pytest.raises(UserError, match="no pictures that can be used"):
        lazy(examples, resident_bytes=2**30)


def test_there_are_no_workers_unless_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(ThreadPoolExecutor, "__init__", lambda *_: pytest.fail("a worker was started"))
    assert len(list(lazy(in_files(tmp_path)))) == 3


def _no_threads(self, *_):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("workers", [1, 2, 4, 64])
def test_workers_that_cannot_start_are_done_without_and_it_is_said(tmp_path, monkeypatch, workers):
    examples = in_files(tmp_path)
    expected = list(lazy(examples))
    loader = lazy(examples, workers=workers)
    monkeypatch.setattr(threading.Thread, "start", _no_threads)
    with pytest.warns(UserWarning, match="without workers"):
        first = next(iter(loader))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        rest = [loader.batch(0, place) for place in (1, 2)]
    assert all(same(*pair) for pair in zip([first, *rest], expected, strict=True))


def test_workers_leave_no_thread_behind(tmp_path):
    before = threading.active_count()
    for _ in lazy(in_files(tmp_path), workers=3):
        assert threading.active_count() == before


def test_the_files_are_left_as_they_are(tmp_path):
    folder = voc(tmp_path)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    list(load_data(folder, device="cpu"))
    assert sorted(path for path in folder.rglob("*") if path.is_file()) == files
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before


def test_global_random_numbers_are_neither_used_nor_moved():
    torch.manual_seed(1)
    one, state = list(shapes()), torch.get_rng_state()
    torch.manual_seed(2)
    assert all(same(*pair) for pair in zip(one, shapes(), strict=True))
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_blood_cells_are_read_with_their_two_broken_boxes_named(bccd):
    with pytest.warns(DataWarning, match="2 problems"):
        loader = load_data(bccd, "trainval", 8, device="cpu")
    assert sorted(loader.classes) == ["Platelets", "RBC", "WBC"]
    assert len(loader.names) == 292
    assert [problem.file[-9:] for problem in loader.problems] == ["00338.xml", "00343.xml"]
    assert next(iter(loader)).images.shape == (8, 3, 192, 256)


@pytest.mark.gpu
def test_a_set_is_resident_on_the_gpu_and_gives_the_same_there():
    here, there = (load_data("shapes", count=8, device=device) for device in ("cpu", "cuda"))
    batch = there.batch(0, 0)
    assert batch.images.is_cuda
    assert batch.ground_truth.boxes.is_cuda
    assert (batch.images.cpu() - here.batch(0, 0).images).abs().max() < 1e-3
    assert torch.equal(batch.ground_truth.mask.cpu(), here.batch(0, 0).ground_truth.mask)


@pytest.mark.parametrize(("count", "given"), [(1, 1), (3, 3), (9, 4)])
def test_the_first_images_come_with_their_truth_and_no_more_than_a_batch_of_them(count, given):
    loader = shapes("val")
    batch, first = first_images(loader, count), next(iter(loader))
    assert batch.names == first.names[:given]
    assert torch.equal(batch.images, first.images[:given])
    assert torch.equal(batch.ground_truth.boxes, first.ground_truth.boxes[:given])


@pytest.mark.parametrize("resident_bytes", [0, 2**30])
def test_difficult_objects_are_carried_beside_the_others_and_never_among_them(tmp_path, resident_bytes):
    voc(tmp_path)
    text = xml([("cat", (1, 2, 11, 22)), ("dog", (20, 5, 40, 30))])
    write(
        tmp_path / "Annotations" / "a.xml", text.replace("<name>cat</name>", "<name>cat</name><difficult>1</difficult>")
    )
    examples = read_folder(tmp_path)
    assert examples.notes == [
        "1 objects are marked as difficult or to be ignored: neither learned from, nor counted as found or missed"
    ]
    loader = Loader(examples, image_size=(32, 64), device="cpu", shuffle=False, resident_bytes=resident_bytes)
    truth = next(iter(loader)).ground_truth
    place = loader.names.index("a.png")
    assert truth.image(place)[1].tolist() == [1]
    boxes, labels = truth.ignored.image(place)
    assert labels.tolist() == [0]
    assert boxes.shape == (1, 4)
    assert int(truth.ignored.mask.sum()) == 1
    assert len(truth.take(slice(0, 1)).ignored) == 1


@pytest.mark.parametrize("wrong", [{"split": 5}, {"augment": "yes"}, {"source": None}, {"source": b"x"}], ids=str)
def test_a_source_a_split_and_an_augmentation_of_another_type_are_refused(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))}.* must be"):
        load_data(**({"source": "shapes", "count": 2} | wrong))


# The batch after


def calls_of_batch(loader, monkeypatch):
    """(epoch, place, thread) of each call, and what is thrown at a place."""
    calls, broken, batch = [], {}, loader.batch

    def noted(epoch, place):
        calls.append((epoch, place, threading.current_thread().name))
        if place in broken:
            raise broken[place]
        return batch(epoch, place)

    monkeypatch.setattr(loader, "batch", noted)
    return calls, broken


def test_from_the_second_batch_on_the_next_one_is_made_by_another_thread(monkeypatch):
    loader = shapes()
    calls, _ = calls_of_batch(loader, monkeypatch)
    assert all(same(one, loader.batch(0, place)) for place, one in enumerate(loader))
    main, beside = threading.main_thread().name, "next-batch_0"
    assert [(place, thread) for _, place, thread in calls if thread != main] == [(2, beside)]


def test_the_first_batch_alone_makes_no_second(monkeypatch):
    loader = shapes()
    calls, _ = calls_of_batch(loader, monkeypatch)
    first_images(loader, 2)
    assert [place for _, place, _ in calls] == [0]


@pytest.mark.parametrize(
    "change", [{"augment": None}, {"seed": 5}, {"batch_size": 3}, {"share": (1, 2)}, {"shuffle": False}], ids=str
)
def test_what_is_changed_between_two_batches_holds_from_the_next_on(change):
    loader, other = shapes(count=20), shapes(count=20)
    batches = iter(loader)
    assert all(same(other.batch(0, place), next(batches)) for place in range(2))
    time.sleep(0.2)  # the third is made
    for name, value in change.items():
        setattr(loader, name, value)
        setattr(other, name, value)
    assert same(next(batches), other.batch(0, 2))


def test_what_goes_wrong_beside_is_told_at_its_own_turn(monkeypatch):
    loader = shapes(count=20)
    _, broken = calls_of_batch(loader, monkeypatch)
    broken[3] = UserError("this picture is gone")
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    with pytest.raises(UserError, match="this picture is gone"):
        next(batches)


def test_the_other_thread_computes_with_as_many_threads(monkeypatch):
    loader, counts = shapes(), []
    monkeypatch.setattr(loader, "batch", lambda epoch, place: counts.append(torch.get_num_threads()))
    another = threading.Thread(target=torch.set_num_threads, args=[2])  # torch gives new threads what was asked last
    another.start()
    another.join()
    list(loader)
    torch.set_num_threads(1)
    assert counts == [1, 1, 1]


@pytest.mark.parametrize(
    "change",
    [{"device": torch.device("cuda")}, {"augment": None}, {"augment": AugmentSettings(unaugmented_epochs=1)}],
    ids=["a GPU", "never", "later"],
)
def test_nothing_is_made_beside_a_gpu_which_may_capture_a_graph_nor_where_little_is_done(monkeypatch, change):
    loader = shapes()
    calls, _ = calls_of_batch(loader, monkeypatch)
    for name, value in change.items():
        monkeypatch.setattr(loader, name, value)
    monkeypatch.setattr(loader, "_taken", lambda indices: Batch(torch.zeros(0), None, []))
    assert len(list(loader)) == 3
    assert {thread for *_, thread in calls} == {threading.main_thread().name}


def test_where_no_thread_can_be_started_each_batch_is_made_at_its_turn(monkeypatch):
    loader = shapes(count=20)
    monkeypatch.setattr(threading.Thread, "start", _no_threads)
    assert all(same(loader.batch(0, place), one) for place, one in enumerate(loader))


def test_a_pass_leaves_no_thread_behind_nor_does_one_that_is_broken_off():
    before, loader = threading.active_count(), shapes(count=20)
    list(loader)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    batches.close()
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_to_break_off_does_not_wait_for_a_batch_in_the_making(monkeypatch):
    loader, at_work, go_on = shapes(count=20), threading.Event(), threading.Event()
    batch = loader.batch

    def slow(epoch, place):
        if place == 3:
            at_work.set()
            go_on.wait(30)
        return batch(epoch, place)

    monkeypatch.setattr(loader, "batch", slow)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    assert at_work.wait(30)
    began = time.monotonic()
    batches.close()
    go_on.set()
    assert time.monotonic() - began < 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
@pytest.mark.parametrize("pause", [0, 0.3], ids=["at work", "idle"])
def test_a_forked_child_goes_on_with_an_open_loop(pause):
    loader = shapes(count=40)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    time.sleep(pause)
    if not (child := os.fork()):
        signal.alarm(30)
        os._exit(0 if len(list(batches)) == 7 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(batches)) == 7
