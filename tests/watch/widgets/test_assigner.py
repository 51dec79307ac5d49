"""The assigner playground against a slow loop over objects and anchor points."""

import random

import pytest
import torch
from torchvision.ops import complete_box_iou

from teachkit.errors import UserError
from teachkit.structures import Batch, GroundTruth
from teachkit.watch.widgets.assigner import AssignerPlayground


@pytest.fixture(scope="module")
def playground():
    one = AssignerPlayground()
    yield one
    one.close()


def slow_owners(playground):
    """{anchor point: object}, by loops: the best top-k inside each object; who is taken twice goes to the closest."""
    now, predictions = playground.values, playground.predictions[playground.values["model"]]
    boxes, labels = playground.truth.image(0)
    overlap = complete_box_iou(boxes, predictions.boxes[0]).clamp(min=0)
    takers: dict[int, list[int]] = {}
    inside = []
    for place, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        centre, half = (box[:2] + box[2:]) / 2, ((box[2:] - box[:2]).clamp(min=16)) / 2
        within = ((predictions.anchor_points - centre).abs() < half).all(-1)
        inside.append(within)
        score = predictions.scores[0, :, label]
        metric = (score ** now["alpha"] * overlap[place] ** now["beta"]) * within
        for point in metric.argsort(descending=True)[: now["topk"]].tolist():
            if metric[point] > 0:
                takers.setdefault(point, []).append(place)
    table = overlap * torch.stack(inside)
    return {point: who[0] if len(who) == 1 else int(table[:, point].argmax()) for point, who in takers.items()}


def test_who_answers_is_who_a_slow_loop_finds(playground):
    dice = random.Random(1)
    for _ in range(100):
        playground.set(topk=dice.randint(1, 30), alpha=dice.uniform(0.1, 3), beta=dice.uniform(0.5, 10),
                       model=dice.choice(["trained", "untrained"]))  # fmt: skip
        expected = slow_owners(playground)
        found = {}
        points = playground.predictions[playground.values["model"]].anchor_points.tolist()
        strides = playground.predictions[playground.values["model"]].strides.tolist()
        where = {(x, y, stride): place for place, ((x, y), stride) in enumerate(zip(points, strides, strict=True))}
        assignment = playground.assignment()
        for place in assignment.positive[0].nonzero()[:, 0].tolist():
            if float(assignment.target_scores[0, place].sum()) > 0:
                found[place] = int(assignment.object[0, place])
        assert len(where) == len(points)
        assert found.items() <= expected.items()
        assert len(expected) - len(found) <= len(playground.objects)  # a metric that rounds to nothing


def test_the_best_target_of_an_object_is_its_best_overlap(playground):
    playground.set(topk=10, alpha=0.5, beta=6, model="trained")
    for place in range(len(playground.objects)):
        playground.set(object=place + 1)
        rows = playground.numbers()["rows"]
        assert rows[0]["target"] == pytest.approx(max(row["overlap"] for row in rows), rel=1e-4)


def test_fewer_points_answer_for_a_smaller_topk(playground):
    playground.set(topk=1, model="trained")
    assert playground.numbers()["positive"] <= len(playground.objects)
    playground.set(topk=10)
    assert playground.numbers()["positive"] > len(playground.objects)


@pytest.mark.parametrize("values", [{"topk": 0}, {"alpha": -1}, {"beta": "x"}, {"model": "<b>"}, {"object": 99}])
def test_a_value_out_of_range_is_refused_and_the_old_one_stays(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == before


def test_an_empty_picture_is_refused():
    empty = Batch(torch.zeros(1, 3, 64, 64), GroundTruth.from_lists([torch.zeros(0, 4)], [torch.zeros(0)]), ["none"])
    with pytest.raises(UserError, match="object"):
        AssignerPlayground(batch=empty, classes=["ball"])


def test_the_static_image_shows_the_picture(playground):
    picture = playground.figure()
    assert "anchor points answer" in picture.alt
    assert len(picture.jpeg()) > 5000
