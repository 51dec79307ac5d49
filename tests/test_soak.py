"""A short part of what `make soak` does for half an hour."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_trainings_that_are_disturbed_at_random_moments_end_as_one_that_is_not():
    command = [sys.executable, "-m", "tests.soak", "3", "--seed", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 tried    0 bad" in done.stdout
