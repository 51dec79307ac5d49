"""A student types an answer into a cell: a wrong one is told why, a right one counts, and the progress shows it."""

import pytest

pytestmark = pytest.mark.browser

CELLS = [
    """
import os
os.environ["TEACHKIT_PROGRESS"] = os.path.join(os.getcwd(), "progress-of-the-student.json")
from teachkit.exercises import learn
from teachkit.exercises.lesson import begin
lesson = begin("07")""",
    "neuron = None\nlearn.check_neuron(neuron)",
    "lesson",
]


def run(notebook, place, text=None):
    """The outputs of a cell after it has been run by keys, its text replaced where there is one."""
    cell, keys = notebook.page.locator(".jp-CodeCell").nth(place), notebook.page.keyboard
    before = cell.locator(".jp-InputPrompt").inner_text()
    cell.locator(".cm-content").click()
    if text is not None:
        keys.press("Control+A")
        keys.type(text)
    keys.press("Shift+Enter")
    done = "([cell, before]) => !['[*]:', before].includes(cell.querySelector('.jp-InputPrompt').textContent)"
    notebook.page.wait_for_function(done, arg=[cell.element_handle(), before])
    model = "place => window.jupyterapp.shell.currentWidget.content.widgets[place].model.outputs.toJSON()"
    return notebook.page.evaluate(model, place)


def said(notebook, answer):
    """What the checker says of an answer, as it stands on the page."""
    run(notebook, 1, f"neuron = {answer}\nlearn.check_neuron(neuron)")
    return notebook.page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text()


def progress(notebook):
    (output,) = run(notebook, 2)
    return output["metadata"]["image/png"]["alt"]


def test_an_answer_is_typed_judged_and_counted(notebook):
    assert "07: 0 of 11" in progress(notebook)
    assert said(notebook, "(-4, -4)").startswith("✗ not yet: ")
    assert "07: 0 of 11" in progress(notebook)
    assert said(notebook, "(-12, -4)").startswith("✓ Right: ")
    assert "07: 1 of 11" in progress(notebook)
