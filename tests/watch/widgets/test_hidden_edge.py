import numpy as np
import pytest
import torch

import teachkit as tk
from teachkit.errors import UserError
from teachkit.punish.losses import dfl_loss
from teachkit.watch.widgets.hidden_edge import HiddenEdgePlayground


@pytest.fixture(scope="module")
def playground():
    return HiddenEdgePlayground()


def test_beside_the_object_the_ball_hides_nothing(playground):
    for name in playground.objects:
        playground.set(object=name)
        x1, y1, x2, y2 = playground.object.box.tolist()
        half, (x, y) = playground.values["size"] / 2, (playground.values["x"], playground.values["y"])
        assert x + half <= x1 or x - half >= x2 or y + half <= y1 or y - half >= y2, name


def test_what_is_shown_is_what_the_detector_says_of_the_picture_with_the_ball(playground):
    playground.set(object=next(iter(playground.objects)))
    x1, y1, x2, y2 = playground.object.box.tolist()
    playground.set(x=x2, y=(y1 + y2) / 2)
    now, point = playground.numbers(), playground.object.point
    with torch.no_grad():
        asked = playground.model(playground.picture[None])
    assert not torch.equal(playground.picture, playground.object.image)
    assert now["box"] == pytest.approx(asked.boxes[0, point].tolist())
    assert now["score"] == pytest.approx(float(asked.scores[0, point, playground.object.label]))
    out = np.array([-1, -1, 1, 1]) * (np.array(now["box"]) - np.array(now["truth"]))
    assert now["off"] == pytest.approx(out.tolist(), abs=1e-3)
    px, py = now["point"]
    true = torch.tensor([px - x1, py - y1, x2 - px, y2 - py]) / now["stride"]
    assert now["loss"] == pytest.approx(dfl_loss(asked.box_logits[0, point], true).tolist(), rel=1e-4)
    assert np.allclose(np.sum(now["shares"], 1), 1, atol=2e-3)


def test_the_ball_blurs_the_side_that_it_hides_and_the_words_say_which(playground):
    playground.set(object=next(iter(playground.objects)))
    beside = playground.numbers()
    assert "blurs no side" in beside["words"]
    assert beside["spread"] == pytest.approx(beside["before"], abs=0.9)
    x1, y1, _, y2 = playground.object.box.tolist()
    playground.set(x=x1, y=(y1 + y2) / 2)
    hidden = playground.numbers()
    assert hidden["spread"][0] > 2 * hidden["before"][0]
    assert "its left side" in hidden["words"]


def test_each_message_carries_the_picture_that_the_detector_sees(playground):
    sent = []
    playground.send, before = (lambda content, buffers=None: sent.append((content, buffers))), playground.send
    try:
        playground.set(x=40, y=40)
    finally:
        playground.send = before
    (content, (pixels,)) = sent[-1]
    assert content["kind"] == "numbers"
    seen = np.frombuffer(pixels, np.uint8).reshape(128, 128, 4)[..., :3]
    assert np.abs(seen / 255 - playground.picture.permute(1, 2, 0).numpy()).max() < 0.003


@pytest.mark.parametrize("values", [{"x": -1}, {"y": 129}, {"size": 0}, {"size": "x"}, {"object": "<b>"}, {"z": 1}])
def test_a_refused_value_is_told_and_the_old_ones_stay(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused


def test_a_detector_that_sees_nothing_clearly_is_refused():
    with pytest.raises(UserError, match="no object clearly"):
        HiddenEdgePlayground(tk.Detector(4, device="cpu").eval())
