"""A prediction in a real browser: what happens stays hidden until one has committed, by mouse or by keys."""

import json

import pytest
from notebook_page import is_blank, pixels
from tidy import assert_keys_stay, assert_tidy

pytestmark = pytest.mark.browser

CELLS = [
    """
import os
os.environ["TEACHKIT_PROGRESS"] = os.path.join(os.getcwd(), "progress-of-the-test.json")
from teachkit.exercises import lesson
from teachkit.watch.figures.plots import NotebookFigure

def show():
    figure = NotebookFigure(figsize=(8, 2.5), alt="The loss rises.")
    figure.subplots().plot([1, 2, 4])
    return figure

lesson_07, questions = lesson.begin("07"), {}
def ask(name):
    lesson._questions()["07"][name] = {
        "question": "The learning rate is ten times as large. What happens to <b>the loss</b>?",
        "choices": ["it falls faster", "it rises, because each step goes over the valley and lands higher up on its "
            "other side, where the slope is steeper still, so that the next step is longer", "nothing"],
        "right": 1,
        "because": ["Up to a point only.", "The valley is left.", "Something does."],
    }
    questions[name] = lesson_07.predict(name, show)
    return questions[name]
ask("by keys")""",
    'ask("by mouse")',
]


@pytest.fixture
def widgets(notebook):
    both = [notebook.widget(".tk-prediction", place) for place in (0, 1)]
    for one, name in zip(both, ("by keys", "by mouse"), strict=True):
        notebook.execute(f"questions[{name!r}].reset()")
        notebook.wait(one, "widget.dataset.state === 'open'")
    return both


def tried(notebook, server, name):
    """How often the file of progress says that it was tried."""
    path = server.folder / "progress-of-the-test.json"
    done = json.loads(path.read_text(encoding="utf-8"))["done"] if path.exists() else {}
    return done.get("07", {}).get(f"prediction: {name}", {"tries": 0, "solved": None})


def test_it_appears_and_hides_what_happens(notebook, widgets, server):
    for widget in widgets:
        assert not is_blank(pixels(widget))
        assert widget.locator("input[type=radio]").count() == 3
        assert widget.locator("[data-control=commit]").is_disabled()
        assert not widget.locator(".tk-verdict").is_visible()
        assert not widget.locator(".tk-evidence").is_visible()
        assert "valley is left" not in widget.inner_html()
        assert "<b>the loss</b>" in widget.locator("legend").inner_text()  # markup stays text


def test_it_is_committed_to_by_keys(notebook, widgets, server):
    widget, keys = widgets[0], notebook.page.keyboard
    widget.locator("[data-control=reset]").focus()
    keys.press("Tab")
    keys.press("Space")
    keys.press("ArrowDown")
    keys.press("Tab")
    assert notebook.page.evaluate("document.activeElement.dataset.control") == "commit"
    assert widget.get_attribute("data-state") == "open"
    keys.press("Enter")
    notebook.wait(widget, "widget.dataset.state === 'committed'")
    assert widget.locator(".tk-verdict").inner_text() == "Right. The valley is left."
    assert widget.locator("[data-mark=right]").count() == 1
    assert widget.locator("[data-mark=wrong]").count() == 0
    entry = tried(notebook, server, "by keys")
    assert entry["tries"] == 1
    assert entry["solved"]


def test_it_is_committed_to_by_mouse_and_only_the_first_choice_counts(notebook, widgets, server):
    widget = widgets[1]
    for choice in (2, 1):
        widget.locator(".tk-choice").nth(choice).click()
        widget.locator("[data-control=commit]").click()
        notebook.wait(widget, f"widget.querySelector('.tk-verdict').textContent.startsWith('{'?RN'[choice]}')")
    notebook.wait(widget, "widget.querySelector('.tk-evidence').naturalWidth > 0")
    evidence = widget.locator(".tk-evidence")
    assert evidence.get_attribute("alt") == "The loss rises."
    assert not is_blank(pixels(evidence))
    assert tried(notebook, server, "by mouse") == {"tries": 1, "solved": None}
    widget.locator("[data-control=reset]").click()
    notebook.wait(widget, "widget.dataset.state === 'open'")
    assert not evidence.is_visible()
    assert not widget.locator(".tk-verdict").is_visible()
    assert widget.locator("input:checked").count() == 0


def test_keys_stay_in_the_widget(notebook, widgets):
    assert_keys_stay(notebook, widgets[0], "input", "reset")


@pytest.mark.parametrize("width", [1280, 1920, 600])
def test_nothing_is_cut_and_nothing_overlaps(notebook, widgets, width):
    notebook.execute("questions['by keys'].commit(0)")
    notebook.wait(widgets[0], "widget.querySelector('.tk-evidence').naturalWidth > 0")
    assert widgets[0].locator("input").nth(0).is_checked()  # committed from a cell
    assert_tidy(widgets[0], width)
