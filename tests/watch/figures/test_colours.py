import itertools

import pytest
import torch
from matplotlib.colors import to_hex

from teachkit.structures import Detections
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.figures.plots import detection_grid

SHAPES = ["ball", "square", "triangle", "star"]


def test_a_built_in_class_has_the_marker_of_its_shape():
    assert [one.marker for one in class_styles(SHAPES)] == ["circle", "square", "triangle", "star"]


@pytest.mark.parametrize("classes", [*itertools.permutations(SHAPES, 2), ("cat", "star", "dog", "ball")])
def test_a_built_in_class_looks_the_same_beside_any_others(classes):
    own = dict(zip(SHAPES, class_styles(SHAPES), strict=True))
    styles = dict(zip(classes, class_styles(classes), strict=True))
    assert all(styles[name] == own[name] for name in classes if name in own)
    assert len({(one.colour, one.marker) for one in styles.values()}) == len(classes)


def test_twenty_classes_are_told_apart():
    assert len({(one.colour, one.marker) for one in class_styles([f"class {n}" for n in range(20)])}) == 20


def test_a_box_and_its_key_have_the_colour_of_their_class():
    found = Detections(torch.tensor([[2.0, 2, 20, 20]] * 11), torch.full((11,), 0.5), torch.full((11,), 1))
    figure = detection_grid([torch.zeros(3, 32, 32)], [found], ["star", "ball"])
    (ball,) = class_styles(["ball"])
    edges = {to_hex(patch.get_edgecolor()) for patch in figure.axes[0].patches}
    assert edges == {"#000000", ball.colour.lower()}
    key = figure.legends[0].legend_handles[1]
    assert (key.get_color(), key.get_marker()) == (ball.colour, "o")
