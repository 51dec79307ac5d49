import random

import pytest
import torch
from torchvision.ops import batched_nms, clip_boxes_to_image

import teachkit as tk
from teachkit.errors import UserError
from teachkit.experiments.recorded import detector
from teachkit.feed.detector import Detector
from teachkit.watch.widgets.threshold import DRAWN, ThresholdPlayground


@pytest.fixture(scope="module")
def playground():
    return ThresholdPlayground()


@pytest.mark.parametrize("seed", range(100))
def test_the_boxes_are_those_of_torchvision(playground, seed):
    draw = random.Random(seed)
    threshold, overlap = draw.random() ** 2, 0.2 + 0.8 * draw.random()
    playground.set(threshold=threshold, overlap=overlap, model=draw.choice(["trained", "untrained"]))
    now, predictions = playground.numbers(), playground.predictions[playground.values["model"]]
    shown = 0
    for image, drawn in enumerate(now["boxes"]):
        boxes = clip_boxes_to_image(predictions.boxes[image], playground.batch.images.shape[-2:])
        anchor, label = (predictions.scores[image] > threshold).nonzero(as_tuple=True)
        score = predictions.scores[image][anchor, label]
        kept = batched_nms(boxes[anchor], score, label, overlap)
        shown += len(kept)
        assert [row[4] for row in drawn] == label[kept][:DRAWN].tolist()
        for row, box in zip(drawn, boxes[anchor][kept].tolist(), strict=False):
            assert row[:4] == pytest.approx(box, abs=1e-3)
    assert now["shown"] == shown
    assert now["answers"] == int((predictions.scores > threshold).sum())
    assert now["extra"] == shown - now["found"]


def test_it_shows_what_detect_gives(playground):
    model, _ = detector("shapes")
    playground.set(threshold=0.4, overlap=0.7, model="trained")
    for ours, theirs in zip(playground.detections(), model.detect(playground.batch.images, 0.4), strict=True):
        assert torch.equal(ours.boxes, theirs.boxes)
        assert torch.equal(ours.scores, theirs.scores)


def test_at_zero_every_anchor_point_answers_for_every_class(playground):
    playground.set(threshold=0, overlap=1, model="untrained")
    now = playground.numbers()
    assert now["answers"] == now["all"] == 4 * 320 * 4  # pictures, anchor points, classes
    assert all(len(one) <= DRAWN for one in now["boxes"])


@pytest.mark.parametrize(
    "values", [{"threshold": "x"}, {"threshold": -0.1}, {"threshold": float("nan")}, {"overlap": 2}, {"model": "<b>"}]
)
def test_a_refused_value_is_told_and_the_old_one_stays(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused


def test_own_detectors_and_pictures_and_names_with_markup(playground):
    own = tk.ThresholdPlayground({"<b>mine": Detector(2, device="cpu").eval()}, playground.batch, ["<i>a", "b"])
    content, pictures = own.setup()
    assert content["classes"] == ["<i>a", "b"]
    assert content["models"] == ["<b>mine"]
    assert len(pictures) == 4
    with pytest.raises(UserError, match="at least one"):
        ThresholdPlayground({})
