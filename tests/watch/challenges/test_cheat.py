import io

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image

from teachkit.errors import UserError
from teachkit.scoring import f1_score, objects_found, score
from teachkit.watch.challenges.cheat import DRAWN, EXAM, CheatPlayground


@pytest.fixture(scope="module")
def playground():
    one = CheatPlayground()
    yield one
    one.close()


@pytest.mark.parametrize(
    ("threshold", "thrown", "sure"), [(0.25, 0, "by dice"), (0.05, 10, "hardly"), (1, 30, "by dice")]
)
def test_the_scores_are_those_of_scoring(playground, threshold, thrown, sure):
    playground.set(threshold=threshold, thrown=thrown, sure=sure)
    handed_in, truth, now = playground.detections(), playground.batch.ground_truth, playground.scores()
    found, objects = objects_found(handed_in, truth)
    boxes = sum(map(len, handed_in))
    assert now["found"] == found / objects
    assert now["precision"] == pytest.approx(found / boxes)
    assert now["f1"] == pytest.approx(f1_score(handed_in, truth, 0.0))
    assert now["map50"] == score(handed_in, truth, playground.classes).map50


def test_random_boxes_find_more_and_ruin_f1_and_map_if_their_confidence_is_by_dice(playground):
    playground.set(threshold=0.25, thrown=0, sure="by dice")
    honest = playground.scores()
    playground.set(thrown=300)
    flooded = playground.scores()
    assert flooded["found"] > honest["found"]
    assert flooded["f1"] < 0.1 < honest["f1"]
    assert flooded["map50"] < 0.2 < honest["map50"]


def test_the_order_of_the_answers_is_all_that_map_sees(playground):
    playground.set(threshold=0.25, thrown=0)
    honest = playground.scores()["map50"]
    playground.set(thrown=300, sure="hardly")
    assert playground.scores()["map50"] == pytest.approx(honest, abs=0.02)
    assert playground.scores()["f1"] < 0.1


def test_random_boxes_lie_within_the_picture_and_the_same_dice_fall_each_time(playground):
    playground.set(threshold=1, thrown=100)
    boxes = [one.boxes for one in playground.detections()]
    assert all((one[:, :2] >= 0).all() and (one <= 128).all() for one in boxes)
    assert all(bool((one == other.boxes).all()) for one, other in zip(boxes, playground.detections(), strict=True))
    assert [len(one) for one in boxes] == [100] * EXAM
    assert len(playground.numbers()["boxes"][0]) == min(100, DRAWN)


@pytest.mark.parametrize("values", [{"thrown": 2}, {"sure": "very"}, {"threshold": 1.5}])
def test_a_refused_value_leaves_the_old_one(playground, values):
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == before


def test_a_detector_without_names_is_refused_and_closing_leaves_nothing(playground):
    with pytest.raises(UserError, match="classes"):
        CheatPlayground(lambda images: None, playground.batch)
    before = len(_instances)
    one = CheatPlayground(thrown=30)
    assert np.asarray(Image.open(io.BytesIO(one.static_image())).convert("RGB")).std() > 20
    one.close()
    assert len(_instances) == before
