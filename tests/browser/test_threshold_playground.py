"""The threshold playground in a real browser."""

import pytest
from notebook_page import is_blank, pixels, wait_for_change
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\n"
    "playground = tk.ThresholdPlayground(nms=True)\nplayground"
]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-threshold")
    notebook.wait(one, "widget.dataset.shown")
    notebook.execute("playground.set(threshold=0.25, overlap=0.7, model='trained')")
    notebook.wait(one, "widget.dataset.threshold === '0.25' && widget.dataset.model === 'trained'")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator("canvas").first))


def test_the_slider_moves_by_mouse_and_by_keys(notebook, widget):
    canvas, threshold = widget.locator("canvas").first, widget.locator("[data-control=threshold]")
    before, shown = pixels(canvas), int(widget.get_attribute("data-shown"))
    box = threshold.bounding_box()
    notebook.page.mouse.click(box["x"] + 0.02 * box["width"], box["y"] + box["height"] / 2)
    notebook.wait(widget, f"Number(widget.dataset.shown) > {shown}")
    wait_for_change(canvas, before)
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
    assert_refused(notebook, widget, "threshold-field")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "threshold", "overlap", "model")
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "threshold"))
