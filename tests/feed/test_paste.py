"""What is pasted against the pixels and boxes it should have; overlaps against torchvision."""

import pytest
import torch
from torchvision.ops import box_iou

from teachkit.feed.augment import AugmentSettings, augment
from teachkit.feed.paste import DRAWS, MARGIN, paste, rarity
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.structures import Batch, GroundTruth

GROUND = (0.3, 0.5)  # of the pictures of `squares`, by turns


def draws(count: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(DRAWS, count, generator=torch.Generator().manual_seed(seed))


def squares(corners: list[list[tuple[int, int]]], labels: list[list[int]], side: int = 12) -> Batch:
    """Pictures of 96 × 128 px on plain grounds; a square is 0.2 brighter in the colour of its label."""
    images = torch.tensor([GROUND[place % 2] for place in range(len(corners))])[:, None, None, None].repeat(
        1, 3, 96, 128
    )
    for image, its_corners, names in zip(images, corners, labels, strict=True):
        for (x, y), label in zip(its_corners, names, strict=True):
            image[label, y : y + side, x : x + side] += 0.2
    boxes = [torch.tensor([[x, y, x + side, y + side] for x, y in one]).reshape(-1, 4).float() for one in corners]
    names = [torch.tensor(one, dtype=torch.int64) for one in labels]
    return Batch(images, GroundTruth.from_lists(boxes, names), [""] * len(corners))


def pasted(batch: Batch, chance: float, numbers: torch.Tensor) -> tuple[torch.Tensor, GroundTruth]:
    """From the batch itself."""
    seen = paste(batch, batch, chance, numbers)
    assert seen.names == batch.names
    return seen.images, seen.ground_truth


def added(before: GroundTruth, after: GroundTruth) -> list[tuple[torch.Tensor, int] | None]:
    """Box and label of what was pasted into each image, None for nothing; what was there stays in its place."""
    assert torch.equal(after.boxes[:, :-1], before.boxes)
    assert torch.equal(after.labels[:, :-1], before.labels)
    assert torch.equal(after.mask[:, :-1], before.mask)
    last = zip(after.boxes[:, -1], after.labels[:, -1].tolist(), after.mask[:, -1].tolist(), strict=True)
    return [(box, label) if there else None for box, label, there in last]


def test_an_object_looks_the_same_in_its_new_place_as_bright_as_the_ground_there():
    batch = squares([[(4, 4)], [(113, 81)], [], []], [[0], [2], [], []])
    for seed in range(20):
        images, truth = pasted(batch, 1, draws(4, seed))
        for image, before, ground, new in zip(
            images, batch.images, GROUND * 2, added(batch.ground_truth, truth), strict=True
        ):
            assert new is not None
            box, label = new
            x1, y1, x2, y2 = box.int().tolist()
            wanted = torch.full((3,), ground)
            wanted[label] += 0.2
            middle = image[:, y1:y2, x1:x2].amin((1, 2))
            torch.testing.assert_close(middle, wanted, atol=0.05, rtol=0)  # the rim holds a little of the square
            outside = torch.ones(96, 128, dtype=torch.bool)
            outside[y1 - MARGIN : y2 + MARGIN, x1 - MARGIN : x2 + MARGIN] = False
            assert torch.equal(image[:, outside], before[:, outside])


def test_it_fades_out_without_a_seam():
    batch = squares([[(20, 30)], [], [], []], [[1], [], [], []], side=24)
    images, truth = pasted(batch, 1, draws(4))
    box, _ = added(batch.ground_truth, truth)[1]
    x1, y1, x2, y2 = box.int().tolist()
    steps = (images[1, :, y1 - 6 : y2 + 6, x1 - 6 : x2 + 6] - GROUND[1]).abs()
    assert steps[1, 6:-6, 6:-6].amin() > 0.1
    torch.testing.assert_close(steps, steps.flip(1, 2))
    assert steps[:, 0].amax() == steps[:, :, 0].amax() == 0
    assert steps[0].amax() < 0.03  # in the other colours there was nothing to see, and there is nothing now


def test_nothing_is_pasted_onto_an_object():
    made = make_scenes(64, settings=SceneSettings(objects=(3, 6)))
    batch = Batch(torch.stack(made.images) / 255, GroundTruth.from_lists(made.boxes, made.labels), made.names)
    images, truth = pasted(batch, 1, draws(64))
    new = [(place, one[0]) for place, one in enumerate(added(batch.ground_truth, truth)) if one]
    assert len(new) > 16
    for place, box in new:
        there = batch.ground_truth.boxes[place][batch.ground_truth.mask[place]]
        assert box_iou(box[None], there).max() == 0
        assert 0 <= box.min() <= box.max() <= 128
        assert not torch.equal(images[place], batch.images[place])


def test_a_class_with_a_third_of_the_objects_is_pasted_three_times_as_often():
    count = 400
    corners = [[(10, 10), (50, 10), (90, 10)], [(20, 30)]] + [[]] * count
    batch = squares(corners, [[0, 0, 0], [1]] + [[]] * count)
    _, truth = pasted(batch, 1, draws(count + 2))
    labels = [one[1] for one in added(batch.ground_truth, truth)[2:] if one]
    assert len(labels) == count
    assert sum(labels) / count == pytest.approx(0.75, abs=0.06)


def test_as_many_images_get_one_as_asked_for():
    batch = squares([[(20, 30)]] + [[]] * 400, [[0]] + [[]] * 400)
    _, truth = pasted(batch, 0.3, draws(401))
    new = [one[0] for one in added(batch.ground_truth, truth) if one]
    assert len(new) / 401 == pytest.approx(0.3, abs=0.07)
    (left, top, *_), (*_, right, bottom) = torch.stack(new).amin(0), torch.stack(new).amax(0)
    assert MARGIN <= min(left, top) <= max(left, top, 128 - right, 96 - bottom) < 8  # anywhere in the picture


@pytest.mark.parametrize(
    ("corners", "side"),
    [([(20, 30)], 27), ([(2, 30)], 12), ([(20, 0)], 12), ([(114, 30)], 12), ([(20, 83)], 12)],
    ids=["too large", "cut off at the left", "at the top", "at the right", "at the bottom"],
)
def test_where_no_object_can_be_pasted_all_stays_as_it_is(corners, side):
    batch = squares([corners, []], [[0] * len(corners), []], side)
    images, truth = pasted(batch, 1, draws(2))
    assert added(batch.ground_truth, truth) == [None, None]
    assert torch.equal(images, batch.images)


def test_a_batch_without_objects_stays_as_it_is():
    batch = squares([[], []], [[], []])
    images, truth = pasted(batch, 1, draws(2))
    assert truth.boxes.shape == (2, 0, 4)
    assert torch.equal(images, batch.images)


def test_where_no_place_is_free_all_stays_as_it_is():
    full = GroundTruth.from_lists([torch.tensor([[20.0, 30, 32, 42], [0, 0, 128, 96]])], [torch.tensor([0, 1])])
    images = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    seen, truth = pasted(Batch(images, full, [""]), 1, draws(1))
    assert added(full, truth) == [None]
    assert torch.equal(seen, images)


def test_padding_is_never_pasted():
    """Rows of zeros after an image's objects are boxes, too, as small as can be."""
    truth = GroundTruth(
        torch.tensor([[[20.0, 30, 32, 42]] * 3]), torch.tensor([[0, 1, 1]]), torch.tensor([[True, False, False]])
    )
    images = torch.full((1, 3, 96, 128), 0.5)
    for seed in range(20):
        assert added(truth, pasted(Batch(images, truth, [""]), 1, draws(1, seed))[1])[0][1] == 0
    last = GroundTruth(truth.boxes, truth.labels, truth.mask.flip(1))
    assert added(last, pasted(Batch(images, last, [""]), 1, torch.zeros(DRAWS, 1))[1])[0][1] == 1


def test_pasted_objects_follow_when_the_picture_is_zoomed_and_flipped():
    batch = squares([[(20, 30)], [(90, 60)], [], []], [[0], [2], [], []])
    settings = AugmentSettings(flip=0.5, vertical_flip=0.5, colour=0, paste=1)
    found = 0
    for seed in range(10):
        seen = augment(batch, settings, torch.Generator().manual_seed(seed))
        for place in range(4):
            boxes, labels = seen.ground_truth.image(place)
            for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist(), strict=True):
                assert seen.images[place, :, int((y1 + y2) / 2), int((x1 + x2) / 2)].argmax() == label
                found += 1
    assert found > 40


def test_objects_come_from_the_source_images_alone():
    batch, sources = squares([[(90, 60)], [], []], [[0], [], []]), squares([[(20, 30)], [(50, 50)]], [[2], [1]])
    new = [paste(batch, sources, 1, draws(3, seed)) for seed in range(20)]
    labels = [one[1] for seen in new for one in added(batch.ground_truth, seen.ground_truth) if one]
    assert set(labels) == {1, 2}
    assert len(labels) > 50
    for seen in new:
        box = seen.ground_truth.boxes[1, -1].int().tolist()
        assert seen.images[1, :, box[1] + 6, box[0] + 6].argmax() == seen.ground_truth.labels[1, -1]


def test_an_image_is_drawn_as_a_source_the_more_often_the_rarer_its_classes_are():
    labels = [torch.tensor(one, dtype=torch.int64) for one in ([0, 0, 0], [0, 2], [], [2])]
    assert rarity(labels).tolist() == pytest.approx([3 / 16, 1 / 16 + 1 / 4, 0, 1 / 4])
    assert rarity([torch.zeros(0, dtype=torch.int64)] * 3).tolist() == [1, 1, 1]
