"""Makes the two pictures of the README anew: the cockpit from a real browser, and what the recorded detector finds."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import teachkit as tk
from teachkit.experiments import recorded
from teachkit.watch.figures.plots import detection_grid

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "notebooks" / "pictures"
CELL = """import teachkit as tk

cockpit = tk.Cockpit(optimizer="adamw", seed=0)
cockpit.run(220)
cockpit.set(dfl=6.5)
cockpit.run(110)
cockpit.set(lr=0.035)
cockpit.run(95)
cockpit"""


def cockpit(path: Path) -> None:
    """A run of 425 steps with two changed settings, 1,332 px wide."""
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from conftest import FLAGS, chromium
    from notebook_page import NotebookPage, Server
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        with Server(Path(folder), options=("--LabApp.expose_app_in_browser=True",)) as server:
            notebook = NotebookPage(browser, server, width=1500, height=1200).open([CELL])
            notebook.run_all(120)
            widget = notebook.widget(".tk-cockpit")
            notebook.wait(widget, "Number(widget.dataset.drawn) > 0")
            notebook.page.wait_for_timeout(1000)  # for the pictures
            widget.screenshot(path=path)
            notebook.shut_down()
        browser.close()
    with Image.open(path) as image:
        image.convert("RGB").quantize(256).save(path, optimize=True)


def detections(path: Path) -> None:
    """Twelve test pictures."""
    model, classes = recorded.detector("shapes")
    batch = next(iter(tk.load_data("shapes", split="test", batch_size=12, device="cpu")))
    found = model.detect(batch.images)
    path.write_bytes(
        detection_grid(batch.images, found, classes, batch.ground_truth, title="found: solid, true: dashed").jpeg()
    )


if __name__ == "__main__":
    cockpit(PICTURES / "cockpit.png")
    detections(PICTURES / "detections.jpg")
