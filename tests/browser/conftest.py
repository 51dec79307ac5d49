import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from teachkit.watch.frontend.bundle import WATCH

sys.path.insert(0, str(Path(__file__).parent))  # for notebook_page, which the benchmarks use too
pytest.register_assert_rewrite("tidy")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium() -> str | None:
    """The browser's executable; the environment variable CHROMIUM goes first."""
    return os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


def missing(what: str) -> None:
    """A student without a browser goes on; a machine that checks for everybody must have one."""
    reason = f"{what} is missing: the widgets are not tested in a browser (install `chromium` and requirements.txt)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    executable = chromium()
    if executable is None:
        missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield one
        one.close()


@pytest.fixture(scope="module")
def front_ends(browser: Any) -> Iterator[Any]:
    """An empty page that can import the front ends as they stand: `await import("/widgets/iou.js")`."""
    kinds = {".js": "text/javascript", ".css": "text/css"}

    def answer(route: Any) -> None:
        path = WATCH / urlsplit(route.request.url).path[1:]
        if path.suffix in kinds and path.is_file():
            route.fulfill(path=path, content_type=kinds[path.suffix])
        else:
            route.fulfill(body="<!doctype html><body>", content_type="text/html")

    page = browser.new_page()
    page.route("http://front-ends.test/**", answer)
    page.goto("http://front-ends.test/")
    yield page
    page.close()


@pytest.fixture(scope="session")
def server(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from notebook_page import Server

    with Server(tmp_path_factory.mktemp("notebooks"), options=("--LabApp.expose_app_in_browser=True",)) as running:
        yield running


@pytest.fixture(scope="session")
def opened(browser: Any, server: Any) -> Iterator[Any]:
    """One page and one kernel for all modules: to open JupyterLab and to load torch takes ten seconds."""
    from notebook_page import NotebookPage

    page = NotebookPage(browser, server, height=1400)
    yield page.open([], "tests.ipynb")
    page.shut_down()


@pytest.fixture(scope="module")
def notebook(opened: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The module's CELLS on a page 1280 px wide, run; shared by its tests."""
    opened.write(request.module.CELLS).run_all()
    yield opened
    errors, opened.errors = opened.errors, []
    assert errors == []
