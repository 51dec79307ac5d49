import itertools

import pytest
from notebook_page import is_blank, pixels, resize
from tidy import assert_keys_stay, assert_prompt, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import teachkit as tk\nfrom teachkit.experiments import recorded\nmodel, classes = recorded.detector('shapes')",
    "data = tk.load_data('shapes', split='test', limit=72, device='cpu')\n"
    "data.classes = ['<b>ball</b>', *classes[1:]]\nerrors = tk.ErrorsBrowser(model, data)\nerrors",
    "labels = tk.LabelBrowser(data, model)\nlabels",
]
KINDS = {".tk-errors": "missed", ".tk-labels": "misplaced"}


@pytest.fixture(scope="module", params=[".tk-errors", ".tk-labels"])
def name(request):
    """All that is looked at of one comes in one go: to scroll to another draws the notebook anew."""
    return request.param


@pytest.fixture
def widget(notebook, name):
    one = notebook.widget(name)
    one.scroll_into_view_if_needed()
    notebook.wait(one, "Number(widget.dataset.drawn) > 0")
    return one


def test_it_appears_and_is_not_blank(notebook, widget):
    for canvas in widget.locator("canvas.tk-canvas").all():
        assert not is_blank(pixels(canvas))


def test_another_kind_and_the_next_page_change_the_pictures(notebook, widget, name):
    canvas = widget.locator(".tk-gallery canvas")
    before = pixels(canvas)
    widget.locator("[data-control=next]").click()
    notebook.wait(widget, "widget.dataset.page === '1'")
    assert (pixels(canvas) != before).mean() > 0.05
    widget.locator("[data-control=before]").focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait(widget, "widget.dataset.page === '0'")
    widget.locator("[data-control=kind]").select_option(KINDS[name])
    notebook.wait(widget, f"widget.dataset.kind === '{KINDS[name]}'")
    widget.get_by_role("button", name="Reset", exact=True).click()
    notebook.wait(widget, f"widget.dataset.kind !== '{KINDS[name]}'")


@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_and_nothing_overlaps(widget, width):
    assert_tidy(widget, width)


def test_the_pictures_use_the_width_of_a_projector(notebook, widget):
    before = notebook.page.viewport_size
    resize(notebook.page, 1920, 1400)
    drawn = (pixels(widget.locator(".tk-gallery canvas")) < 250).any((0, 2)).nonzero()[0]
    room = widget.locator(".tk-gallery").bounding_box()["width"]
    notebook.page.set_viewport_size(before)
    assert drawn.max() - drawn.min() > 0.75 * room


def test_the_pointer_tells_the_names_of_the_boxes_under_it(notebook, widget):
    canvas = widget.locator(".tk-gallery canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    a_star = nothing = False
    for down, across in itertools.product(range(1, 20), repeat=2):
        notebook.page.mouse.move(box["x"] + box["width"] * across / 20, box["y"] + box["height"] * down / 20)
        told = canvas.get_attribute("title") or ""
        a_star, nothing = a_star or "star" in told, nothing or not told
        if a_star and nothing:
            return
    pytest.fail(f"over a star its name: {a_star}; beside all boxes nothing: {nothing}")


def test_keys_stay_in_the_widget(notebook, widget):
    assert_keys_stay(notebook, widget, "kind", "next")


def test_the_threshold_by_keyboard_moves_counts_matrix_and_the_mark_on_the_curve(notebook):
    widget = notebook.widget(".tk-errors")
    counts, matrix = widget.locator(".tk-counts").inner_text(), widget.locator(".tk-matrix").inner_text()
    curve = pixels(widget.locator(".tk-panel .tk-canvas"))
    widget.locator("[data-control=threshold]").focus()
    notebook.page.keyboard.press("PageUp")
    notebook.page.keyboard.press("PageUp")
    notebook.wait(widget, "Number(widget.dataset.threshold) > 0.4")
    assert widget.locator(".tk-counts").inner_text() != counts
    assert widget.locator(".tk-matrix").inner_text() != matrix
    assert (pixels(widget.locator(".tk-panel .tk-canvas")) != curve).any()


def test_markup_in_a_class_name_stays_text(notebook):
    widget = notebook.widget(".tk-errors")
    assert "<b>ball</b>" in widget.locator(".tk-matrix").inner_text()
    assert widget.locator(".tk-matrix b").count() == 0


@pytest.mark.parametrize(("selector", "control"), [(".tk-errors", "threshold"), (".tk-labels", "least")])
def test_a_slider_answers_at_once(notebook, selector, control):
    widget = notebook.widget(selector)
    widget.scroll_into_view_if_needed()
    assert_prompt(selector, moves(notebook, widget, control))
