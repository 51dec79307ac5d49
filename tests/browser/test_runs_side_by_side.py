"""Runs side by side in a real browser."""

import statistics

import numpy as np
import pytest
from notebook_page import MOVE, is_blank, pixels

pytestmark = pytest.mark.browser
CELLS = [
    "import teachkit as tk",
    "tk.RunsSideBySide('few_pictures_0', 'many_pictures_0', names=['<i>few</i>', 'many'])",
]


@pytest.fixture(scope="module")
def notebook(browser, server):
    from notebook_page import NotebookPage

    page = NotebookPage(browser, server, width=1280, height=1300)
    page.open(CELLS, "runs.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-runs")
    notebook.wait(one, "widget.dataset.step")
    return one


def test_every_part_appears_and_a_name_stays_text(notebook, widget):
    for canvas in widget.locator("canvas.tk-canvas").all():
        assert not is_blank(pixels(canvas))
    assert widget.locator(".tk-panel").count() == 4
    assert widget.locator("i").count() == 0
    assert "1000" in widget.locator("[data-table=differences]").inner_text()
    assert notebook.errors == []


def test_the_step_is_moved_by_slider_and_keys_and_boxes_follow(notebook, widget):
    before = pixels(widget.locator(".tk-pictures[data-run='1'] canvas.tk-canvas"))
    took = [notebook.page.evaluate(MOVE, [widget.element_handle(), "step", place]) for place in range(0, 900, 60)]
    print(f"slider to pixels: median {statistics.median(took):.0f} ms, largest {max(took):.0f} ms")
    assert statistics.median(took) < 300
    assert (pixels(widget.locator(".tk-pictures[data-run='1'] canvas.tk-canvas")) != before).any()
    slider = widget.locator("[data-control=step]")
    slider.focus()
    now = int(widget.get_attribute("data-step"))
    for _ in range(6):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait(widget, f"Number(widget.dataset.step) < {now}")
    cells = notebook.page.locator(".jp-Cell").count()
    notebook.page.keyboard.press("d")
    notebook.page.keyboard.press("d")
    assert notebook.page.locator(".jp-Cell").count() == cells


def test_another_loss_and_score_are_drawn_and_told(notebook, widget):
    panel = widget.locator("[data-panel=validation]")
    before, told = (
        pixels(panel.locator("canvas")),
        widget.locator("[data-run='0'] [data-number=validation]").inner_text(),
    )
    widget.locator("[data-control=loss]").select_option("cls")
    widget.locator("[data-control=score]").select_option("map")
    notebook.wait(widget, "widget.dataset.loss === 'cls' && widget.dataset.score === 'map'")
    notebook.wait(widget, f"widget.querySelector('[data-run=\"0\"] [data-number=validation]').textContent !== '{told}'")
    assert "class loss" in panel.inner_text()
    after = pixels(panel.locator("canvas"))
    assert after.shape != before.shape or (after != before).any()


@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1300})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, td, th, .tk-note, select')]
        .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
        .map(one => one.textContent)""")
    assert cut == []
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll('.tk-chart, .tk-slider, select, .tk-tables > div')]
        .map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])""")
    left, top, right, bottom = np.array(boxes).T
    over_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    over_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((over_x > 1) & (over_y > 1) & ~np.eye(len(boxes), dtype=bool)).any()
    notebook.page.set_viewport_size({"width": 1280, "height": 1300})
