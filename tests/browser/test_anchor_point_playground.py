"""The anchor point playground in a real browser."""

import pytest
from notebook_page import FRAME, is_blank, pixels, wait_for_change
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\nplayground = tk.AnchorPointPlayground()\nplayground"
]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-anchor-point")
    notebook.wait(one, "widget.dataset.x")
    notebook.execute("playground.set(x=60, y=60, stride='8', model='trained', channel=3)")
    notebook.wait(one, "widget.dataset.x === '60' && widget.dataset.stride === '8'")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    notebook.page.evaluate(FRAME)
    assert [is_blank(pixels(one)) for one in widget.locator("canvas").all()] == [False] * 3


def test_a_click_moves_the_point_to_the_middle_of_its_cell(notebook, widget):
    before = pixels(widget.locator("canvas").first)
    box = widget.locator("[data-control=point]").bounding_box()
    side = min(box["width"], box["height"])  # the picture is square and lies in the middle
    notebook.page.mouse.click(box["x"] + box["width"] / 2 + 0.28 * side, box["y"] + box["height"] / 2 + 0.03 * side)
    notebook.wait(widget, "widget.dataset.x === '100' && widget.dataset.y === '68'")
    wait_for_change(widget.locator("canvas").first, before)


def test_arrow_keys_move_it_by_a_stride_and_no_further_than_the_picture(notebook, widget):
    point = widget.locator("[data-control=point]")
    point.focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "widget.dataset.x === '68'")
    notebook.page.keyboard.press("ArrowUp")
    notebook.wait(widget, "widget.dataset.y === '52'")
    assert "Anchor point (68, 52)" in point.get_attribute("aria-label")
    for _ in range(20):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait(widget, "widget.dataset.x === '4'")


def test_menus_and_slider_answer_and_nonsense_is_refused(notebook, widget):
    widget.locator("[data-control=stride]").select_option("16")
    notebook.wait(widget, "widget.dataset.stride === '16' && widget.dataset.x !== '60'")
    widget.locator("[data-control=model]").select_option("untrained")
    notebook.wait(widget, "widget.dataset.model === 'untrained'")
    assert "0.01" in widget.locator("[data-number=score-0]").inner_text()
    before = pixels(widget.locator(".tk-map canvas"))
    widget.locator("[data-control=channel]").focus()
    notebook.page.keyboard.press("End")
    wait_for_change(widget.locator(".tk-map canvas"), before)
    assert_refused(notebook, widget, "channel-field")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "point", "channel", "model")
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "channel"))
