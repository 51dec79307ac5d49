"""A short part of what `make soak` does for half an hour."""

import os

import pytest

from tests import forked

PROGRAM = """
import sys, warnings
import torch
from tests import sketches, soak
sketches.draw_sketches()
warnings.simplefilter("default")
torch.set_num_threads(1)
sys.exit(soak.soak(3, seed=1))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_trainings_that_are_disturbed_at_random_moments_end_as_one_that_is_not():
    done = forked.python(PROGRAM, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 tried    0 bad" in done.stdout
