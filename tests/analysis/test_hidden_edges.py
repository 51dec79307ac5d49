import numpy as np
import pytest
import torch

import teachkit as tk
from teachkit.analysis.hidden_edges import clear_objects, cover, hidden_sides, spreads
from teachkit.boxes import anchor_points
from teachkit.experiments import recorded
from teachkit.structures import Predictions


@pytest.fixture(scope="module")
def seen():
    model, _ = recorded.detector("shapes")
    batch = next(iter(tk.load_data("shapes", "val", device="cpu")))
    return model, batch, clear_objects(model, batch)


def test_only_the_ball_and_its_shadow_change_the_picture():
    image = torch.full((3, 64, 96), 0.4)
    covered = cover(image, 30, 20, 20)
    changed = (covered != image).any(0).nonzero()
    assert (changed.min(0).values >= torch.tensor([2, 12])).all()
    assert (changed.max(0).values <= torch.tensor([40, 50])).all()
    assert covered[:, 20, 30].mean() > 0.6
    assert image.unique().tolist() == pytest.approx([0.4])  # the given picture is left alone
    corner = cover(image, 0, 0, 30)
    assert corner.shape == image.shape
    assert not torch.equal(corner[:, 5, 5], image[:, 5, 5])


def test_the_spread_is_the_standard_deviation_of_the_bins_in_px():
    points, strides = anchor_points((32, 32), (8,))
    logits = torch.randn(2, len(points), 4, 16, generator=torch.Generator().manual_seed(0))
    measured = spreads(Predictions(torch.zeros(2, len(points), 1), logits, points, strides), 5)
    for image in range(2):
        for side in range(4):
            shares = logits[image, 5, side].softmax(0).double().numpy()
            mean = np.average(np.arange(16), weights=shares)
            deviation = np.sqrt(np.average((np.arange(16) - mean) ** 2, weights=shares))
            assert float(measured[image, side]) == pytest.approx(8 * deviation, rel=1e-4)


def test_clear_objects_are_large_and_found_by_their_point(seen):
    model, _, objects = seen
    assert len(objects) > 10
    for one in objects[:5]:
        with torch.no_grad():
            predictions = model(one.image[None])
        assert min(one.box[2:] - one.box[:2]) >= 28
        assert one.score == pytest.approx(float(predictions.scores[0, one.point, one.label]), abs=1e-4)
        assert (predictions.boxes[0, one.point] - one.box).abs().max() < 14


def test_a_hidden_side_is_blurred_and_more_than_the_sides_that_are_not(seen):
    model, _, objects = seen
    before, after = hidden_sides(model, objects)
    own = after.diagonal(dim1=1, dim2=2)
    others = (after.sum(2) - own) / 3
    assert before.shape == own.shape == (len(objects), 4)
    assert own.mean() > 1.5 * before.mean()
    assert own.mean() > 1.3 * others.mean()
    assert (own > before).float().mean() > 0.8


def test_what_is_hidden_is_the_side_itself(seen):
    model, _, objects = seen
    before, after = hidden_sides(model, objects[:1])
    x1, y1, x2, y2 = objects[0].box.tolist()
    with torch.no_grad():
        right = model(cover(objects[0].image, x2, (y1 + y2) / 2, 0.9 * min(x2 - x1, y2 - y1))[None])
    torch.testing.assert_close(after[0, 2], spreads(right, objects[0].point)[0], atol=1e-3, rtol=1e-3)
    assert not torch.equal(before[0], after[0, 2])
