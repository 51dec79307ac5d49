"""The DFL playground in a real browser: mouse, finger, keyboard, and how fast it answers."""

import pytest
from notebook_page import is_blank, pixels
from tidy import MOVES, assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

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
    assert_refused(notebook, widget, "place-field")
    field = widget.locator("[data-control=place-field]")
    field.fill("7.5")
    field.press("Enter")
    notebook.wait(widget, "widget.dataset.place === '7.5'")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "grip", "bin-0", "place", "k")
    assert_named(widget)
    assert widget.locator("[aria-live=polite]").inner_text()


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "place"))
    dragged = [notebook.page.evaluate(DRAG, [widget.element_handle(), 0.2 + 0.03 * move]) for move in range(MOVES)]
    under_hand, numbers = zip(*dragged, strict=True)
    assert_prompt("under the hand", under_hand, 60)
    assert_prompt("its numbers", numbers)
