"""What holds for every notebook under test."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import psutil
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SLOW = """from teachkit.feed.formats import progress
progress.DELAY = 0
print(list(progress.watched(range(3), "reading")))"""


def failed(folder, cells, *words):
    """Numbers of the cells that fail. cells: (source, stored output, metadata) of each."""
    for name in ("conftest.py", "sanitize.cfg"):
        (folder / name).write_bytes((NOTEBOOKS / name).read_bytes())
    made = [
        nbformat.v4.new_code_cell(
            source,
            execution_count=1,
            metadata=metadata,
            outputs=[nbformat.v4.new_output("stream", name="stdout", text=f"{one}\n") for one in stored.split("\n")],
        )
        for source, stored, metadata in cells
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made), folder / "made.ipynb")
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--nbval", "--nbval-current-env"]
    command += [f"--junitxml={report}", *words, folder]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert len(cases) == len(cells), run.stdout + run.stderr
    return [number for number, case in enumerate(cases) if len(case)]


def test_a_bar_that_only_a_slow_machine_shows_is_no_difference(tmp_path):
    assert failed(tmp_path, [(SLOW, "[0, 1, 2]", {})]) == []


@pytest.mark.skipif(os.name != "posix", reason="sockets with names in place of ports")
def test_kernels_that_start_at_once_have_no_ports_to_fall_out_about(tmp_path):
    ask = "from ipykernel.connect import get_connection_info as ask; print(ask(unpack=True)['transport'])"
    assert failed(tmp_path, [(ask, "ipc", {})]) == []


TOLD = """import json, multiprocessing, os, sys, time, pathlib
loaded = [name for name in ("torch", "matplotlib", "teachkit") if name in sys.modules]
child = multiprocessing.Process(target=int)
child.start()
child.join()
strange = [one for one in sys.path if one and not one.startswith((sys.prefix, sys.base_prefix))]
state = [loaded, sys.argv[:2], strange, multiprocessing.get_start_method(), child.exitcode]
told = [os.getpid(), state]
pathlib.Path("new").write_text(json.dumps(told))
pathlib.Path("new").rename("told.json")
time.sleep(100)"""


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux")
def test_kernels_of_several_notebooks_have_loaded_nothing_of_ours_and_end_with_the_tests(tmp_path):
    for name in ("conftest.py", "sanitize.cfg"):
        (tmp_path / name).write_bytes((NOTEBOOKS / name).read_bytes())
    for name in ("one", "two"):
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TOLD)]), tmp_path / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "no:hypothesispytest", "--nbval", "--nbval-current-env", tmp_path]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    tests = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=plain)
    told, until = tmp_path / "told.json", time.time() + 100
    while not told.exists() and time.time() < until:
        time.sleep(0.02)
    kernel, state = json.loads(told.read_text())
    assert state == [["torch"], ["ipykernel_launcher", "-f"], [], multiprocessing.get_start_method(), 0]
    tests.kill()
    tests.wait()
    assert psutil.wait_procs([psutil.Process(kernel)] if psutil.pid_exists(kernel) else [], timeout=10)[1] == []


CELLS = {  # what a cell prints, what is stored, its metadata, and whether it passes
    "the same": ("≈ 0.8", "≈ 0.8", {}, True),
    "a quarter away": ("F1 ≈ 0.60", "F1 ≈ 0.80", {}, True),
    "more than a quarter away": ("F1 ≈ 0.59", "F1 ≈ 0.80", {}, False),
    "the second number too far": ("≈ 5 of ≈ 70", "≈ 5 of ≈ 40", {}, False),
    "one unit of the last digit": ("≈ 1 %", "≈ 2 %", {}, True),
    "two units of the last digit": ("≈ 1 %", "≈ 3 %", {}, False),
    "a power of ten": ("≈ 1.2e-05", "≈ 1.3e-05", {}, True),
    "another power of ten": ("≈ 1.2e-05", "≈ 1.3e-04", {}, False),
    "another sign": ("≈ -0.50", "≈ 0.50", {}, False),
    "columns that move": ("found ≈    9 | here", "found ≈ 10     | here", {}, True),
    "other words": ("lost ≈ 9", "found ≈ 9", {}, False),
    "prints stored apart": ("≈ 9\n≈ 8", "≈ 8\n≈ 9", {}, True),
    "a number without the mark": ("≈ 9 of 37", "≈ 9 of 36", {}, False),
    "more allowed in its metadata": ("≈ 0.4", "≈ 0.8", {"about": {"relative": 0.5}}, True),
    "so far away all the same": ("≈ 7", "≈ 3", {"about": {"absolute": 3}}, False),
    "a tag to ignore all": ("≈ 900", "≈ 3", {"tags": ["nbval-ignore-output"]}, True),
}


@pytest.mark.parametrize("words", [[], ["--nbval-sanitize-with", NOTEBOOKS / "sanitize.cfg"]])
def test_a_number_behind_the_mark_may_vary_within_its_tolerance(tmp_path, words):
    cells = [(f"print({printed!r})", stored, metadata) for printed, stored, metadata, _ in CELLS.values()]
    wrong = failed(tmp_path, cells, *words)
    assert [list(CELLS)[number] for number in wrong] == [name for name, cell in CELLS.items() if not cell[-1]]


@pytest.mark.parametrize("real", [True, False])
def test_where_blood_cells_are_at_hand_their_own_numbers_are_expected(tmp_path, monkeypatch, real):
    monkeypatch.setenv("TEACHKIT_DATA", str(tmp_path / "data"))
    if real:
        (tmp_path / "data" / "bccd" / "Annotations").mkdir(parents=True)
    both = {"about": {"bccd": "≈ 3.4"}}
    assert failed(tmp_path, [("print('≈ 3.4')", "≈ 0.1", both), ("print('≈ 0.1')", "≈ 0.1", both)]) == [int(real)]
