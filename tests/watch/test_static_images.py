import io

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from PIL import Image

import teachkit as tk
from teachkit.analysis.surfaces import SURFACES
from teachkit.experiments import recorded
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import make_scenes


def exam():
    return Loader(make_scenes(8, 5, split="val"), "val", 8, 128, "cpu", shuffle=False)


def trained():
    return recorded.detector("shapes")[0]


WIDGETS = {
    "anchor point": tk.AnchorPointPlayground,
    "dfl": tk.DFLPlayground,
    "doctor": lambda: tk.DoctorPlayground(trained(), next(iter(exam())), ["ball", "square", "triangle", "star"]),
    "film": lambda: tk.TrainingFilm("loss weights"),
    "hidden edge": tk.HiddenEdgePlayground,
    "iou": tk.IoUPlayground,
    "judge": lambda: tk.JudgePlayground(exam(), exam(), trained()),
    "loss weights": tk.LossWeightsPlayground,
    "threshold": tk.ThresholdPlayground,
    **{f"optimizer, {name}": (lambda name=name: tk.OptimizerPlayground(name)) for name in SURFACES},
}


@pytest.mark.parametrize("name", WIDGETS)
def test_a_static_image_shows_something_and_closing_the_widget_leaves_nothing(name):
    before = len(_instances)
    widget = WIDGETS[name]()
    with Image.open(io.BytesIO(widget.static_image())) as image:
        assert np.asarray(image.convert("RGB")).reshape(-1, 3).std(0).max() > 20
    widget.close()
    assert len(_instances) == before
