"""The built-in scenes: their bytes, their boxes against their pixels, and each knob."""

import hashlib
from functools import cache

import numpy as np
import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed import scenes
from teachkit.feed.examples import Examples
from teachkit.feed.scenery import shapes, textures
from teachkit.feed.scenes import CLASSES, SceneSettings, draw_scene, make_scenes

EVERY_KNOB = SceneSettings(
    image_size=96,
    objects=(0, 12),
    size=(1 / 10, 2 / 3),
    clutter=1.0,
    noise=0.1,
    imbalance=0.3,
    wrong_labels=0.2,
    missing_boxes=0.2,
    loose_boxes=0.4,
)


@cache
def made(count: int = 100, **knobs) -> Examples:
    """The first training scenes; kept, since several tests compare with the same ones."""
    return make_scenes(count, settings=SceneSettings(**knobs))


@pytest.fixture(scope="module")
def train() -> Examples:
    return make_scenes()


def digest(examples: Examples) -> str:
    """SHA-256 over pixels, boxes and labels."""
    sha = hashlib.sha256()
    for index in range(len(examples)):
        for part in (examples.image(index), examples.boxes[index], examples.labels[index]):
            array = part.numpy()
            sha.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return sha.hexdigest()


def overlaid(settings: SceneSettings, number: int) -> np.ndarray:
    """Which object each pixel shows, 0 for none, put together anew from the silhouettes. [size, size]"""
    owner = np.zeros((settings.image_size, settings.image_size), int)
    _, objects = draw_scene([0, 0, number], settings)
    for index, one in enumerate(objects, start=1):
        rows, columns = one.form.inside.shape
        owner[one.y : one.y + rows, one.x : one.x + columns][one.form.inside] = index
    return owner


# Made by this module on x86-64 with numpy 2.4 when the scenes were drawn for good.
@pytest.mark.parametrize(
    ("settings", "split", "seed", "expected"),
    [
        (SceneSettings(), "train", 0, "36fd12c13f41dcb3877ddfbf3d957a616e57e5eb144aba0d9659a95125edac2b"),
        (SceneSettings(), "val", 7, "a78963129fe41e656e90603464c0f4fec3911e71de3afdc36a48a30fb2b6c3be"),
        (EVERY_KNOB, "test", 2**40, "7bbb987f0cdfd1210e9c141b187b299b280af5e4a44ddb12aa61717500c0729c"),
    ],
)
def test_the_same_seed_gives_the_same_bytes_on_any_machine(settings, split, seed, expected):
    assert digest(make_scenes(32, seed, settings, split=split)) == expected


def test_a_scene_does_not_depend_on_how_many_are_made(train):
    assert digest(make_scenes(5)) == digest(train.subset(range(5)))


def test_other_seeds_give_other_scenes():
    assert len({digest(make_scenes(3, seed)) for seed in range(10)}) == 10


def test_no_scene_is_in_two_splits(train):
    splits = [train, make_scenes(split="val"), make_scenes(split="test")]
    assert [len(split) for split in splits] == [1000, 200, 200]
    pictures = {image.numpy().tobytes() for split in splits for image in split.images}
    names = {name for split in splits for name in split.names}
    assert len(pictures) == len(names) == 1400


def test_trainval_is_train_and_val():
    both = make_scenes(4, split="trainval")
    assert both.names == [*make_scenes(4).names, *make_scenes(4, split="val").names]
    assert torch.equal(both.image(5), make_scenes(4, split="val").image(1))


def test_the_examples_have_the_types_they_promise(train):
    assert train.classes == list(CLASSES)
    assert all(image.dtype == torch.uint8 and image.shape == (3, 128, 128) for image in train.images)
    assert all(boxes.dtype == torch.float32 and boxes.ndim == 2 and boxes.shape[1] == 4 for boxes in train.boxes)
    assert all(labels.dtype == torch.int64 and labels.ndim == 1 for labels in train.labels)
    assert [len(boxes) for boxes in train.boxes] == [len(labels) for labels in train.labels]
    assert not train.problems


def test_every_class_and_every_number_of_objects_appears_about_equally_often(train):
    by_class = torch.cat(train.labels).bincount(minlength=len(CLASSES)).double()
    assert (by_class / by_class.sum() - 1 / len(CLASSES)).abs().max() < 0.03
    by_number = torch.tensor([len(labels) for labels in train.labels]).bincount(minlength=7)
    assert by_number[0] == 0
    assert by_number[1:].min() > 100


def test_objects_are_an_eighth_to_a_half_of_the_image_wide_and_high_and_inside_it(train):
    boxes = torch.cat(train.boxes)
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 16
    assert sides.max() <= 64
    assert sides.max() > 60
    assert boxes.min() >= 0
    assert boxes.max() <= 128
    assert (boxes[:, 0] == 0).any()
    assert (boxes[:, 2] == 128).any()


@pytest.mark.parametrize("size", [64, 128, 200])
def test_a_box_is_the_tight_box_of_the_pixels_drawn(monkeypatch, size):
    """White shapes with no shading on a black ground: a pixel's value is how much of it the shape covers."""
    monkeypatch.setattr(scenes, "PAINTS", ((255, 255, 255),))
    monkeypatch.setattr(textures, "GROUNDS", (((0, 0, 0), (0, 0, 0)),))
    monkeypatch.setattr(shapes, "_light", np.ones_like)
    lone = make_scenes(100, settings=SceneSettings(image_size=size, objects=(1, 1), noise=0, clutter=0))
    for image, boxes in zip(lone.images, lone.boxes, strict=True):
        covered = image[0] >= 128
        rows, columns = covered.any(1).nonzero()[:, 0], covered.any(0).nonzero()[:, 0]
        assert boxes.tolist() == [[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]]


def test_at_least_half_of_every_silhouette_stays_in_sight_and_some_are_hidden_in_part():
    settings, seen_shares = SceneSettings(objects=(4, 12)), []
    for number in range(40):
        _, objects = draw_scene([0, 0, number], settings)
        seen = np.bincount(overlaid(settings, number).ravel(), minlength=len(objects) + 1)[1:]
        seen_shares += [count / one.form.inside.sum() for count, one in zip(seen, objects, strict=True)]
    assert min(seen_shares) >= 0.5
    assert np.mean(np.array(seen_shares) < 1) > 0.1


@pytest.mark.parametrize("objects", [(0, 0), (1, 1), (5, 5), (2, 9)])
def test_the_knob_objects_sets_how_many_there_are(objects):
    numbers = [
        len(boxes) for boxes in make_scenes(60, settings=SceneSettings(objects=objects, size=(1 / 8, 1 / 4))).boxes
    ]
    assert (min(numbers), max(numbers)) == objects


def test_objects_without_room_are_left_out():
    crowded = made(4, objects=(60, 60), size=(1 / 2, 1 / 2))
    assert all(3 <= len(boxes) < 30 for boxes in crowded.boxes)


@pytest.mark.parametrize("size", [(1 / 16, 1 / 8), (1 / 4, 1 / 4), (1 / 2, 3 / 4)])
def test_the_knob_size_sets_how_large_they_are(size):
    boxes = torch.cat(make_scenes(60, settings=SceneSettings(size=size, objects=(1, 2))).boxes)
    sides = (boxes[:, 2:] - boxes[:, :2]) / 128
    assert sides.max() <= size[1]
    assert sides.min() >= size[0] * 0.85 - 1 / 128


@pytest.mark.parametrize("knob", ["noise", "clutter"])
def test_the_knobs_noise_and_clutter_change_pixels_only(knob):
    low, high = (make_scenes(20, settings=SceneSettings(**{knob: value})) for value in (0.0, 0.2))
    assert all(map(torch.equal, low.boxes, high.boxes))
    assert all(map(torch.equal, low.labels, high.labels))
    assert not any(map(torch.equal, low.images, high.images))


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.1])
def test_the_knob_noise_is_a_standard_deviation_and_the_mean_stays(noise):
    clean, noisy = (
        torch.stack(make_scenes(10, settings=SceneSettings(noise=value)).images).double() for value in (0.0, noise)
    )
    away_from_the_ends = (clean > 80) & (clean < 175)
    change = (noisy - clean)[away_from_the_ends] / 255
    assert change.std().item() == pytest.approx(noise, rel=0.03)
    assert abs(change.mean().item()) < 0.001


def test_the_ground_is_textured_and_more_so_with_clutter(monkeypatch):
    monkeypatch.setattr(scenes, "scrap", lambda *_: None)

    def roughness(clutter: float) -> float:
        settings = SceneSettings(objects=(0, 0), noise=0, clutter=clutter)
        images = torch.stack(make_scenes(20, settings=settings).images).double()
        return images.flatten(2).std(-1).mean().item()

    assert 2 < roughness(0.0) < roughness(0.5) - 1 < roughness(1.0) - 2


def test_with_clutter_scraps_lie_on_the_ground(monkeypatch):
    def made_with(scrap):
        monkeypatch.setattr(scenes, "scrap", scrap)
        settings = SceneSettings(objects=(0, 0), noise=0, clutter=1.0)
        return torch.stack(make_scenes(20, settings=settings).images).double()

    changed = (made_with(shapes.scrap) - made_with(lambda *_: None)).abs().amax(1) > 20
    assert 0.005 < changed.double().mean() < 0.05
    assert changed.any(-1).any(-1).all()


@pytest.mark.parametrize("imbalance", [0.0, 0.5, 0.8, 1.0])
def test_the_knob_imbalance_makes_each_class_rarer_than_the_one_before(imbalance):
    counted = torch.cat(made(imbalance=imbalance).labels).bincount(minlength=len(CLASSES)).double()
    expected = torch.tensor([(1 - imbalance) ** kind for kind in range(len(CLASSES))], dtype=torch.float64)
    assert (counted / counted.sum() - expected / expected.sum()).abs().max() < 0.07


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_knob_wrong_labels_changes_that_share_of_labels_and_nothing_else(share):
    right, wrong = made(), made(wrong_labels=share)
    assert all(map(torch.equal, right.images, wrong.images))
    assert all(map(torch.equal, right.boxes, wrong.boxes))
    labels, others = torch.cat(right.labels), torch.cat(wrong.labels)
    assert (labels != others).double().mean().item() == pytest.approx(share, abs=0.07)
    assert {
        (others - labels) % len(CLASSES) for labels, others in zip(labels.tolist(), others.tolist(), strict=True)
    } == {
        *([0] if share < 1 else []),
        *range(1, len(CLASSES)),
    }


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_knob_missing_boxes_takes_that_share_of_objects_away_and_nothing_else(share):
    whole, rest = made(), made(missing_boxes=share)
    assert all(map(torch.equal, whole.images, rest.images))
    for boxes, kept in zip(whole.boxes, rest.boxes, strict=True):
        rows = boxes.tolist()
        assert [row for row in rows if row in kept.tolist()] == kept.tolist()
    missing = 1 - len(torch.cat(rest.boxes)) / len(torch.cat(whole.boxes))
    assert missing == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("looseness", [0.1, 0.5, 1.0])
def test_the_knob_loose_boxes_moves_sides_outwards_and_nothing_else(looseness):
    tight, loose = made(), made(loose_boxes=looseness)
    assert all(map(torch.equal, tight.images, loose.images))
    assert all(map(torch.equal, tight.labels, loose.labels))
    inner, outer = torch.cat(tight.boxes), torch.cat(loose.boxes)
    sides = (inner[:, 2:] - inner[:, :2]).repeat(1, 2)
    outwards = (outer - inner) * torch.tensor([-1, -1, 1, 1]) / sides
    assert outwards.min() >= 0
    assert outwards.max() <= looseness + 1e-4
    within = (outer > 0) & (outer < 128)
    assert outwards[within].mean().item() > looseness * 0.35
    assert outer.min() >= 0
    assert outer.max() <= 128


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("image_size", 63),
        ("image_size", 128.0),
        ("image_size", True),
        ("objects", (3, 2)),
        ("objects", (0, 61)),
        ("objects", 3),
        ("objects", (1.0, 2.0)),
        ("size", (0.5, 0.25)),
        ("size", (0.0, 0.5)),
        ("size", (None, 0.5)),
        ("size", (float("nan"), 0.5)),
        ("clutter", -0.1),
        ("noise", float("nan")),
        ("noise", "much"),
        ("imbalance", 1.5),
        ("wrong_labels", 2),
        ("missing_boxes", True),
        ("loose_boxes", float("inf")),
    ],
)
def test_a_knob_out_of_range_is_refused_by_name(knob, value):
    with pytest.raises(UserError, match=f"^{knob}[^\n]*$"):
        SceneSettings(**{knob: value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "training"}, "no split 'training': choose train, val, trainval or test"),
        ({"count": -1}, "count of the scenes"),
        ({"count": 2.5}, "count of the scenes"),
        ({"count": 10**9}, "count of the scenes must be a whole number from 0 to 174,762, not 1000000000"),
        ({"count": 90_000, "split": "trainval"}, "count of the scenes"),
        ({"seed": -1}, "seed of the scenes"),
    ],
)
def test_a_wrong_split_count_or_seed_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        make_scenes(**{"count": 1, **arguments})


def test_no_scenes_at_all_are_an_empty_set():
    assert len(make_scenes(0)) == 0
