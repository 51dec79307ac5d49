"""The confidence and the assigner playground in a real browser."""

import pytest
from notebook_page import is_blank, pixels, wait_for_change
from tidy import assert_keys_stay, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\nconfidence = tk.ConfidencePlayground()\nconfidence",
    "assigner = tk.AssignerPlayground()\nassigner",
]
CONTROLS = {"confidence": "score", "assigner": "beta"}


@pytest.fixture(scope="module", params=CONTROLS)
def name(request):
    """All that is looked at of one comes in one go: to scroll to another draws the notebook anew."""
    return request.param


@pytest.fixture
def widget(notebook, name):
    one = notebook.widget(f".tk-{name}")
    notebook.wait(one, "widget.dataset.drawn > 0")
    one.scroll_into_view_if_needed()
    notebook.reset(one)
    one.control = CONTROLS[name]
    return one


def test_it_appears_and_answers_mouse_and_keys(notebook, widget):
    canvas, control = widget.locator("canvas.tk-canvas").first, widget.locator(f"[data-control={widget.control}]")
    assert not is_blank(pixels(canvas))
    before = pixels(canvas)
    box = control.bounding_box()
    notebook.page.mouse.click(box["x"] + 0.15 * box["width"], box["y"] + box["height"] / 2)
    drawn = int(widget.get_attribute("data-drawn"))
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, f"Number(widget.dataset.drawn) > {drawn}")
    wait_for_change(canvas, before)


def test_each_press_of_a_key_is_one_whole_number(notebook):
    one = notebook.widget(".tk-assigner")
    one.get_by_role("button", name="Reset", exact=True).click()
    one.locator("[data-control=topk]").focus()
    for _ in range(5):
        notebook.page.keyboard.press("ArrowRight")
    notebook.wait(one, "widget.dataset.topk === '15'")


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
    assert_keys_stay(notebook, widget, widget.control)
    assert_refused(notebook, widget, f"{widget.control}-field")


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt(widget.control, moves(notebook, widget, widget.control))
