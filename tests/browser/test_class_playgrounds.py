"""The confidence and the assigner playground in a real browser."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\nconfidence = tk.ConfidencePlayground()\nconfidence",
    "assigner = tk.AssignerPlayground()\nassigner",
]
CONTROLS = {"confidence": "score", "assigner": "beta"}


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1000)
    page.open(CELLS, "class.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture(params=CONTROLS)
def widget(notebook, request):
    one = notebook.widget(f".tk-{request.param}")
    notebook.wait(one, "widget.dataset.drawn > 0")
    one.scroll_into_view_if_needed()
    one.get_by_role("button", name="Reset", exact=True).click()
    one.control = CONTROLS[request.param]
    return one


def test_it_appears_and_answers_mouse_and_keys(notebook, widget):
    canvas, control = widget.locator("canvas.tk-canvas").first, widget.locator(f"[data-control={widget.control}]")
    notebook.page.wait_for_timeout(300)
    assert not is_blank(pixels(canvas))
    before = pixels(canvas)
    box = control.bounding_box()
    notebook.page.mouse.click(box["x"] + 0.15 * box["width"], box["y"] + box["height"] / 2)
    drawn = int(widget.get_attribute("data-drawn"))
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, f"Number(widget.dataset.drawn) > {drawn}")
    notebook.page.wait_for_timeout(150)
    assert (pixels(canvas) != before).mean() > 1e-3
    assert notebook.errors == []


def test_a_click_on_an_object_chooses_it(notebook):
    one = notebook.widget(".tk-assigner")
    one.locator("[data-control=object]").select_option("2")
    notebook.wait(one, "widget.dataset.object === '2'")
    label = one.locator("canvas.tk-canvas").first
    spot = label.evaluate(
        """canvas => { const box = canvas.getBoundingClientRect(); return [box.width, box.height]; }"""
    )
    first = [float(side) for side in notebook.execute("print(*assigner.truth.boxes[0, 0].tolist())").split()]
    scale = min(spot[0], spot[1]) / 128
    at = [
        (first[0] + first[2]) / 2 * scale + (spot[0] - 128 * scale) / 2,
        (first[1] + 4) * scale + (spot[1] - 128 * scale) / 2,
    ]
    label.click(position={"x": at[0], "y": at[1]})
    notebook.wait(one, "widget.dataset.object === '1'")


def test_a_drag_in_the_curve_moves_the_confidence(notebook):
    one = notebook.widget(".tk-confidence")
    one.scroll_into_view_if_needed()
    canvas = one.locator("canvas.tk-canvas").first
    box = canvas.bounding_box()
    notebook.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=3)
    notebook.page.mouse.up()
    notebook.wait(one, "Number(widget.dataset.score) > 0.8")


def test_keys_stay_in_the_widget_and_nonsense_is_refused(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
    widget.locator(f"[data-control={widget.control}]").focus()
    for key in "dd":  # would delete the cell; a "b" before it would make up for that
        notebook.page.keyboard.press(key)
    assert notebook.page.evaluate(cells) == before
    field = widget.locator(f"[data-control={widget.control}-field]")
    field.fill("<i>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<i>" in widget.locator(".tk-message").inner_text()


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, select, td, th, input')]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent || one.value)""")
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-chart, table')]
        .map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])""")
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
    assert cut == []
    left, top, right, bottom = np.array(boxes).T
    overlap_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((overlap_x > 1) & (overlap_y > 1) & ~np.eye(len(boxes), dtype=bool)).any()


def test_it_answers_quickly(notebook, widget):
    times = [
        notebook.page.evaluate(MOVE, [widget.element_handle(), widget.control, 20 * move + 5]) for move in range(30)
    ]
    print(widget.control, [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(times) <= 300
