"""The optimizer playground in a real browser: the start by mouse, finger and keys; sliders, menu, hidden paths."""

import pytest
from notebook_page import is_blank, pixels
from tidy import MOVES, assert_keys_stay, assert_prompt, assert_refused, assert_tidy, moves

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
    widget.locator("[data-control=start]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.x === '-3.4'")
    notebook.page.keyboard.press("ArrowDown")
    notebook.wait(widget, "widget.dataset.y === '1.1'")
    widget.locator("[data-control=lr]").focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "Number(widget.dataset.lr) > 0.05")
    assert_keys_stay(notebook, widget, "start", "lr", "surface")


def test_menu_field_and_toggles_answer_divergence_is_told_and_nonsense_refused(notebook, widget):
    assert_refused(notebook, widget, "lr-field")
    field = widget.locator("[data-control=lr-field]")
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
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "lr"))
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 0.2 + 0.03 * move]) for move in range(MOVES)]
    under_hand, paths = zip(*dragged, strict=True)
    assert_prompt("under the hand", under_hand, 60)
    assert_prompt("its paths", paths)
