"""The threshold playground in a real browser."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\n"
    "playground = tk.ThresholdPlayground(nms=True)\nplayground"
]


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1000)
    page.open(CELLS, "threshold.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-threshold")
    notebook.wait(one, "widget.dataset.shown")
    notebook.execute("playground.set(threshold=0.25, overlap=0.7, model='trained')")
    notebook.wait(one, "widget.dataset.threshold === '0.25' && widget.dataset.model === 'trained'")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator("canvas").first))
    assert notebook.errors == []


def test_the_slider_moves_by_mouse_and_by_keys(notebook, widget):
    canvas, threshold = widget.locator("canvas").first, widget.locator("[data-control=threshold]")
    before, shown = pixels(canvas), int(widget.get_attribute("data-shown"))
    box = threshold.bounding_box()
    notebook.page.mouse.click(box["x"] + 0.02 * box["width"], box["y"] + box["height"] / 2)
    notebook.wait(widget, f"Number(widget.dataset.shown) > {shown}")
    notebook.page.wait_for_timeout(100)
    assert (pixels(canvas) != before).mean() > 1e-3
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "widget.dataset.shown === '0'")
    notebook.page.keyboard.press("ArrowLeft")
    notebook.wait(widget, "Number(widget.dataset.threshold) < 1")


def test_overlap_and_menu_answer_and_nonsense_is_refused(notebook, widget):
    shown = int(widget.get_attribute("data-shown"))
    widget.locator("[data-control=overlap]").focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, f"Number(widget.dataset.shown) > {shown}")
    widget.locator("[data-control=model]").select_option("untrained")
    notebook.wait(widget, "widget.dataset.model === 'untrained' && widget.dataset.shown === '0'")
    field = widget.locator("[data-control=threshold-field]")
    field.fill("<i>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<i>" in widget.locator(".tk-message").inner_text()


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    for control in ("threshold", "overlap", "model"):
        notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        widget.locator(f"[data-control={control}]").focus()
        for key in "bdd":
            notebook.page.keyboard.press(key)
            assert notebook.page.evaluate(cells) == before, (control, key)  # after each: "b" and "d d" would cancel out
    nameless = widget.evaluate("""widget => [...widget.querySelectorAll('input, select, button, canvas')]
        .filter(one => !(one.ariaLabel || one.labels?.[0]?.textContent || one.textContent))
        .map(one => one.outerHTML)""")
    assert nameless == []


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, select, td, th, input')]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent || one.value)""")
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-chart, table')]
        .map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])""")
    size = widget.locator(".tk-controls").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
    assert cut == []
    left, top, right, bottom = np.array(boxes).T
    overlap_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((overlap_x > 1) & (overlap_y > 1) & ~np.eye(len(boxes), dtype=bool)).any()
    assert size >= 14


def test_it_answers_quickly(notebook, widget):
    times = [notebook.page.evaluate(MOVE, [widget.element_handle(), "threshold", 11 * move]) for move in range(40)]
    print("slider", [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(times) <= 300
