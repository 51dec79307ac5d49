"""Threads are chosen so that a busy neighbour costs little; under torchrun nothing hangs, because nothing begins."""

import os
import threading
from pathlib import Path

import psutil
import pytest
import torch

from teachkit.learn.resources import choose_threads, usable_cores, use_threads

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (3, 2), (4, 3), (8, 7), (9, 8), (64, 8)])
def test_one_core_is_left_to_others_and_more_than_eight_are_not_used(cores, threads):
    assert choose_threads(cores) == threads


@pytest.mark.parametrize(("wish", "threads"), [("3", 3), ("1", 1), ("", 7), ("0", 7), ("many", 7), ("-2", 7)])
def test_the_users_own_wish_goes_first(monkeypatch, wish, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    assert choose_threads(8) == threads


def test_a_process_confined_to_some_cores_does_not_count_the_others(monkeypatch):
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    if hasattr(psutil.Process, "cpu_affinity"):
        monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: [0, 1])
        monkeypatch.setattr(psutil, "cpu_count", lambda logical: 16)
        assert usable_cores() == 2
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: None)
    assert usable_cores() >= 1


def test_each_thread_that_trains_uses_the_chosen_number(make_trainer):
    """torch keeps the number for each thread apart: a worker thread would begin with one of its own."""
    trainer, seen = make_trainer(threads=2), []
    trainer.on_record = lambda record: seen.append(torch.get_num_threads())
    use_threads(1)
    worker = threading.Thread(target=trainer.step)
    worker.start()
    worker.join()
    trainer.step()
    assert seen == [2, 2]


def test_a_trainer_chooses_for_itself_or_takes_what_is_given(make_trainer):
    assert make_trainer(threads=None).machine.threads == choose_threads()
    assert make_trainer(threads=2).machine.threads == torch.get_num_threads() == 2
