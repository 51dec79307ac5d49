import threading
import time

import psutil
import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments import sweep as module
from teachkit.experiments.small import small_trainer
from teachkit.experiments.sweep import SweptRun, run_once, sweep


@pytest.fixture(scope="module")
def runs():
    return sweep([7e-5, 7e-3], seeds=[0, 1], steps=6, progress=False)


def test_runs_come_in_the_order_that_was_asked_for(runs):
    assert [(run.lr, run.seed) for run in runs] == [(7e-5, 0), (7e-5, 1), (7e-3, 0), (7e-3, 1)]
    assert all(len(run.losses("box")) == 6 and not run.error and not run.cancelled for run in runs)


def test_another_process_learns_the_same_as_this_one(runs):
    trainer = small_trainer(7e-3, seed=1)
    assert runs[3].losses("cls") == [trainer.step()["cls"] for _ in range(6)]


def test_a_run_that_diverges_says_so():
    run = run_once(5.0, 0, "sgd", 60, "constant")
    assert "diverged" in run.diverged or run.diverged
    assert len(run.losses("cls")) < 60


def test_what_breaks_is_named_with_its_rate_and_seed(monkeypatch):
    def broken(*arguments, **settings):
        raise ValueError("the dog has eaten it")

    monkeypatch.setattr(module, "small_trainer", broken)
    assert run_once(0.1, 2, "sgd", 5, "constant").error == "rate 0.1, seed 2: ValueError: the dog has eaten it"


def test_a_run_ends_after_the_step_at_hand_once_it_is_cancelled(monkeypatch):
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(module, "_stop", stop)
    run = run_once(0.1, 2, "sgd", 5, "constant")
    assert run.cancelled
    assert run.losses("box") == []


def test_a_process_that_is_killed_takes_one_run_with_it():
    """The others are done by those that are left."""
    ours = psutil.Process()

    def kill_the_other():
        while not (others := [one for one in ours.children() if "spawn_main" in " ".join(one.cmdline())]):
            time.sleep(0.01)
        others[0].kill()

    killer = threading.Thread(target=kill_the_other)
    killer.start()
    runs = sweep([1e-3] * 6, steps=6, progress=False)
    killer.join()
    assert len(runs) == 6
    assert sum("BrokenProcessPool" in run.error for run in runs) == 1
    assert sum(len(run.losses("box")) == 6 for run in runs) == 5


@pytest.mark.parametrize("workers", [1, 3])
def test_with_any_number_of_processes_the_runs_are_the_same(runs, workers):
    threads = torch.get_num_threads()
    again = sweep([7e-5, 7e-3], seeds=[0, 1], steps=6, progress=False, workers=workers)
    assert [run.losses("box") for run in again] == [run.losses("box") for run in runs]
    assert torch.get_num_threads() == threads


def test_an_interrupt_cancels_what_has_not_begun_and_goes_on(monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([1e-3] * 50, steps=100_000, progress=False)


@pytest.mark.parametrize(
    "settings",
    [{"rates": []}, {"rates": [-1]}, {"rates": ["x"]}, {"optimizer": "adam"}, {"schedule": "up"}, {"seeds": []}],
)
def test_settings_that_make_no_sweep_are_refused(settings):
    rates = settings.pop("rates", [1e-3])
    with pytest.raises(UserError):
        sweep(rates, **settings)


def test_a_swept_run_tells_its_rate():
    assert "lr=0.1" in repr(SweptRun(0.1, 0))
