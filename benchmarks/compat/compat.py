"""The cockpit in each place where a class may open it: `python benchmarks/compat/compat.py [PLACE …]`.

Each place gets a small environment of its own in build/compat: only what differs is installed there, the rest is
seen through the environment that runs this.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
import venv
from dataclasses import dataclass
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, sync_playwright

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))

from conftest import FLAGS, chromium  # noqa: E402
from notebook_page import MOVE, NotebookPage, Server  # noqa: E402

ENVIRONMENTS = REPOSITORY / "build" / "compat"
CELLS = [
    "from teachkit import Cockpit",
    "cockpit = Cockpit(images=64, validation_images=16)\ncockpit",
]
THREADS = "import threading; print(sum(t.name.startswith('teachkit') for t in threading.enumerate()))"


@dataclass(frozen=True)
class Place:
    packages: tuple[str, ...]
    app: str = "jupyterlab"


PLACES = {
    "ipykernel-6.31": Place(("ipykernel==6.31.0", "nest-asyncio")),
    "ipykernel-7.3": Place(("ipykernel==7.3.0", "nest-asyncio2")),
    "ipykernel-7.4": Place(("ipykernel==7.4.0",)),
    "notebook-7": Place(("notebook==7.6.5", "notebook-shim"), app="notebook"),
}


def environment(name: str, packages: tuple[str, ...]) -> Path:
    """The python of an environment with these packages before all that is installed here."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, clear=True)
        packages_here = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        (Path(packages_here) / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--ignore-installed", *packages],
            check=True,
        )
        (folder / "ready").touch()
    return python


def check_notebook(page: NotebookPage) -> dict[str, object]:
    """Start, slider, another cell, stop square, running a cell again, close. RuntimeError or a timeout if one fails."""
    page.run_all(120)
    cockpit = page.widget(".tk-cockpit")
    found = check_widget(page, cockpit)
    assert page.execute(THREADS).strip() == "0"
    cockpit.get_by_role("button", name="Start", exact=True).click()
    page.wait(cockpit, "widget.dataset.state === 'running'")
    began = time.perf_counter()
    assert page.execute("print(6 * 7)").strip() == "42"
    found["another cell waits, ms"] = round(1000 * (time.perf_counter() - began))
    page.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    page.wait(cockpit, "widget.dataset.state === 'paused'")
    assert page.execute(THREADS).strip() == "0"
    page.execute("cockpit.close()")
    page.page.wait_for_function("document.querySelectorAll('.tk-cockpit').length === 0")
    found["ipykernel"] = page.execute("import ipykernel; print(ipykernel.__version__)").strip()
    return found


def check_widget(page: NotebookPage, cockpit) -> dict[str, object]:
    """What a student does with the mouse."""
    page.wait(cockpit, "widget.dataset.state === 'ready'", timeout=60)
    cockpit.get_by_role("button", name="Start", exact=True).click()
    page.wait(cockpit, "Number(widget.dataset.step) >= 3", timeout=60)
    times = sorted(page.page.evaluate(MOVE, [cockpit.element_handle(), "box", 520 + move]) for move in range(30))
    cockpit.get_by_role("button", name="No class loss", exact=True).click()
    page.wait(cockpit, "widget.querySelector('[data-control=cls-field]').value === '0'")
    cockpit.get_by_role("button", name="Pause", exact=True).click()
    page.wait(cockpit, "widget.dataset.state === 'paused'")
    assert page.errors == [], page.errors
    return {"slider to pixels, ms": {"median": round(times[15]), "p95": round(times[28])}}


def check(browser: Browser, name: str, place: Place) -> dict[str, object]:
    python = environment(name, place.packages)
    folder = ENVIRONMENTS / f"{name}-notebooks"
    folder.mkdir(exist_ok=True)
    write_notebook(folder / "cockpit.ipynb", name)
    write_kernel(folder, name, python)
    share = Path(sys.prefix) / "share" / "jupyter"
    os.environ |= {"JUPYTERLAB_DIR": str(share / "lab"), "JUPYTER_PATH": str(share)}
    exposed = {
        "jupyterlab": ("--LabApp.expose_app_in_browser=True",),
        "notebook": ("--JupyterNotebookApp.expose_app_in_browser=True",),
    }
    runs_in = sys.executable if place.app == "jupyterlab" else str(python)
    with Server(folder, python=runs_in, app=place.app, options=exposed.get(place.app, ())) as server:
        page = NotebookPage(browser, server)
        try:
            page.goto("notebooks/cockpit.ipynb" if place.app == "notebook" else "doc/tree/cockpit.ipynb")
            return check_notebook(page)
        finally:
            page.page.screenshot(path=ENVIRONMENTS / f"{name}.png")  # of how it ended
            page.context.close()


def write_notebook(path: Path, kernel: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    nbformat.write(notebook, path)


def write_kernel(folder: Path, name: str, python: Path) -> None:
    """A kernel specification that only this server sees."""
    specification = folder / ".jupyter" / "data" / "kernels" / name / "kernel.json"
    specification.parent.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification.write_text(
        json.dumps({"argv": command, "display_name": name, "language": "python", "interrupt_mode": "signal"})
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("places", nargs="*", help=f"of {', '.join(PLACES)}; all unless told otherwise")
    chosen = parser.parse_args().places or list(PLACES)
    failed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for name in chosen:
            try:
                print(f"{name}: works, {json.dumps(check(browser, name, PLACES[name]))}", flush=True)
            except Exception as error:
                failed += 1
                print(f"{name}: FAILS, {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
