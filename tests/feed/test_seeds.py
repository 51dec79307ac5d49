import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import make_scenes
from teachkit.feed.seeds import VARIABLE


def first_weights(seed):
    return next(Detector(2, device="cpu", seed=seed).parameters())


def first_names(seed):
    return next(iter(Loader(make_scenes(32), "train", 8, 128, "cpu", seed))).names


def test_a_shift_moves_first_weights_and_order_and_leaves_the_pictures(monkeypatch):
    weights, names = first_weights(0), first_names(0)
    weights_of_the_next, names_of_the_next = first_weights(1), first_names(1)
    scenes = make_scenes(2)
    monkeypatch.setenv(VARIABLE, "1")
    assert torch.equal(first_weights(0), weights_of_the_next)
    assert not torch.equal(weights_of_the_next, weights)
    assert first_names(0) == names_of_the_next != names
    assert all(torch.equal(make_scenes(2).images[place], scenes.images[place]) for place in range(2))
    monkeypatch.setenv(VARIABLE, "0")
    assert torch.equal(first_weights(0), weights)
    assert first_names(0) == names


def test_a_shift_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "one")
    with pytest.raises(UserError, match=VARIABLE):
        first_weights(0)
