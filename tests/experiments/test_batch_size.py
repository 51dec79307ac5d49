"""Batches of several sizes: as many pictures each time, and what the recorded runs say on all seeds."""

from statistics import fmean

import pytest

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.batch_size import EPOCHS, SIZES, train_with_batch_size
from teachkit.experiments.small import COUNTS, usual_rate

RUNS = recorded.records("batch_sizes")


def test_a_run_feeds_all_pictures_in_fewer_steps():
    run = train_with_batch_size(64, epochs=2)
    assert run["steps"] == COUNTS["train"] // 64
    assert len(run["f1"]) == 2
    assert run["lr"] == usual_rate("adamw")
    assert train_with_batch_size(64, grown=True, epochs=1)["lr"] == pytest.approx(8 * usual_rate("adamw"))


def test_a_size_that_was_not_recorded_is_refused():
    with pytest.raises(UserError, match="1, 2, 4"):
        train_with_batch_size(3)


def test_all_sizes_are_recorded_with_five_seeds_and_both_rates():
    assert sorted((run["size"], run["seed"], run["grown"]) for run in RUNS) == sorted(
        (size, seed, grown) for size in SIZES for seed in range(5) for grown in (False, True)
    )
    assert all(len(run["f1"]) == EPOCHS for run in RUNS)


def test_what_lesson_09_says_of_batch_sizes_holds_on_five_seeds():
    end = {(size, grown): [run["f1"][-1] for run in RUNS if (run["size"], run["grown"]) == (size, grown)]
           for size in SIZES for grown in (False, True)}  # fmt: skip
    mean = {plan: fmean(values) for plan, values in end.items()}
    assert all(mean[1, False] < mean[size, False] - 0.05 for size in SIZES[1:])
    assert max(mean[size, False] for size in (2, 4, 8, 16)) - min(mean[size, False] for size in (2, 4, 8, 16)) < 0.05
    assert mean[16, False] - 0.06 < mean[64, False] < mean[8, False]
    assert all(grown < same for grown, same in zip(end[64, True], end[64, False], strict=True))
