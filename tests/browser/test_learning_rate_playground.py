"""The learning-rate playground in a real browser: three runs side by side, the range test, mouse and keys."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.LearningRatePlayground()\nplayground"]


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1000)
    page.open(CELLS, "rates.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-rates")
    notebook.wait(one, "widget.dataset.state")
    notebook.execute("playground.stop(); playground.set(factor=100, optimizer='adamw', schedule='constant')")
    notebook.wait(one, "widget.dataset.factor === '100' && widget.dataset.step === '0'")
    return one


def test_start_by_mouse_pause_by_keys_and_the_curves_grow(notebook, widget):
    canvas = widget.locator("canvas[data-points]").first
    before = pixels(canvas)
    widget.locator("[data-control=start]").click()
    notebook.wait(widget, "Number(widget.dataset.step) >= 12")
    widget.locator("[data-control=start]").focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait(widget, "widget.dataset.state === 'paused'")
    assert not is_blank(pixels(canvas))
    assert (pixels(canvas) != before).mean() > 1e-3
    assert "finds" in widget.locator(".tk-lane-picture").nth(1).inner_text()
    assert notebook.errors == []


def test_the_range_test_draws_its_curves(notebook, widget):
    widget.locator("[data-control=test]").click()
    notebook.wait(widget, "Number(widget.dataset.tested) > 50 && widget.dataset.state !== 'testing'", timeout=60)
    assert "a tenth is" in widget.locator(".tk-test").inner_text()
    assert not is_blank(pixels(widget.locator(".tk-test canvas")))


def test_settings_answer_mouse_and_keys_and_nonsense_is_refused(notebook, widget):
    widget.locator("[data-control=factor]").focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "widget.dataset.factor === '1000'")
    widget.locator("[data-control=optimizer]").select_option("sgd")
    notebook.wait(widget, "widget.dataset.optimizer === 'sgd'")
    widget.locator("[data-control=schedule]").select_option("cosine")
    notebook.wait(widget, "widget.dataset.schedule === 'cosine'")
    field = widget.locator("[data-control=factor-field]")
    field.fill("<b>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<b>" in widget.locator(".tk-message").inner_text()
    widget.locator("[data-control=reset]").click()
    notebook.wait(widget, "widget.dataset.factor === '100' && widget.dataset.optimizer === 'adamw'")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    for control in ("factor", "start"):
        notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        widget.locator(f"[data-control={control}]").focus()
        for key in "dd":  # would delete the cell; a "b" before it would make up for that
            notebook.page.keyboard.press(key)
        assert notebook.page.evaluate(cells) == before
    nameless = widget.evaluate("""widget => [...widget.querySelectorAll('input, select, button, canvas, [role]')]
        .filter(one => !['status'].includes(one.role) && one.getAttribute('aria-hidden') !== 'true'
            && !(one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)).map(one => one.outerHTML)""")
    assert nameless == []


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, select, input, figcaption')]
        .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
        .map(one => one.textContent || one.value)""")
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-chart')]
        .map(one => one.getBoundingClientRect()).map(box => [box.left, box.top, box.right, box.bottom])""")
    size = widget.locator(".tk-lead").evaluate("node => parseFloat(getComputedStyle(node).fontSize)")
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
    assert cut == []
    left, top, right, bottom = np.array(boxes).T
    overlap_x = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    overlap_y = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    assert not ((overlap_x > 1) & (overlap_y > 1) & ~np.eye(len(boxes), dtype=bool)).any()
    assert size >= 14


def test_the_slider_answers_quickly(notebook, widget):
    times = [notebook.page.evaluate(MOVE, [widget.element_handle(), "factor", 200 + 9 * move]) for move in range(30)]
    print("slider", [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(times) <= 300
