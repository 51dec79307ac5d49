"""What the tests of the live page share: what it is built with, the engine, and the exported graphs, made once."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests import forked
from tests.page.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
# `python -m teachkit.page FOLDER`
AS_A_COMMAND = """
import runpy, warnings
warnings.simplefilter("default")
runpy.run_module("teachkit.page", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """What the build needs of npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("no node here: the live page is built and tested with node 20.11 or later")
    if not (ROOT / "node_modules" / "assemblyscript").is_dir():
        run = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            pytest.skip(f"npm cannot fetch what the live page is built with: {run.stderr.strip()[-300:]}")
    return ROOT / "node_modules"


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that all of pytest's workers see: whichever asks first has it written."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, made = shared / name, shared / f"{name}_is_made"
    with FileLock(shared / f"{name}.lock"):
        if not made.exists():
            make(folder)
            made.touch()
    return folder


@pytest.fixture(scope="session")
def built_engine(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    def build(folder: Path) -> None:
        subprocess.run(["node", "site/build_engine.mjs", folder], check=True, cwd=ROOT)

    return made_once(tmp_path_factory, "engine", build)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What today's code writes for the live pages. Nobody changes it."""

    def export(folder: Path) -> None:
        ended = forked.python(AS_A_COMMAND, folder, timeout=600)
        assert ended.returncode == 0, ended.stderr

    return made_once(tmp_path_factory, "exported", export)


@pytest.fixture
def engine(built_engine: Path, tmp_path: Path) -> Engine:
    return Engine(built_engine, tmp_path)
