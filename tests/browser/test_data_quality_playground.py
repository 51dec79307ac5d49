import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk", "playground = tk.DataQualityPlayground()\nplayground"]
KNOBS = ("loose_boxes", "missing_boxes", "wrong_labels", "imbalance")


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-data-quality")
    notebook.wait(one, "Number(widget.dataset.drawn) > 0")
    one.get_by_role("button", name="Reset", exact=True).click()
    notebook.wait(one, "[...widget.querySelectorAll('.tk-slider')].every(slider => slider.dataset.value === '0')")
    return one


def test_it_appears_and_answers_the_keyboard(notebook, widget):
    assert not is_blank(pixels(widget.locator(".tk-gallery canvas")))
    before = widget.get_attribute("data-count")
    widget.locator("[data-control=missing_boxes]").focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "Number(widget.dataset.count) === 0")
    widget.get_by_role("button", name="Reset", exact=True).click()
    notebook.wait(widget, f"widget.dataset.count === '{before}'")


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_dragged_by_mouse_changes_the_pictures(notebook, widget, knob):
    slider, gallery = widget.locator(f"[data-control={knob}]"), widget.locator(".tk-gallery canvas")
    before, box = pixels(gallery), slider.bounding_box()
    notebook.page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)  # on its thumb
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2, steps=6)
    notebook.page.mouse.up()
    notebook.answered()
    shown = float(widget.locator(f"[data-control={knob}-field]").input_value())
    assert shown == pytest.approx(0.7, abs=0.05)
    assert float(notebook.execute(f"print(playground.values[{knob!r}])")) == shown
    assert (pixels(gallery) != before).mean() > 1e-3


@pytest.mark.parametrize("width", [1280, 1920, 600])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_keys_stay_in_the_widget_nonsense_is_refused_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, *KNOBS)
    assert_refused(notebook, widget, "imbalance-field")
    assert_named(widget)


@pytest.mark.parametrize("knob", KNOBS)
def test_it_answers_quickly(notebook, widget, knob):
    assert_prompt(knob, moves(notebook, widget, knob))
