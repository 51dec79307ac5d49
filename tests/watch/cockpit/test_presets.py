import pytest

from teachkit.structures import LossWeights
from teachkit.watch.cockpit.presets import PRESETS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Good", {"lr": 0.005, "box": 7.5, "cls": 0.5, "dfl": 1.5}),
        ("Too low", {"lr": 0.00005, "box": 7.5, "cls": 0.5, "dfl": 1.5}),
        ("Too high", {"lr": 0.5, "box": 7.5, "cls": 0.5, "dfl": 1.5}),
        ("No box loss", {"box": 0, "cls": 0.5, "dfl": 1.5}),
        ("No class loss", {"box": 7.5, "cls": 0, "dfl": 1.5}),
        ("DFL only", {"box": 0, "cls": 0, "dfl": 1.5}),
        ("Class only", {"box": 0, "cls": 0.5, "dfl": 0}),
        ("All weights × 10", {"box": 75, "cls": 5, "dfl": 15}),
    ],
)
def test_a_preset_sets_what_its_name_says(name, expected):
    assert PRESETS[name].settings(0.005, LossWeights()) == pytest.approx(expected)


def test_there_are_no_others():
    assert len(PRESETS) == 8
