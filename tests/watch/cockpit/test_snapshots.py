import pytest
import torch

from teachkit.errors import UserError
from teachkit.watch.cockpit.snapshots import Snapshot, Snapshots


def snapshot(step: int, size: int = 100) -> Snapshot:
    return Snapshot(
        step, {"model": {"weight": torch.zeros(size, dtype=torch.uint8)}, "list": [torch.zeros(0)]}, "adamw"
    )


def test_the_size_counts_every_tensor():
    assert (
        Snapshot(0, {"a": [torch.zeros(3)], "b": {"c": (torch.zeros(2, dtype=torch.float64), 5)}}, "sgd").size
        == 12 + 16
    )


def test_at_finds_the_last_one_not_after_the_step():
    history = Snapshots()
    for step in (0, 25, 50):
        history.keep(snapshot(step))
    assert [history.at(step).step for step in (0, 24, 25, 49, 1000)] == [0, 0, 25, 25, 50]


def test_a_step_before_the_first_snapshot_is_a_mistake():
    history = Snapshots()
    history.keep(snapshot(10))
    with pytest.raises(UserError, match="no snapshot of step 3"):
        history.at(3)


def test_keeping_an_earlier_step_forgets_the_later_ones():
    history = Snapshots()
    for step in (0, 25, 50, 25):
        history.keep(snapshot(step))
    assert history.steps == [0, 25]


def test_the_budget_holds_and_the_past_thins_out_towards_the_beginning():
    history = Snapshots(budget=1000)
    for step in range(0, 2000, 10):
        history.keep(snapshot(step))
        assert history.size <= 1000
    gaps = [after - before for before, after in zip(history.steps, history.steps[1:], strict=False)]
    assert history.steps[0] == 0
    assert history.steps[-1] == 1990
    assert len(gaps) == 9
    assert max(gaps[:4]) > 4 * max(gaps[-3:])


def test_a_budget_too_small_for_anything_keeps_first_and_newest():
    history = Snapshots(budget=1)
    for step in range(5):
        history.keep(snapshot(step))
    assert history.steps == [0, 4]
