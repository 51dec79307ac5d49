"""The loss weights playground in a real browser: the raw losses stay while three sliders move."""

import pytest
from notebook_page import FRAME, is_blank, pixels
from tidy import assert_keys_stay, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk\nplayground = tk.LossWeightsPlayground()\nplayground"]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-weights")
    notebook.wait(one, "widget.dataset.total")
    notebook.execute("playground.set(model='trained', box=7.5, cls=0.5, dfl=1.5)")
    notebook.wait(one, "widget.dataset.box === '7.5' && widget.dataset.cls === '0.5' && widget.dataset.dfl === '1.5'")
    notebook.wait(one, "widget.dataset.model === 'trained'")
    return one


def test_it_appears_and_no_panel_is_blank(notebook, widget):
    assert widget.locator("canvas.tk-canvas").count() == 3
    for panel in widget.locator("canvas.tk-canvas").all():
        assert not is_blank(pixels(panel))


def test_a_slider_moves_the_total_and_the_share_and_not_a_pixel_of_the_raw_losses(notebook, widget):
    raw, weighted, share = widget.locator("canvas.tk-canvas").all()
    before = [pixels(one) for one in (raw, weighted, share)]
    total = widget.get_attribute("data-total")
    values = [widget.get_attribute(f"data-{name}-raw") for name in ("box", "cls", "dfl")]
    slider = widget.locator("[data-control=box]")
    box = slider.bounding_box()
    notebook.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    notebook.wait(widget, f"Number(widget.dataset.total) > {total}")
    notebook.page.evaluate(FRAME)
    assert [widget.get_attribute(f"data-{name}-raw") for name in ("box", "cls", "dfl")] == values
    assert (pixels(raw) == before[0]).all()
    assert (pixels(weighted) != before[1]).any()
    assert (pixels(share) != before[2]).any()


def test_keys_move_a_slider_and_do_not_leak(notebook, widget):
    slider = widget.locator("[data-control=dfl]")
    slider.focus()
    for _ in range(8):  # the usual value holds on to the slider for some steps
        notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, "Number(widget.dataset.dfl) > 1.5")
    assert_keys_stay(notebook, widget, "dfl", "cls-field", "model", "up")


def test_field_menu_and_buttons_answer_and_nonsense_is_refused(notebook, widget):
    assert_refused(notebook, widget, "cls-field")
    assert widget.get_attribute("data-cls") == "0.5"
    share = widget.get_attribute("data-share")
    total = float(widget.get_attribute("data-total"))
    widget.locator("[data-control=up]").click()
    notebook.wait(widget, "widget.dataset.box === '75'")
    assert float(widget.get_attribute("data-total")) == pytest.approx(10 * total)
    assert float(widget.get_attribute("data-share")) == pytest.approx(float(share))
    widget.locator("[data-control=model]").select_option("untrained")
    notebook.wait(widget, "widget.dataset.model === 'untrained'")
    widget.locator("[data-control=reset]").click()
    notebook.wait(widget, "widget.dataset.model === 'trained' && widget.dataset.box === '7.5'")


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_it_answers_quickly(notebook, widget):
    assert_prompt("slider", moves(notebook, widget, "cls"))
