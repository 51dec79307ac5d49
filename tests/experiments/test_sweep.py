import ast
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments import processes
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
    monkeypatch.setattr(processes, "_stop", stop)
    run = run_once(0.1, 2, "sgd", 5, "constant")
    assert run.cancelled
    assert run.losses("box") == []


def killed_in_another_process(*arguments):
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return run_once(*arguments)


def test_a_process_that_is_killed_takes_one_run_with_it(monkeypatch):
    """The others are done by those that are left."""
    monkeypatch.setattr(module, "run_once", killed_in_another_process)
    runs = sweep([1e-3] * 3, steps=6, progress=False)
    assert len(runs) == 3
    assert sum("BrokenProcessPool" in run.error for run in runs) == 1
    assert sum(len(run.losses("box")) == 6 for run in runs) == 2


def test_what_a_process_has_not_even_begun_is_done_by_another(tmp_path):
    """In a script without `if __name__ == "__main__":` no other process comes to life."""
    program = "from teachkit.experiments.sweep import sweep\n"
    program += "print([run.losses('box') for run in sweep([1e-3, 2e-3], steps=3, progress=False)])\n"
    (tmp_path / "script.py").write_text(program)
    ended = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        **{"capture_output": True, "text": True, "check": True, "env": os.environ | {"PYTHONPATH": os.getcwd()}},
    )
    assert [len(losses) for losses in ast.literal_eval(ended.stdout)] == [3, 3]


def test_the_other_process_stays_for_the_next_sweep(monkeypatch):
    monkeypatch.setattr(processes, "_resting", type(processes._resting)())
    found = [run.losses("box") for run in sweep([1e-3, 2e-3], steps=3, progress=False)]
    (before,) = processes._resting
    assert [run.losses("box") for run in sweep([1e-3, 2e-3], steps=3, progress=False)] == found
    assert list(processes._resting) == [before]
    before.end()


@pytest.mark.parametrize("workers", [1, 3])
def test_with_any_number_of_processes_the_runs_are_the_same(runs, workers):
    torch.set_num_threads(2)
    try:
        again = sweep([7e-5, 7e-3], seeds=[0, 1], steps=6, progress=False, workers=workers)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert [run.losses("box") for run in again] == [run.losses("box") for run in runs]


def test_an_interrupt_cancels_what_has_not_begun_and_goes_on(monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([1e-3] * 50, steps=100_000, progress=False)


def interrupted_once_the_other_works(lr, seed, optimizer, steps, schedule):
    marker = Path(os.environ["MARKER"])
    if multiprocessing.parent_process() is not None:
        marker.touch()
        return run_once(lr, seed, optimizer, steps, schedule)
    while not marker.exists():
        time.sleep(0.01)
    raise KeyboardInterrupt


def test_an_interrupt_ends_what_another_process_is_at(monkeypatch, tmp_path):
    """After its step, long before the last one; and nothing cancelled is left to the next sweep."""
    monkeypatch.setenv("MARKER", str(tmp_path / "marker"))
    monkeypatch.setattr(processes, "_resting", type(processes._resting)())
    monkeypatch.setattr(module, "run_once", interrupted_once_the_other_works)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sweep([1e-3] * 2, steps=3000, progress=False)
    assert time.monotonic() - began < 15
    assert not processes._resting


def test_an_interrupt_after_another_process_has_done_its_share_leaves_that_to_the_next_sweep(monkeypatch):
    monkeypatch.setattr(processes, "_resting", type(processes._resting)())

    def interrupted(*arguments):
        assert asked.wait(30)
        end = time.monotonic() + 30
        while not processes._resting and time.monotonic() < end:
            time.sleep(0.01)
        raise KeyboardInterrupt

    def submitted(process, function, *arguments):
        if function is interrupted:
            asked.set()
            function = run_once
        return submit(process, function, *arguments)

    asked = threading.Event()
    shared, submit = module.Process(), module.Process.submit
    assert shared.submit(os.getpid).result()
    shared.rest()
    monkeypatch.setattr(module.Process, "submit", submitted)
    monkeypatch.setattr(module, "run_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([1e-3] * 2, steps=3, progress=False)
    assert list(processes._resting) == [shared]
    assert not shared.stop.is_set()
    shared.end()


def test_an_interrupt_while_the_others_are_sent_off_cancels_too(monkeypatch):
    """Long before that many steps are done."""

    class Interrupting(ThreadPoolExecutor):
        def submit(self, *arguments):
            super().submit(*arguments)
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "ThreadPoolExecutor", Interrupting)
    with pytest.raises(KeyboardInterrupt):
        sweep([1e-3] * 50, steps=100_000, progress=False)


@pytest.mark.parametrize(
    "settings",
    [
        *({"rates": []}, {"rates": [-1]}, {"rates": ["x"]}, {"optimizer": "adam"}, {"schedule": "up"}, {"seeds": []}),
        *({"workers": 0}, {"workers": 2.5}, {"steps": 0}, {"steps": 2.5}, {"seeds": [-1]}, {"seeds": ["x"]}),
    ],
)
def test_settings_that_make_no_sweep_are_refused(settings):
    rates = settings.pop("rates", [1e-3])
    with pytest.raises(UserError):
        sweep(rates, **settings)


def test_a_swept_run_tells_its_rate():
    assert "lr=0.1" in repr(SweptRun(0.1, 0))
