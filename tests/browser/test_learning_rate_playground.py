"""The learning-rate playground in a real browser: three runs side by side, the range test, mouse and keys."""

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.LearningRatePlayground()\nplayground"]


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
    assert "F1" in widget.locator(".tk-lane-picture").nth(1).inner_text()


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
    assert_refused(notebook, widget, "factor-field")
    widget.locator("[data-control=reset]").click()
    notebook.wait(widget, "widget.dataset.factor === '100' && widget.dataset.optimizer === 'adamw'")


def test_keys_stay_in_the_widget_and_every_control_has_a_name(notebook, widget):
    assert_keys_stay(notebook, widget, "factor", "start")
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_the_slider_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "factor"))
