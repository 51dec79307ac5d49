"""The DFL playground in a real browser: mouse, finger, keyboard, and how fast it answers."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.DFLPlayground()\nplayground"]
# [widget, x, y] → presses the grip, drags it → milliseconds until the drawing has it, until the numbers have it
DRAG = """async ([widget, share]) => {
    const grip = widget.querySelector('[data-control=grip]'), box = grip.getBoundingClientRect();
    const before = Number(widget.dataset.ack), started = performance.now();
    const at = { clientX: box.left + share * box.width, clientY: box.top + 8, pointerId: 1, bubbles: true };
    grip.setPointerCapture = () => {};
    grip.hasPointerCapture = () => true;
    grip.dispatchEvent(new PointerEvent('pointermove', at));
    const drawn = performance.now() - started;
    while (Number(widget.dataset.ack) <= before) {
        if (performance.now() - started > 5000) throw new Error('no answer within 5 s');
        await new Promise(requestAnimationFrame);
    }
    await new Promise(requestAnimationFrame);
    return [drawn, performance.now() - started];
}"""


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1000)
    page.open(CELLS, "dfl.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-dfl")
    notebook.wait(one, "widget.dataset.loss")
    notebook.execute("playground.set(place=4.3, shape='untrained', k=4)")
    notebook.wait(one, "widget.dataset.place === '4.3' && widget.dataset.shape === 'untrained'")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator("canvas").first))
    assert widget.locator("[data-number=floor]").inner_text() == "0.611"
    assert notebook.errors == []


def test_the_edge_is_dragged_by_mouse_and_by_finger(notebook, widget):
    grip = widget.locator("[data-control=grip]")
    box = grip.bounding_box()
    before = pixels(widget.locator("canvas").first)
    notebook.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 8)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.96 * box["width"], box["y"] + 8, steps=6)
    notebook.page.mouse.up()
    notebook.wait(widget, "Number(widget.dataset.place) > 17")
    assert "14.99" in widget.locator(".tk-said").inner_text()
    assert (pixels(widget.locator("canvas").first) != before).mean() > 1e-3
    assert grip.evaluate("node => getComputedStyle(node).touchAction") == "none"
    notebook.page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 8)
    notebook.page.mouse.down()
    notebook.page.mouse.up()
    notebook.wait(widget, "Number(widget.dataset.place) < -1")
    assert "other side" in widget.locator(".tk-said").inner_text()


def test_the_edge_is_moved_by_keys(notebook, widget):
    widget.locator("[data-control=grip]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.place === '4.4'")
    notebook.page.keyboard.press("PageUp")
    notebook.wait(widget, "widget.dataset.place === '5.4'")
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "widget.dataset.place === '18'")


def test_a_bar_is_drawn_by_mouse_and_by_keys(notebook, widget):
    bar = widget.locator("[data-control=bin-9]")
    box = bar.bounding_box()
    notebook.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 0.3 * box["height"])
    notebook.wait(widget, "widget.dataset.shape === 'hand'")
    first = float(notebook.execute("print(float(playground.shares[9]))"))
    assert first > 0.4
    answered = int(widget.get_attribute("data-ack"))
    notebook.page.keyboard.press("ArrowUp")
    notebook.wait(widget, f"Number(widget.dataset.ack) > {answered}")
    assert float(notebook.execute("print(float(playground.shares[9]))")) == pytest.approx(first + 0.05, abs=0.01)
    notebook.page.keyboard.press("ArrowRight")
    assert widget.evaluate("widget => document.activeElement.dataset.control") == "bin-10"
    assert float(bar.get_attribute("aria-valuenow")) > first


def test_slider_menu_and_field_answer_and_nonsense_is_refused(notebook, widget):
    widget.locator("[data-control=shape]").select_option("two")
    notebook.wait(widget, "widget.dataset.shape === 'two'")
    widget.locator("[data-control=place]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.place !== '4.3'")
    field = widget.locator("[data-control=place-field]")
    field.fill("<b>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<b>" in widget.locator(".tk-message").inner_text()
    field.fill("7.5")
    field.press("Enter")
    notebook.wait(widget, "widget.dataset.place === '7.5'")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    for control in ("grip", "bin-0", "place", "k"):
        notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        widget.locator(f"[data-control={control}]").focus()
        for key in "bdd":  # a new cell below; delete this cell
            notebook.page.keyboard.press(key)
            assert notebook.page.evaluate(cells) == before, (control, key)  # after each: "b" and "d d" would cancel out
    nameless = widget.evaluate("""widget => [...widget.querySelectorAll('input, select, button, canvas, [role]')]
        .filter(one => one.role !== 'status' && !(one.ariaLabel || one.labels?.[0]?.textContent || one.textContent))
        .map(one => one.outerHTML)""")
    assert nameless == []
    assert widget.locator("[aria-live=polite]").inner_text()


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    cut = widget.evaluate("""widget => [...widget.querySelectorAll('button, label, h2, select, td, th, input')]
        .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline')
        .map(one => one.textContent || one.value)""")
    boxes = widget.evaluate("""widget => [...widget.querySelectorAll(
        'button, label, .tk-field, select, input[type=range], .tk-chart, table, .tk-said')]
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
    slid = [notebook.page.evaluate(MOVE, [widget.element_handle(), "place", 200 + 9 * move]) for move in range(40)]
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 0.2 + 0.01 * move]) for move in range(40)]
    under_hand, numbers = np.array(dragged).T
    for name, times in (("slider", slid), ("under the hand", under_hand), ("its numbers", numbers)):
        print(name, [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(slid) <= 300
    assert np.median(numbers) <= 300
    assert np.median(under_hand) <= 60
