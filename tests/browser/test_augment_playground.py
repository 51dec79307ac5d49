import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_prompt, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "from teachkit.watch.widgets.augment import AugmentPlayground",
    "playground = AugmentPlayground()\nplayground",
]


@pytest.fixture
def widget(notebook):
    one = notebook.widget(".tk-augment")
    notebook.wait(one, "Number(widget.dataset.drawn) > 0")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    assert not is_blank(pixels(widget.locator(".tk-gallery canvas")))
    assert widget.locator(".tk-gallery canvas").get_attribute("data-tiles") == "2"


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


@pytest.mark.parametrize("width", [1280, 1920, 700])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_keys_stay_in_the_widget(notebook, widget):
    assert_keys_stay(notebook, widget, "zoom", "flip")


def test_a_slider_answers_at_once(notebook, widget):
    assert_prompt("zoom", moves(notebook, widget, "zoom"))
