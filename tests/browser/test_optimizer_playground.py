"""The optimizer playground in a real browser: the start by mouse, finger and keys; sliders, menu, hidden paths."""

import numpy as np
import pytest
from notebook_page import MOVE, NotebookPage, is_blank, pixels
from tidy import assert_tidy

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.OptimizerPlayground()\nplayground"]
# [widget, share] → drags the start → milliseconds until it is drawn there, until the paths have followed
DRAG = """async ([widget, share]) => {
    const grip = widget.querySelector('[data-control=start]'), box = grip.getBoundingClientRect();
    const before = Number(widget.dataset.ack), started = performance.now();
    grip.setPointerCapture = () => {};
    grip.hasPointerCapture = () => true;
    grip.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + share * box.width,
        clientY: box.top + 0.2 * box.height, pointerId: 1, bubbles: true }));
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
    page.open(CELLS, "optimizer.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-optimizer")
    notebook.wait(one, "widget.dataset.sgd")
    notebook.execute("playground.set(surface='bowl', x=-3.5, y=1.2, lr=0.05, steps=60)")
    notebook.wait(one, "widget.dataset.x === '-3.5' && widget.dataset.lr === '0.05'")
    return one


def test_it_appears_with_the_surface_and_is_not_blank(notebook, widget):
    picture = pixels(widget.locator("canvas.tk-canvas").first)
    assert not is_blank(picture)
    middle = picture[picture.shape[0] // 3, picture.shape[1] // 2].astype(int)
    assert middle[2] > middle[0] + 10  # the bluish surface is there, not white paper
    assert notebook.errors == []


def test_the_start_is_put_down_by_mouse_and_by_finger(notebook, widget):
    grip = widget.locator("[data-control=start]")
    box = grip.bounding_box()
    before = pixels(widget.locator("canvas.tk-canvas").first)
    notebook.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"], steps=5)
    notebook.page.mouse.up()
    notebook.wait(widget, "Math.abs(Number(widget.dataset.x) - 2) < 0.1 && Math.abs(widget.dataset.y - 0.8) < 0.1")
    assert (pixels(widget.locator("canvas.tk-canvas").first) != before).mean() > 1e-3
    assert grip.evaluate("node => getComputedStyle(node).touchAction") == "none"


def test_the_start_and_a_slider_are_moved_by_keys_that_do_not_leak(notebook, widget):
    cells = notebook.page.locator(".jp-CodeCell").count()
    widget.locator("[data-control=start]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.x === '-3.4'")
    notebook.page.keyboard.press("ArrowDown")
    notebook.wait(widget, "widget.dataset.y === '1.1'")
    widget.locator("[data-control=lr]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "Number(widget.dataset.lr) > 0.05")
    for _ in range(2):
        notebook.page.keyboard.press("d")
    notebook.page.wait_for_timeout(150)
    assert notebook.page.locator(".jp-CodeCell").count() == cells


def test_menu_field_and_toggles_answer_divergence_is_told_and_nonsense_refused(notebook, widget):
    field = widget.locator("[data-control=lr-field]")
    field.fill("<b>")
    field.press("Enter")
    notebook.wait(widget, "!widget.querySelector('.tk-message').hidden")
    assert "<b>" in widget.locator(".tk-message").inner_text()
    field.fill("0.3")
    field.press("Enter")
    notebook.wait(widget, "widget.dataset.sgd === 'diverged'")
    assert "gone" in widget.locator("[data-number=sgd-loss]").inner_text()
    toggle = widget.locator("[data-control=rule-adam]")
    before = pixels(widget.locator("canvas.tk-canvas").first)
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "false"
    assert (pixels(widget.locator("canvas.tk-canvas").first) != before).any()
    toggle.click()
    widget.locator("[data-control=surface]").select_option("saddle")
    notebook.wait(widget, "widget.dataset.surface === 'saddle' && widget.dataset.x === '-2.5'")


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1000})
    notebook.page.wait_for_timeout(200)
    assert_tidy(widget, 14)


def test_it_answers_quickly(notebook, widget):
    notebook.page.set_viewport_size({"width": 1280, "height": 1000})
    slid = [notebook.page.evaluate(MOVE, [widget.element_handle(), "lr", 200 + 9 * move]) for move in range(40)]
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 0.2 + 0.01 * move]) for move in range(40)]
    under_hand, paths = np.array(dragged).T
    for name, times in (("slider", slid), ("under the hand", under_hand), ("its paths", paths)):
        print(name, [round(float(np.percentile(times, share)), 1) for share in (50, 95)], "ms, median and p95")
    assert np.median(slid) <= 300
    assert np.median(paths) <= 300
    assert np.median(under_hand) <= 60
