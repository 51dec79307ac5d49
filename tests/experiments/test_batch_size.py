"""Batches of several sizes: as many pictures each time, and what the recorded runs say on all seeds."""

import pytest

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.batch_size import EPOCHS, SIZES, train_with_batch_size
from teachkit.experiments.small import COUNTS, usual_rate

RUNS = recorded.records("batch_sizes")


def test_a_run_feeds_all_pictures_in_fewer_steps():
    run = train_with_batch_size(64, epochs=2)
    assert run["steps"] == COUNTS["train"] // 64
    assert len(run["found"]) == 2
    assert run["lr"] == usual_rate("adamw")
    assert train_with_batch_size(64, grown=True, epochs=1)["lr"] == pytest.approx(8 * usual_rate("adamw"))


def test_a_size_that_was_not_recorded_is_refused():
    with pytest.raises(UserError, match="1, 2, 4"):
        train_with_batch_size(3)


def test_all_sizes_are_recorded_with_three_seeds_and_both_rates():
    assert sorted((run["size"], run["seed"], run["grown"]) for run in RUNS) == sorted(
        (size, seed, grown) for size in SIZES for seed in range(3) for grown in (False, True)
    )
    assert all(len(run["found"]) == EPOCHS for run in RUNS)


def test_what_lesson_09_says_of_batch_sizes_holds_on_three_seeds():
    end = {(size, grown): [run["found"][-1] for run in RUNS if (run["size"], run["grown"]) == (size, grown)]
           for size in SIZES for grown in (False, True)}  # fmt: skip
    assert min(end[8, False]) > max(end[1, False] + end[64, False])
    assert min(end[64, True]) > max(end[64, False])
    assert max(end[64, True]) < min(end[8, False])
