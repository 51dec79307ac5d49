"""What the tests of the live page share: what it is built with, and the engine, built once."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from tests.page.engine import Engine

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.fixture(scope="session")
def built_engine(node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once for all of pytest's workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, built = shared / "engine", shared / "engine_is_built"
    with FileLock(shared / "engine.lock"):
        if not built.exists():
            subprocess.run(["node", ROOT / "site/build_engine.mjs", folder], check=True)
            built.touch()
    return folder


@pytest.fixture
def engine(built_engine: Path, tmp_path: Path) -> Engine:
    return Engine(built_engine, tmp_path)
