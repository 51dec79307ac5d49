"""An installed wheel holds all that the lessons need: built from the tree, and used far away from it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import forked

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


# in a process that has loaded torch, and the clone's package, which is forgotten
PROGRAM = """
import os
import sys
import warnings
from pathlib import Path

warnings.simplefilter("default")
packages, folder, real = sys.argv[1:]
for name in [name for name in sys.modules if name.split(".")[0] in ("teachkit", "tests")]:
    del sys.modules[name]
sys.path[:] = [packages, *(place for place in sys.path if not (Path(place) / "teachkit").exists())]
os.environ.pop("TEACHKIT_DATA", None)
os.chdir(folder)

import teachkit as tk
from teachkit.exercises import blood_cells, lesson
from teachkit.experiments import recorded
from teachkit.feed import download

own = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "teachkit"]
assert len(own) > 20
assert all(Path(file).is_relative_to(packages) for file in own), own
model, classes = recorded.detector("shapes")
assert classes == ["ball", "square", "triangle", "star"]
assert recorded.records("searches")
assert len(download.read_manifest(download.MANIFESTS / "bccd.sha256")) == 733
assert lesson.begin("03").predict
assert tk.IoUPlayground()._esm
assert blood_cells.picture_set().real == (real == "True")
"""


@pytest.mark.parametrize("real", [False, True])
def test_far_from_the_clone_it_finds_detectors_runs_manifests_front_ends_and_the_data_beside_the_notebooks(
    installed, tmp_path, real
):
    (tmp_path / "notebooks").mkdir()
    if real:
        (tmp_path / "data" / "bccd" / "Annotations").mkdir(parents=True)
    ended = forked.python(PROGRAM, installed, tmp_path / "notebooks", real)
    assert ended.returncode == 0, ended.stderr
