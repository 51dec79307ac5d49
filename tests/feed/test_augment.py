"""Augmentation against torchvision, and boxes against the pixels they belong to."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2
from torchvision.tv_tensors import BoundingBoxes

from teachkit.errors import UserError
from teachkit.feed.augment import AugmentSettings, augment, clip, colour, flip, zoom
from teachkit.feed.letterbox import GREY
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.structures import Batch, GroundTruth

STRONG = AugmentSettings(flip=0.5, vertical_flip=0.5, zoom=(0.5, 2.0), colour=0.5)
NOTHING = AugmentSettings(flip=0, vertical_flip=0, zoom=(1, 1), colour=0, min_visible=0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(count: int = 2, height: int = 48, width: int = 64) -> torch.Tensor:
    """Pictures in 0.2–0.8 without sharp edges, so that no clamp and no rounding of a place matters much."""
    coarse = torch.rand(count, 3, height // 8, width // 8, generator=seeded())
    return 0.2 + 0.6 * torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def scenes(count: int = 16, **knobs) -> Batch:
    made = make_scenes(count, settings=SceneSettings(**knobs))
    return Batch(torch.stack(made.images) / 255, GroundTruth.from_lists(made.boxes, made.labels), made.names)


def copied(batch: Batch) -> Batch:
    truth = batch.ground_truth
    return Batch(
        batch.images.clone(),
        GroundTruth(truth.boxes.clone(), truth.labels.clone(), truth.mask.clone()),
        list(batch.names),
    )


def equal(one: Batch, other: Batch) -> bool:
    pairs = [(one.images, other.images)]
    pairs += [
        (getattr(one.ground_truth, part), getattr(other.ground_truth, part)) for part in ("boxes", "labels", "mask")
    ]
    return all(torch.equal(*pair) for pair in pairs) and one.names == other.names


def tall_and_wide(x1, y1, x2, y2, canvas=(48, 64)) -> BoundingBoxes:
    return BoundingBoxes(
        torch.tensor([[x1, y1, x2, y2]], dtype=torch.float32), format="XYXY", canvas_size=canvas, clamping_mode=None
    )


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    boxes=st.lists(st.tuples(*[st.floats(-50, 4096, width=32)] * 4), min_size=1, max_size=5),
    vertical=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200, deadline=None)
def test_flipping_twice_leaves_pixels_bit_equal_and_boxes_within_a_ten_thousandth(height, width, boxes, vertical, seed):
    images = torch.rand(2, 3, height, width, generator=seeded(seed))
    boxes, mirrored = torch.tensor([boxes, boxes]), torch.tensor([True, False])
    once = flip(images, boxes, mirrored, vertical)
    twice_images, twice_boxes = flip(*once, mirrored, vertical)
    assert torch.equal(twice_images, images)
    assert (twice_boxes - boxes).abs().max() <= 1e-4 * max(1, boxes.abs().max().item() / 1024)
    assert torch.equal(once[0][1], images[1])
    assert torch.equal(once[1][1], boxes[1])


@pytest.mark.parametrize("vertical", [False, True])
def test_a_flip_is_torchvisions(vertical):
    images, boxes = smooth(), tall_and_wide(3, 5, 20, 40)
    flipped = v2.vertical_flip if vertical else v2.horizontal_flip
    ours, our_boxes = flip(
        images, boxes.as_subclass(torch.Tensor).repeat(2, 1, 1), torch.tensor([True, True]), vertical
    )
    assert torch.equal(ours, flipped(images))
    assert torch.equal(our_boxes[0], flipped(boxes).as_subclass(torch.Tensor))


def test_a_flip_of_the_lesson_on_feeding():
    _, boxes = flip(torch.zeros(1, 3, 128, 128), torch.tensor([[[10.0, 20, 50, 60]]]), torch.tensor([True]))
    assert boxes.tolist() == [[[78, 20, 118, 60]]]


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (-1.0, 1.0), (0.4, -0.7)])
def test_a_zoom_is_torchvisions_affine(factor, shift):
    images, boxes = smooth(1), tall_and_wide(20, 15, 44, 33)
    height, width = images.shape[2:]
    translate = [shift[0] * (1 - factor) * width / 2, shift[1] * (1 - factor) * height / 2]
    ours, our_boxes = zoom(images, boxes.as_subclass(torch.Tensor)[None], torch.tensor([factor]), torch.tensor([shift]))
    how = {"angle": 0.0, "translate": translate, "scale": factor, "shear": [0.0, 0.0]}
    theirs = v2.affine(images, **how, interpolation=InterpolationMode.BILINEAR, fill=[GREY / 255] * 3)
    inside = v2.affine(torch.ones_like(images), **how, interpolation=InterpolationMode.BILINEAR, fill=[0.0] * 3)
    assert (ours - theirs)[inside == 1].abs().max() < 1e-4
    assert (ours[inside == 0] - GREY / 255).abs().sum() == 0
    assert torch.allclose(our_boxes[0], v2.affine(boxes, **how).as_subclass(torch.Tensor), atol=1e-4)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 1.7])
def test_the_box_around_a_bright_patch_stays_around_it_under_zoom(factor):
    images, box = torch.zeros(9, 3, 64, 96), torch.tensor([40.0, 25, 60, 37])
    images[:, :, 25:37, 40:60] = 1
    shift = torch.rand(9, 2, generator=seeded()) - 0.5
    zoomed, boxes = zoom(images, box.expand(9, 1, 4), torch.full((9,), factor), shift)
    bright = zoomed[:, 0] > 0.75  # halfway between the patch and the grey, brighter than any mixture with black
    for one, its_box in zip(bright, boxes[:, 0], strict=True):
        rows, columns = one.any(1).nonzero()[:, 0], one.any(0).nonzero()[:, 0]
        seen = torch.stack([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert (seen.clamp(max=96) - its_box).abs().max() <= 1


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_full_shift_puts_the_edges_of_picture_and_frame_together(side, factor):
    whole = torch.tensor([[[0.0, 0.0, 64.0, 48.0]]])
    _, boxes = zoom(torch.zeros(1, 3, 48, 64), whole, torch.tensor([factor]), torch.tensor([[side, side]]))
    x1, y1, x2, y2 = boxes[0, 0].tolist()
    assert ((x1, y1) if side < 0 else (x2, y2)) == pytest.approx((0, 0) if side < 0 else (64, 48))
    assert (x2 - x1, y2 - y1) == pytest.approx((64 * factor, 48 * factor))


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_each_change_of_colour_is_torchvisions(kind, factor):
    images, factors = smooth(3), {"brightness": torch.ones(3), "contrast": torch.ones(3), "saturation": torch.ones(3)}
    factors[kind] = torch.tensor([factor, 1.0, factor])
    ours = colour(images, **factors)
    theirs = getattr(v2, f"adjust_{kind}")(images, factor)
    assert (ours[[0, 2]] - theirs[[0, 2]]).abs().max() < 2e-4  # its weights of grey add up to 0.9999
    assert (ours[1] - images[1]).abs().max() < 1e-5


def test_changes_of_colour_follow_one_another_as_torchvisions():
    images = smooth(1)
    ours = colour(images, torch.tensor([0.9]), torch.tensor([1.1]), torch.tensor([0.8]))
    theirs = v2.adjust_saturation(v2.adjust_contrast(v2.adjust_brightness(images, 0.9), 1.1), 0.8)
    assert (ours - theirs).abs().max() < 5e-4


def test_too_much_light_stays_within_white():
    assert colour(torch.ones(1, 3, 4, 4), *torch.full((3, 1), 1.9)).max() == 1
    assert colour(smooth(1), *torch.tensor([[1.0], [9.0], [1.0]])).min() == 0


@pytest.mark.parametrize(
    ("box", "min_visible", "expected"),
    [
        ([10, 10, 20, 20], 0.25, [10, 10, 20, 20]),
        ([-5, 10, 5, 20], 0.25, [0, 10, 5, 20]),
        ([-5, 10, 5, 20], 0.51, None),
        ([-8, 10, 2, 20], 0.19, [0, 10, 2, 20]),
        ([-8.5, 10, 1.5, 20], 0.1, None),  # narrower than two pixels
        ([60, 40, 80, 60], 0.25, None),  # a quarter of a quarter is in sight
        ([-100, -100, 200, 200], 0.0, [0, 0, 64, 48]),
        ([70, 10, 90, 20], 0.0, None),
    ],
)
def test_an_object_is_cut_at_the_frame_and_dropped_when_too_little_is_left(box, min_visible, expected):
    truth = GroundTruth.from_lists([torch.tensor([box], dtype=torch.float32)], [torch.tensor([2])])
    before = truth.boxes.clone()
    clipped = clip(truth, (48, 64), min_visible)
    assert clipped.mask.tolist() == [[expected is not None]]
    assert clipped.boxes[0].tolist() == [expected or [0, 0, 0, 0]]
    assert clipped.labels.tolist() == [[2 if expected else 0]]
    assert torch.equal(truth.boxes, before)


def test_padding_stays_padding():
    boxes = [torch.tensor([[5.0, 5, 30, 30], [0, 0, 9, 9]]), torch.zeros(0, 4)]
    truth = GroundTruth.from_lists(boxes, [torch.tensor([1, 1]), torch.zeros(0, dtype=torch.int64)])
    for seed in range(20):
        seen = augment(Batch(smooth(), truth, ["a", "b"]), STRONG, seeded(seed)).ground_truth
        assert not seen.mask[1].any()
        assert not seen.boxes[~seen.mask].any()
        assert not seen.labels[~seen.mask].any()


def test_an_object_masked_out_stays_out():
    truth = GroundTruth(
        torch.tensor([[[5.0, 5, 30, 30], [0, 0, 9, 9]]]), torch.ones(1, 2).long(), torch.tensor([[True, False]])
    )
    assert clip(truth, (48, 64), 0.25).mask.tolist() == [[True, False]]


def test_labels_go_with_their_boxes():
    """Red, green and blue patches, labelled 0, 1 and 2: the colour is found again in the middle of each box."""
    draw = seeded(1)
    for seed in range(30):
        corners = torch.tensor([(x, y) for y in (2, 18, 34) for x in (2, 18, 34, 50)])[
            torch.randperm(12, generator=draw)
        ]
        labels = torch.randint(0, 3, (12,), generator=draw)
        images = torch.full((1, 3, 48, 64), 0.1)
        for (x, y), label in zip(corners.tolist(), labels.tolist(), strict=True):
            images[0, label, y : y + 12, x : x + 12] = 0.9
        truth = GroundTruth.from_lists([torch.cat([corners, corners + 12], 1).float()], [labels])
        seen = augment(Batch(images, truth, ["patches"]), STRONG, seeded(seed))
        boxes, labels = seen.ground_truth.image(0)
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
            assert seen.images[0, :, int((y1 + y2) / 2), int((x1 + x2) / 2)].argmax() == label


@pytest.mark.parametrize("settings", [AugmentSettings(), STRONG])
def test_augmented_batches_keep_their_form(settings):
    batch = scenes()
    seen = augment(batch, settings, seeded())
    truth = seen.ground_truth
    assert seen.images.shape == batch.images.shape
    assert (seen.images.dtype, truth.boxes.dtype, truth.labels.dtype, truth.mask.dtype) == (
        torch.float32,
        torch.float32,
        torch.int64,
        torch.bool,
    )
    assert seen.names == batch.names
    assert seen.images.min() >= 0
    assert seen.images.max() <= 1
    assert truth.boxes.min() >= 0
    assert truth.boxes.max() <= 128
    sides = (truth.boxes[..., 2:] - truth.boxes[..., :2])[truth.mask]
    assert sides.min() >= 2
    assert 0 < truth.mask.sum() <= batch.ground_truth.mask.sum()


def test_the_default_drops_few_objects():
    batch = scenes(100)
    kept = sum(augment(batch, AugmentSettings(), seeded(seed)).ground_truth.mask.sum() for seed in range(5))
    assert kept / (5 * batch.ground_truth.mask.sum()) > 0.9


def test_the_same_numbers_give_the_same_batch_and_the_original_is_left_alone():
    batch = scenes()
    before = copied(batch)
    one, again, other = (augment(batch, STRONG, seeded(seed)) for seed in (1, 1, 2))
    assert equal(one, again)
    assert not torch.equal(one.images, other.images)
    assert equal(batch, before)


def test_each_image_of_a_batch_goes_its_own_way():
    image = smooth(1).repeat(8, 1, 1, 1)
    truth = GroundTruth.from_lists([torch.tensor([[10.0, 10, 50, 40]])] * 8, [torch.tensor([0])] * 8)
    seen = augment(Batch(image, truth, ["same"] * 8), AugmentSettings(), seeded())
    assert len({one.numpy().tobytes() for one in seen.images}) == 8
    assert len({tuple(box) for box in seen.ground_truth.boxes[:, 0].tolist()}) == 8


def test_with_everything_off_nothing_changes():
    batch = scenes()
    assert equal(augment(batch, NOTHING, seeded()), batch)


@pytest.mark.parametrize(
    ("settings", "share"), [(AugmentSettings(0.3, 0, (1, 1), 0), 0.3), (AugmentSettings(0, 0.7, (1, 1), 0), 0.7)]
)
def test_as_many_images_are_flipped_as_asked_for(settings, share):
    images = torch.rand(500, 3, 2, 2, generator=seeded())
    truth = GroundTruth.from_lists([torch.zeros(0, 4)] * 500, [torch.zeros(0, dtype=torch.int64)] * 500)
    seen = augment(Batch(images, truth, [""] * 500), settings, seeded(1))
    flipped = (seen.images == images.flip(3 if settings.flip else 2)).all((1, 2, 3))
    unchanged = (seen.images == images).all((1, 2, 3))
    assert (flipped ^ unchanged).all()
    assert flipped.double().mean().item() == pytest.approx(share, abs=0.06)


def test_the_two_flips_have_nothing_to_do_with_each_other():
    corner = torch.zeros(400, 3, 2, 2)
    corner[:, :, 0, 0] = 1
    truth = GroundTruth.from_lists([torch.zeros(0, 4)] * 400, [torch.zeros(0, dtype=torch.int64)] * 400)
    seen = augment(Batch(corner, truth, [""] * 400), AugmentSettings(0.5, 0.5, (1, 1), 0), seeded())
    assert seen.images[:, 0].mean(0).flatten().tolist() == pytest.approx([0.25] * 4, abs=0.07)


def test_zooming_in_and_out_are_equally_likely():
    box = torch.tensor([[30.0, 22, 34, 26]])
    truth = GroundTruth.from_lists([box] * 400, [torch.tensor([0])] * 400)
    seen = augment(
        Batch(torch.zeros(400, 3, 48, 64), truth, [""] * 400), AugmentSettings(zoom=(0.5, 2)), seeded()
    ).ground_truth
    widths = seen.boxes[..., 2] - seen.boxes[..., 0]
    assert (widths < 4).double().mean().item() == pytest.approx(0.5, abs=0.08)
    assert widths.min() >= 2
    assert widths.max() <= 8


def test_first_passes_are_plain_and_the_last_ones_neither_zoomed_nor_coloured():
    settings = AugmentSettings(vertical_flip=0.5, paste=1, unaugmented_epochs=2, calm_from=5)
    assert [settings.at(epoch) for epoch in range(5)] == [None, None, settings, settings, settings]
    assert settings.at(5) == settings.at(99) == replace(settings, zoom=(1, 1), colour=0)
    assert replace(settings, calm_from=None).at(99).zoom == settings.zoom


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flip", 1.1),
        ("flip", True),
        ("vertical_flip", -0.5),
        ("vertical_flip", "often"),
        ("zoom", 1.5),
        ("zoom", (2, 1)),
        ("zoom", (0, 1)),
        ("zoom", (float("nan"), 1)),
        ("colour", float("nan")),
        ("colour", 2),
        ("min_visible", None),
        ("unaugmented_epochs", -1),
        ("unaugmented_epochs", 1.5),
        ("paste", 2),
        ("calm_from", -1),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(UserError, match=f"^{name}[^\\n]*$"):
        AugmentSettings(**{name: value})


@pytest.mark.gpu
def test_a_gpu_sees_the_same_as_the_processor():
    batch, settings = scenes(), replace(STRONG, paste=1)
    here, there = augment(batch, settings, seeded()), augment(batch.to("cuda"), settings, seeded())
    assert there.images.is_cuda
    assert (there.images.cpu() - here.images).abs().max() < 1e-3
    assert torch.equal(there.ground_truth.mask.cpu(), here.ground_truth.mask)
    assert (there.ground_truth.boxes.cpu() - here.ground_truth.boxes).abs().max() < 1e-3
