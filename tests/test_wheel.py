"""An installed wheel holds all that the lessons need: built from the tree, and used far away from it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def python(*command, cwd, **environment):
    """What the command prints, by this Python, in another folder."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TEACHKIT_DATA")}
    run = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=kept | environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since building leaves folders behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "teachkit", folder / "teachkit", ignore=shutil.ignore_patterns("__pycache__"))
    python("-c", "from setuptools.build_meta import build_wheel; build_wheel('.')", cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder of packages that holds the wheel's content and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def test_each_file_of_the_package_is_in_the_wheel(wheel):
    files = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "teachkit").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert files <= set(zipfile.ZipFile(wheel).namelist())


PROGRAM = """
import sys
from pathlib import Path

import teachkit as tk
from teachkit.exercises import blood_cells, lesson
from teachkit.experiments import recorded
from teachkit.feed import download

assert Path(tk.__file__).is_relative_to(sys.argv[1]), tk.__file__
model, classes = recorded.detector("shapes")
assert classes == ["ball", "square", "triangle", "star"]
assert recorded.records("searches")
assert len(download.read_manifest(download.MANIFESTS / "bccd.sha256")) == 733
assert lesson.begin("03").predict
assert tk.IoUPlayground()._esm
assert blood_cells.picture_set().real == (len(sys.argv) > 2)
"""


@pytest.mark.parametrize("real", [False, True])
def test_far_from_the_clone_it_finds_detectors_runs_manifests_front_ends_and_the_data_beside_the_notebooks(
    installed, tmp_path, real
):
    (tmp_path / "notebooks").mkdir()
    if real:
        (tmp_path / "data" / "bccd" / "Annotations").mkdir(parents=True)
    python("-c", PROGRAM, str(installed), *["real"] * real, cwd=tmp_path / "notebooks", PYTHONPATH=str(installed))
