"""A Jupyter server of its own, and a notebook in a real browser: run its cells, see its widgets, read its pixels."""

import io
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType

import nbformat
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

REPOSITORY = Path(__file__).parents[2]
# [widget, control, place] → moves the slider as the hand does, waits until the answer is on the screen → milliseconds
MOVE = """async ([widget, control, place]) => {
    const slider = widget.querySelector(`[data-control=${control}]`);
    const before = Number(widget.dataset.ack), started = performance.now();
    slider.value = place;
    slider.dispatchEvent(new Event('input'));
    while (Number(widget.dataset.ack) <= before) {
        if (performance.now() - started > 5000) throw new Error('no answer within 5 s');
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return performance.now() - started;
}"""

FRAME = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
# Until nothing of ours has moved, grown or shrunk for four frames; what goes on moving is waited for half a second.
REST = """async () => {
    const places = () => [innerWidth, innerHeight, ...[...document.querySelectorAll('.tk-root, .tk-root *')]
        .map(one => Object.values(one.getBoundingClientRect().toJSON()))].join();
    const until = performance.now() + 500;
    let before = places();
    for (let still = 0; still < 4 && performance.now() < until;) {
        await new Promise(requestAnimationFrame);
        const now = places();
        still = now === before ? still + 1 : 0;
        before = now;
    }
}"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """JupyterLab or Notebook over a folder, on this machine only, behind a random token."""

    def __init__(
        self, folder: Path, python: str = sys.executable, app: str = "jupyterlab", options: tuple[str, ...] = ()
    ) -> None:
        self.folder, self.options, self.port, self.token = folder, options, free_port(), secrets.token_hex(16)
        where = [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={folder}",
            "--ServerApp.allow_root=True",
            "--ServerApp.kernel_websocket_connection_class=teachkit.watch.connection.PromptConnection",
            "--ServerApp.contents_manager_class=teachkit.watch.connection.StillContents",
        ]
        self.command = [python, "-m", app, "--no-browser", *where, *options]
        settings = folder / ".jupyter"
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "JUPYTER_CONFIG_DIR": str(settings / "config"), "JUPYTER_RUNTIME_DIR": str(settings / "runtime"),
            "JUPYTER_DATA_DIR": str(settings / "data"), "IPYTHONDIR": str(settings / "ipython"), "HOME": str(settings),
        }  # fmt: skip

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"

    def __enter__(self) -> "Server":
        (self.folder / ".jupyter").mkdir(exist_ok=True)
        self.log = (self.folder / ".jupyter" / "server.log").open("ab")
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stdout=self.log, stderr=self.log
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url("api/status"), timeout=2):
                    return self
            except OSError:
                time.sleep(0.2)
        self.__exit__(None, None, None)
        raise RuntimeError(
            f"the server has not started:\n{(self.folder / '.jupyter' / 'server.log').read_text()[-2000:]}"
        )

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def notebook_of(cells: list[str]) -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


class NotebookPage:
    """One notebook in one browser tab. Widgets put what they show into data- attributes: wait on those."""

    def __init__(self, browser: Browser, server: Server, width: int = 1280, height: int = 1000) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []  # of our own front ends, which are loaded from blobs; not of the page around them
        self.page.on(
            "pageerror", lambda error: self.errors.append(str(error)) if "blob:" in (error.stack or "") else None
        )

    def open(self, cells: list[str], name: str = "test.ipynb") -> "NotebookPage":
        """Writes a notebook of code cells and opens it alone on the page."""
        nbformat.write(notebook_of(cells), self.server.folder / name)
        return self.open_file(name)

    def write(self, cells: list[str]) -> "NotebookPage":
        """Other cells in the place of all that are there. The kernel forgets its variables and widgets."""
        close = "import gc, ipywidgets\nipywidgets.Widget.close_all()\n"
        # A reset looks for cycles among all objects of torch, for a fifth of a second: those come to light later.
        self.execute(f"{close}gc.freeze()\nget_ipython().reset(new_session=False)\n__import__('gc').unfreeze()")
        self.page.evaluate(
            "content => window.jupyterapp.shell.currentWidget.content.model.fromJSON(content)", notebook_of(cells)
        )
        return self

    def open_file(self, name: str) -> "NotebookPage":
        return self.goto(f"doc/tree/{name}")

    def goto(self, path: str) -> "NotebookPage":
        """Opens a notebook's page and waits for its kernel."""
        self.page.goto(self.server.url(path))
        self.page.wait_for_function(
            "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
            timeout=60_000,
        )
        return self

    def command(self, name: str) -> None:
        self.page.evaluate("name => window.jupyterapp.commands.execute(name)", name)

    def run_all(self, timeout: float = 60) -> None:
        """Runs every cell and waits for the last one; RuntimeError if one fails."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        done = """() => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            const cells = notebook.widgets.filter(cell => cell.model.type === 'code');
            const failed = cell => cell.model.outputs.toJSON().some(output => output.output_type === 'error');
            return cells.some(failed)
                || cells.every(cell => cell.model.executionCount != null || !cell.model.sharedModel.getSource()); }"""
        self.page.wait_for_function(done, timeout=timeout * 1000)
        failed = self.page.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], .jp-OutputArea-output[data-mime-type*='error']"
        )
        if failed.count():
            raise RuntimeError(failed.first.inner_text()[-2000:])

    def run_cell(self, source: str) -> None:
        """Appends a cell, runs it and waits."""
        self.page.evaluate(
            """async source => {
            const notebook = window.jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await window.jupyterapp.commands.execute('notebook:insert-cell-below');
            notebook.activeCell.model.sharedModel.setSource(source);
            await window.jupyterapp.commands.execute('notebook:run-cell');
        }""",
            source,
        )

    def execute(self, source: str) -> str:
        """Runs code in the kernel beside the notebook and returns what it printed; RuntimeError if it fails."""
        return self.page.evaluate(
            """async source => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code: source, store_history: false });
            let text = '';
            future.onIOPub = message => { text += message.content.text ?? ''; };
            const reply = await future.done;
            if (reply.content.status !== 'ok') throw new Error(reply.content.evalue);
            return text;
        }""",
            source,
        )

    def widget(self, selector: str, place: int = 0, timeout: float = 30) -> Locator:
        """The place-th widget on the page that matches, once it has drawn something."""
        locator = self.page.locator(selector).nth(place)
        locator.wait_for(state="visible", timeout=timeout * 1000)
        return locator

    def wait(self, locator: Locator, condition: str, timeout: float = 20) -> None:
        """condition: JavaScript about `widget`, such as "widget.dataset.state === 'paused'"."""
        self.page.wait_for_function(f"widget => {condition}", arg=locator.element_handle(), timeout=timeout * 1000)

    def reset(self, widget: Locator) -> None:
        """Clicks on Reset and waits for the answer."""
        before = widget.get_attribute("data-ack")
        widget.get_by_role("button", name="Reset", exact=True).click()
        self.wait(widget, f"Number(widget.dataset.ack) > {before}")

    def answered(self) -> None:
        """Waits until Python has answered all that the page has sent, and the answers are drawn."""
        for _ in ("what was under way", "the newest setting, which waits for that answer"):
            self.page.evaluate(FRAME)  # the last move of a slider or a drag leaves a frame after it
            self.execute("")  # goes the same way, behind it
        self.page.evaluate(FRAME)

    def end_kernel(self) -> None:
        self.page.evaluate("async () => { await window.jupyterapp?.shell?.currentWidget?.sessionContext?.shutdown(); }")

    def shut_down(self) -> None:
        """Ends the kernel and closes the tab."""
        self.end_kernel()
        self.context.close()


def resize(page: Page, width: int, height: int) -> None:
    """px; waits until what the window shows has been laid out anew."""
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(REST)


def pixels(locator: Locator) -> np.ndarray:
    """What is on the screen there, [H, W, 3] uint8."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


def wait_for_change(locator: Locator, before: np.ndarray, least: float = 1e-3, seconds: float = 10) -> None:
    """Until at least that share of the numbers of `before` is another on the screen. AssertionError if it never is."""
    until = time.monotonic() + seconds
    while (pixels(locator) != before).mean() <= least:
        assert time.monotonic() < until, "what is drawn has not changed"
        locator.page.wait_for_timeout(50)


def is_blank(picture: np.ndarray) -> bool:
    """Whether it shows nothing but one colour."""
    return float(picture.reshape(-1, 3).std(0).max()) < 3.0
