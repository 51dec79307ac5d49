"""Time and memory; hours of use leave nothing behind."""

import gc
import os
import platform
import subprocess
import sys
import time
import weakref
from pathlib import Path

import psutil
import pynvml
import pytest
import torch

from teachkit.feed.detector import Detector
from teachkit.learn.resources import kept_for_backward, process_seconds, usage
from tests.learn.tiny import make_batches

ROOT = Path(__file__).resolve().parent.parent.parent


def test_seconds_count_from_the_start_of_the_process_and_only_forward(monkeypatch):
    assert process_seconds() == pytest.approx(time.time() - psutil.Process().create_time(), abs=0.5)
    before = process_seconds()
    monkeypatch.setattr(time, "time", lambda: 0.0)  # the clock on the wall is set back
    assert process_seconds() >= before


def test_memory_in_use_is_that_of_the_process():
    assert usage(torch.device("cpu"))["rss_mb"] == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.2)


def test_what_is_kept_for_the_backward_pass_grows_with_the_pictures_and_leaves_the_weights_out():
    layers = torch.nn.Sequential(torch.nn.Linear(1000, 50), torch.nn.Sigmoid(), torch.nn.Linear(50, 1))
    wanted = 4 * (1000 + 50)  # what the first layer is fed, and what the sigmoid gives, which the last one shares
    assert kept_for_backward(layers, torch.randn(1, 1000)) == wanted
    assert kept_for_backward(layers, torch.randn(7, 1000)) == 7 * wanted
    images, model = torch.rand(4, 3, 64, 64), Detector(2, device="cpu")
    assert kept_for_backward(model, images) == pytest.approx(4 * kept_for_backward(model, images[:1]), rel=0.02)


@pytest.mark.gpu
def test_on_a_gpu_its_memory_and_load_are_told():
    block = torch.zeros(2**26, device="cuda")
    found = usage(torch.device("cuda"))
    assert found["gpu_mb"] >= block.nbytes / 2**20
    assert 0 <= found["gpu_percent"] <= 100


NOT_SUPPORTED = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)  # on a part of a GPU (MIG), for instance


@pytest.mark.parametrize("error", [ModuleNotFoundError("pynvml"), RuntimeError("no driver"), NOT_SUPPORTED])
def test_a_machine_without_nvml_has_a_figure_less(monkeypatch, error):
    def missing(device):
        raise error

    monkeypatch.setattr(torch.cuda, "utilization", missing)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 2**20)
    assert usage(torch.device("cuda"))["gpu_percent"] is None


def test_a_trainer_that_is_dropped_is_gone_with_its_model(make_trainer):
    optimizer_outlives = []
    for _ in range(3):
        trainer = make_trainer()
        trainer.step()
        optimizer_outlives.append(trainer.optimizer)
        reference = weakref.ref(trainer)
        del trainer
        gc.collect()
        assert reference() is None


def test_the_graph_of_a_step_is_given_back(make_trainer):
    trainer, held = make_trainer(), []

    def forward(images):
        predictions = original(images)
        held.append(weakref.ref(predictions))
        return predictions

    original, trainer.model.forward = trainer.model.forward, forward
    trainer.step()
    gc.collect()
    assert held[0]() is None
    assert trainer.train_step.losses is None


@pytest.mark.parametrize("what", ["steps", "settings", "snapshots", "rewinds"])
def test_memory_stays_flat(make_trainer, what):
    trainer = make_trainer(make_batches(2), on_record=lambda record: None)
    trainer.step()
    snapshot = trainer.state_dict()
    work = {
        "steps": trainer.step,
        "settings": lambda: [trainer.control.set(lr=number / 1e4, box=number / 100) for number in range(100)],
        "snapshots": trainer.state_dict,
        "rewinds": lambda: trainer.load_state_dict(snapshot),
    }[what]

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(5):
        work()
    before = objects()
    for _ in range(30):
        work()
    # the past that trends are told from grows to a fixed length; it is made of floats, which are not counted here
    assert objects() - before < 60


FAULTS = """
import os, resource
import torch
from teachkit.learn.resources import keep_freed_memory
keep_freed_memory()
def step():
    return [torch.ones(2**20) for _ in range(8)]
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_a_step_frees_stays_with_the_process_unless_glibc_was_told_otherwise():
    def pages(**told):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        command = [sys.executable, "-c", FAULTS]
        return int(subprocess.check_output(command, env={**environment, "PYTHONPATH": str(ROOT), **told}))

    assert pages() < 100
    assert pages(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > 8 * 1000  # of 4 kB
