import ipywidgets
import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.watch.widgets.data_quality import KNOBS, SCENES, SEED, DataQualityPlayground


@pytest.mark.parametrize("knob", KNOBS)
def test_labels_are_those_of_a_training_set_with_this_fault(knob):
    playground = DataQualityPlayground(**{knob: 0.5})
    scenes = make_scenes(SCENES, SEED, SceneSettings(**{knob: 0.5}))
    for tile, boxes, labels in zip(playground.tiles(), scenes.boxes, scenes.labels, strict=True):
        assert torch.equal(torch.tensor([one.box for one in tile.outlines]).reshape(-1, 4), boxes)
        assert [one.label for one in tile.outlines] == [scenes.classes[label] for label in labels]
    assert playground.numbers()["count"] == sum(map(len, scenes.boxes))
    assert len(playground.static_image()) > 10_000
    playground.close()


@pytest.mark.parametrize("values", [{"loose_boxes": 2}, {"imbalance": "NaN"}, {"missing_boxes": "<b>"}, {"blur": 1}])
def test_a_senseless_value_is_refused_and_the_old_one_stays(values):
    before = len(ipywidgets.widgets.widget._instances)
    playground = DataQualityPlayground()
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == dict.fromkeys(KNOBS, 0)
    playground.close()
    assert len(ipywidgets.widgets.widget._instances) == before
