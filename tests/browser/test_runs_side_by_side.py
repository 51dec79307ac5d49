"""Runs side by side in a real browser."""

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_prompt, assert_tidy, moves

pytestmark = pytest.mark.browser
CELLS = [
    "import teachkit as tk",
    "tk.RunsSideBySide('few_pictures_0', 'many_pictures_0', names=['<i>few</i>', 'many'])",
]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-runs")
    notebook.wait(one, "widget.dataset.step")
    return one


def test_every_part_appears_and_a_name_stays_text(notebook, widget):
    for canvas in widget.locator("canvas.tk-canvas").all():
        assert not is_blank(pixels(canvas))
    assert widget.locator(".tk-panel").count() == 4
    assert widget.locator("i").count() == 0
    assert "1000" in widget.locator("[data-table=differences]").inner_text()


def test_the_step_is_moved_by_slider_and_keys_and_boxes_follow(notebook, widget):
    before = pixels(widget.locator(".tk-pictures[data-run='1'] canvas.tk-canvas"))
    assert_prompt("slider to pixels", moves(notebook, widget, "step", 600))
    assert (pixels(widget.locator(".tk-pictures[data-run='1'] canvas.tk-canvas")) != before).any()
    slider = widget.locator("[data-control=step]")
    slider.focus()
    now = int(widget.get_attribute("data-step"))
    for _ in range(6):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.wait(widget, f"Number(widget.dataset.step) < {now}")
    assert_keys_stay(notebook, widget, "step", "loss", "score")


def test_another_loss_and_score_are_drawn_and_told(notebook, widget):
    panel = widget.locator("[data-panel=validation]")
    before, told = (
        pixels(panel.locator("canvas")),
        widget.locator("[data-run='0'] [data-number=validation]").inner_text(),
    )
    widget.locator("[data-control=loss]").select_option("cls")
    widget.locator("[data-control=score]").select_option("map")
    notebook.wait(widget, "widget.dataset.loss === 'cls' && widget.dataset.score === 'map'")
    notebook.wait(widget, f"widget.querySelector('[data-run=\"0\"] [data-number=validation]').textContent !== '{told}'")
    assert "class loss" in panel.inner_text()
    after = pixels(panel.locator("canvas"))
    assert after.shape != before.shape or (after != before).any()


@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)
