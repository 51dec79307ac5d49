import pytest
from notebook_page import NotebookPage, is_blank, pixels
from tidy import assert_tidy

pytestmark = pytest.mark.browser

CELLS = ["import teachkit as tk", "playground = tk.DataQualityPlayground()\nplayground"]


@pytest.fixture(scope="module")
def notebook(browser, server):
    page = NotebookPage(browser, server, width=1280, height=1100)
    page.open(CELLS, "data_quality.ipynb").run_all()
    yield page
    page.shut_down()


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-data-quality")
    notebook.wait(one, "Number(widget.dataset.drawn) > 0")
    return one


def test_it_answers_the_keyboard_and_keys_stay_in_it(notebook, widget):
    assert not is_blank(pixels(widget.locator(".tk-gallery canvas")))
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    before, there = widget.get_attribute("data-count"), notebook.page.evaluate(cells)
    widget.locator("[data-control=missing_boxes]").focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, "Number(widget.dataset.count) === 0")
    for key in "dd":  # would delete the cell; a "b" before it would make up for that
        notebook.page.keyboard.press(key)
    assert notebook.page.evaluate(cells) == there
    widget.get_by_role("button", name="Reset", exact=True).click()
    notebook.wait(widget, f"widget.dataset.count === '{before}'")
    assert notebook.errors == []


@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widget, width):
    notebook.page.set_viewport_size({"width": width, "height": 1100})
    assert_tidy(widget, 14 if width == 1280 else 19)
