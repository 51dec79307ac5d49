"""The playgrounds over recorded runs in a real browser: patience, batch size, search; and a parabola."""

import json

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_named, assert_prompt, assert_refused, assert_tidy, moves

pytestmark = pytest.mark.browser

CELLS = [
    "import torch\ntorch.set_num_threads(1)\nimport teachkit as tk\n"
    "patience = tk.PatiencePlayground(patience=10)\npatience",
    "batch = tk.BatchPlayground(size=8)\nbatch",
    "search = tk.SearchPlayground(trials=1)\nsearch",
    "descent = tk.DescentPlayground(steps=3)\ndescent",
]
# name → its place on the page, slider, first and last number, menu, another choice
WIDGETS = {
    "patience": (0, "patience", 1, 60, "run", "few_pictures_1"),
    "batch": (1, "size", 1, 64, "rate", "grown"),
    "search": (2, "trials", 1, 16, "search", "2"),
    "descent": (3, "steps", 0, 20, None, None),
}


@pytest.fixture(scope="module", params=WIDGETS)
def name(request):
    """All that is looked at of one comes in one go: to scroll to another draws the notebook anew."""
    return request.param


@pytest.fixture
def case(notebook, name):
    place, *rest = WIDGETS[name]
    notebook.wait(notebook.page.locator("body"), "document.querySelectorAll('.tk-recorded[data-told]').length === 4")
    widget = notebook.page.locator(".tk-recorded").nth(place)
    widget.scroll_into_view_if_needed()
    notebook.reset(widget)
    return widget, name, *rest


def values(widget):
    return json.loads(widget.get_attribute("data-values"))


def test_it_appears_and_each_key_goes_to_the_next_number(notebook, case):
    widget, _, lever, first, last, *_ = case
    canvas, slider = widget.locator(".tk-chart canvas.tk-canvas"), widget.locator(f"[data-control={lever}]")
    assert not is_blank(pixels(canvas))
    slider.focus()
    notebook.page.keyboard.press("End")
    notebook.wait(widget, f"JSON.parse(widget.dataset.values).{lever} === {last}")
    before = pixels(canvas)
    notebook.page.keyboard.press("Home")
    notebook.wait(widget, f"JSON.parse(widget.dataset.values).{lever} === {first}")
    assert (pixels(canvas) != before).mean() > 1e-3
    notebook.page.keyboard.press("ArrowRight")
    notebook.wait(widget, f"JSON.parse(widget.dataset.values).{lever} === {first + 1}")


def test_a_drag_and_the_menu_are_answered_by_python(notebook, case):
    widget, name, lever, first, _, menu, other = case
    before, box = widget.get_attribute("data-told"), widget.locator(f"[data-control={lever}]").bounding_box()
    notebook.page.mouse.click(box["x"] + 0.98 * box["width"], box["y"] + box["height"] / 2)
    notebook.wait(widget, f"widget.dataset.told !== {json.dumps(before)}")
    assert float(notebook.execute(f"print({name}.values[{lever!r}])")) == values(widget)[lever] > first
    if menu is None:
        return
    widget.locator(f"[data-control={menu}]").select_option(other)
    notebook.wait(widget, f"JSON.parse(widget.dataset.values).{menu} === {json.dumps(other)}")


def test_nonsense_is_refused_keys_stay_and_every_control_has_a_name(notebook, case):
    widget, _, lever, *_, menu, _ = case
    assert_refused(notebook, widget, f"{lever}-field")
    assert_keys_stay(notebook, widget, lever, *filter(None, [menu]))
    assert_named(widget)


@pytest.mark.parametrize("width", [1280, 1920, 600])
def test_nothing_is_cut_and_nothing_overlaps(case, width):
    assert_tidy(case[0], width)


def test_no_name_beside_a_number_breaks_into_more_than_two_lines(notebook, case):
    widget, _, lever, first, last, *_ = case
    for key, end in (("End", last), ("Home", first)):
        widget.locator(f"[data-control={lever}]").focus()
        notebook.page.keyboard.press(key)
        notebook.wait(widget, f"JSON.parse(widget.dataset.values).{lever} === {end}")
        lines = widget.evaluate("""widget => [...widget.querySelectorAll('th, td')].map(one => {
            const words = document.createRange();
            words.selectNodeContents(one);
            return new Set([...words.getClientRects()].map(line => line.top)).size; })""")
        assert len(lines) == 8
        assert max(lines) <= 2


def test_it_answers_quickly(notebook, case):
    widget, name, lever, *_ = case
    assert_prompt(name, moves(notebook, widget, lever))
