"""The hidden edge playground in a real browser."""

import json

import pytest
from notebook_page import FRAME, is_blank, pixels, wait_for_change
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\nplayground = tk.HiddenEdgePlayground()\nplayground"
]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-hidden-edge")
    notebook.wait(one, "widget.dataset.x")
    notebook.execute("playground.set(object=next(iter(playground.objects)))\nplayground.set(size=40, x=20, y=20)")
    notebook.wait(one, "widget.dataset.x === '20' && widget.dataset.y === '20'")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    notebook.page.evaluate(FRAME)
    assert not is_blank(pixels(widget.locator("canvas.tk-canvas").first))


def test_the_ball_is_dragged_and_the_belief_follows(notebook, widget):
    canvas, spread = widget.locator("canvas.tk-canvas").first, float(widget.get_attribute("data-spread"))
    before = pixels(canvas)
    truth = json.loads(notebook.execute("print(playground.object.box.tolist())"))
    box = widget.locator("[data-control=ball]").bounding_box()
    scale = min(box["width"], box["height"]) / 128
    left, top = (box["x"] + (box["width"] - 128 * scale) / 2, box["y"] + (box["height"] - 128 * scale) / 2)
    notebook.page.mouse.move(left + 20 * scale, top + 20 * scale)
    notebook.page.mouse.down()
    notebook.page.mouse.move(left + truth[0] * scale, top + (truth[1] + truth[3]) / 2 * scale, steps=5)
    notebook.page.mouse.up()
    notebook.wait(widget, f"Math.abs(widget.dataset.x - {truth[0]}) <= 2 && widget.dataset.spread > {1.5 * spread}")
    wait_for_change(canvas, before, 1e-2)
    assert widget.locator("tr[data-wider=true]").count() > 0


def test_arrow_keys_move_the_ball_and_shift_moves_it_farther(notebook, widget):
    ball = widget.locator("[data-control=ball]")
    ball.focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.x === '22'")
    notebook.page.keyboard.press("Shift+ArrowDown")
    notebook.wait(widget, "widget.dataset.y === '28'")
    assert "score" in ball.get_attribute("aria-label")


def test_another_object_comes_with_the_ball_beside_it_and_nonsense_is_refused(notebook, widget):
    widget.locator("[data-control=object]").select_option(index=1)
    notebook.wait(widget, "widget.dataset.object.startsWith('2')")
    assert "blurs no side" in widget.locator(".tk-said").inner_text()
    assert_refused(notebook, widget, "size-field")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "ball", "size", "object")
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "size"))
