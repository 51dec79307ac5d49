import math
import random

import pytest
import torch

import teachkit as tk
from teachkit.errors import UserError
from teachkit.watch.widgets.dfl import BINS, HIGH, LOW, SHAPES, DFLPlayground


def by_hand(place):
    """The target of a place, without torch."""
    used = min(max(place, 0.0), BINS - 1 - 0.01)
    target = [0.0] * BINS
    target[int(used)] = 1 - (used - int(used))
    if used > int(used):
        target[int(used) + 1] = used - int(used)
    return target


@pytest.mark.parametrize("seed", range(100))
def test_the_numbers_are_those_of_torch_and_of_a_sum_by_hand(seed):
    draw = random.Random(seed)
    playground = DFLPlayground(place=draw.uniform(LOW, HIGH), bars=[draw.random() ** 3 for _ in range(BINS)])
    playground.set(k=draw.randrange(BINS - 1))
    if seed % 3:
        playground.set(shape=draw.choice(list(SHAPES)))
    now, shares, target = playground.numbers(), playground.shares, by_hand(playground.values["place"])
    assert now["target"] == pytest.approx(target, abs=1e-9)
    loss = torch.nn.functional.cross_entropy(shares.log()[None], torch.tensor(target, dtype=torch.float64)[None])
    assert now["loss"] == pytest.approx(loss.item(), rel=1e-9)
    assert now["expected"] == pytest.approx(sum(at * share for at, share in enumerate(shares.tolist())), abs=1e-9)
    assert now["floor"] == pytest.approx(-sum(t * math.log(t) for t in target if t), abs=1e-9)
    assert now["above"] == pytest.approx(now["loss"] - now["floor"], abs=1e-9)
    assert sum(now["shares"]) == pytest.approx(1)


def test_half_and_half_and_wide_name_the_same_edge_at_different_prices():
    playground = tk.DFLPlayground(place=4.5, k=4)
    seen = {}
    for shape in ("two", "wide"):
        playground.set(shape=shape)
        now = playground.numbers()
        assert now["expected"] == pytest.approx(4.5, abs=1e-3)
        seen[shape] = round(now["loss"], 2)
    assert seen == {"two": 0.69, "wide": 2.30}


@pytest.mark.parametrize(("place", "used", "word"), [(-0.5, 0, "other side"), (17.2, 14.99, "14.99"), (15, 14.99, "")])
def test_past_an_end_the_target_is_moved_and_words_say_so(place, used, word):
    now = DFLPlayground(place=place).numbers()
    assert now["beyond"] is True
    assert now["used"] == used
    assert word in now["clamping"]
    assert now["clamping"] in now["words"]


@pytest.mark.parametrize("place", [0, 4, 4.3, 14.99])
def test_between_the_ends_nothing_is_moved(place):
    now = DFLPlayground(place=place).numbers()
    assert now["beyond"] is False
    assert now["clamping"] == ""
    assert now["used"] == place


def test_a_drawing_starts_from_what_is_there_and_bars_are_a_drawing():
    playground = DFLPlayground(shape="peak", k=7)
    before = playground.shares
    playground.set(shape="hand")
    assert torch.allclose(playground.shares, before)
    playground = DFLPlayground(shape="peak")
    playground.set(bars=[0, 2] + [0] * 14)
    assert playground.values["shape"] == "hand"
    assert playground.shares[1] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {"place": "NaN"}, {"place": 19}, {"place": None}, {"place": True}, {"shape": "<b>"}, {"k": 15}, {"k": "x"},
        {"bars": [1] * 15}, {"bars": [0] * 16}, {"bars": [-1] + [1] * 15}, {"bars": [float("nan")] + [1] * 15},
        {"bars": "1111111111111111"}, {"bars": [float("inf")] + [1] * 15}, {"bars": [[1]] * 16}, {"bars": [True] * 16},
        {"bins": 3},
    ],
)  # fmt: skip
def test_a_refused_value_is_told_and_the_old_one_stays(values):
    playground = DFLPlayground(place=3, shape="two", k=2)
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    playground._receive(None, {"kind": "set", "ask": 1, "values": values}, [])
    assert playground.values == before
    assert playground.refused
    playground.set(place=4)
    assert playground.refused == ""
