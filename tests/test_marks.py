import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WHOLE = "tests/browser/test_whole_notebooks.py"


@pytest.mark.parametrize(("mark", "is_run"), [("whole", True), ("browser", False)])
def test_whole_notebooks_are_run_only_where_they_are_asked_for(mark, is_run):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:hypothesispytest", "-m", mark, WHOLE]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert ("04_punish_class.ipynb" in told) == is_run
    assert ("deselected" in told) != is_run
