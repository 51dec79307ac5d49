"""What holds for every notebook under test."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

CONFTEST = Path(__file__).resolve().parents[2] / "notebooks" / "conftest.py"
SLOW = """from teachkit.feed.formats import progress
progress.DELAY = 0
print(list(progress.watched(range(3), "reading")))"""


def test_a_bar_that_only_a_slow_machine_shows_is_no_difference(tmp_path):
    shutil.copy(CONFTEST, tmp_path)
    output = nbformat.v4.new_output("stream", name="stdout", text="[0, 1, 2]\n")
    cell = nbformat.v4.new_code_cell(SLOW, execution_count=1, outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "slow.ipynb")
    words = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout
