"""Row 14: under torchrun nothing hangs, because nothing begins: every rank ends at once, the cause named."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from teachkit.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("rank", "ranks"), [("0", "2"), ("1", "2"), ("7", "8"), ("15", "16")])
def test_a_rank_of_several_is_refused_and_told_how_to_start(make_trainer, monkeypatch, rank, ranks):
    monkeypatch.setenv("WORLD_SIZE", ranks)
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(UserError, match=f"rank {rank} of {ranks}.*start it with python"):
        make_trainer()


@pytest.mark.parametrize("ranks", [None, "1", ""])
def test_a_single_process_trains(make_trainer, monkeypatch, ranks):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    if ranks is not None:
        monkeypatch.setenv("WORLD_SIZE", ranks)
    make_trainer().step()


def test_under_torchrun_itself_all_ranks_end_within_half_a_minute():
    program = "from tests.learn.tiny import *; Recorded(tiny_detector(), None, make_batches(), threads=1).fit(1)"
    script = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    began = time.perf_counter()
    done = subprocess.run(
        [*script, sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120
    )
    assert done.returncode != 0
    assert "of 2, but a Trainer trains in one process" in done.stderr
    assert time.perf_counter() - began < 60  # two imports of torch on two busy cores among them
