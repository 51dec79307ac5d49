import numpy as np
import pytest
from notebook_page import MOVE, is_blank, pixels
from tidy import assert_tidy

pytestmark = pytest.mark.browser

CELLS = [
    "from teachkit.watch.augment_playground import AugmentPlayground",
    "playground = AugmentPlayground()\nplayground",
]


@pytest.fixture(scope="module")
def notebook(browser, server):
    from notebook_page import NotebookPage

    page = NotebookPage(browser, server, width=1280, height=1100)
    page.open(CELLS, "augment.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-augment")
    notebook.wait(one, "Number(widget.dataset.drawn) > 0")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator(".tk-gallery canvas")))
    assert widget.locator(".tk-gallery canvas").get_attribute("data-tiles") == "2"
    assert notebook.errors == []


def test_a_flip_by_mouse_and_a_zoom_by_keyboard_change_picture_and_numbers(notebook, widget):
    before, numbers = pixels(widget.locator(".tk-gallery canvas")), widget.locator("tbody").inner_text()
    widget.locator("[data-control=flip]").select_option("yes")
    notebook.wait(widget, "widget.dataset.flip === 'yes'")
    assert widget.locator("tbody").inner_text() != numbers
    after = pixels(widget.locator(".tk-gallery canvas"))
    assert (after != before).mean() > 0.01
    widget.locator("[data-control=zoom]").focus()
    notebook.page.keyboard.press("PageUp")
    notebook.wait(widget, "Number(widget.dataset.zoom) > 1")
    assert widget.get_attribute("data-fit") == "1.000"
    widget.locator("[data-control=follow]").select_option("no")
    notebook.wait(widget, "Number(widget.dataset.fit) < 0.999")
    assert "nothing complains" in widget.locator(".tk-fit").inner_text()
    widget.get_by_role("button", name="Reset", exact=True).click()
    notebook.wait(widget, "widget.dataset.flip === 'no' && widget.dataset.fit === '1.000'")


@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1100})
    assert_tidy(widget, 14 if width == 1280 else 19)
    notebook.page.set_viewport_size({"width": 1280, "height": 1100})


def test_keys_stay_in_the_widget(notebook, widget):
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before = notebook.page.evaluate(cells)
    for control in ("zoom", "flip"):
        notebook.page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.mode = 'command'; }")
        widget.locator(f"[data-control={control}]").focus()
        for key in "dd":  # would delete the cell; a "b" before it would make up for that
            notebook.page.keyboard.press(key)
    assert notebook.page.evaluate(cells) == before


def test_a_slider_answers_at_once(notebook, widget):
    times = [notebook.page.evaluate(MOVE, [widget.element_handle(), "zoom", 400 + 9 * place]) for place in range(25)]
    print("ms, median and p95:", np.percentile(times, [50, 95]).round())
    assert np.median(times) <= 300, sorted(times)
