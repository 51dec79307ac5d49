"""Every notebook as a student meets it: run whole in JupyterLab, with nothing missing, broken or too wide."""

import shutil
import time

import pytest
from notebook_page import REPOSITORY, NotebookPage, Server

pytestmark = [pytest.mark.browser, pytest.mark.whole]

FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = [path.relative_to(FOLDER) for pages in ("*.ipynb", "solutions/*.ipynb") for path in FOLDER.glob(pages)]
# Cells out of sight would not be on the page. Stored outputs go first, so that none is taken for a fresh one.
PREPARE = """() => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.notebookConfig = { ...notebook.notebookConfig, windowingMode: 'none' };
    return window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs').then(() => {});
}"""
# → what a student would trip over, in words
LOOK = """() => {
    const type = 'application/vnd.jupyter.widget-view+json', all = (css) => [...document.querySelectorAll(css)];
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code');
    const dead = cells.flatMap(({ model, outputArea }) => outputArea.widgets
        .filter((_, place) => model.outputs.get(place).data[type])
        .map(({ node }) => node.querySelector('.jp-OutputArea-output'))
        .filter(one => !one || one.offsetWidth < 20 || one.offsetHeight < 20
            || !(one.innerText.trim() || one.querySelector('canvas, img, svg, input'))
            || /error displaying widget|loading widget|model not found|javascript error/i.test(one.textContent)));
    const broken = all('.jp-Notebook img').filter(({ attributes, complete, naturalWidth }) =>
        attributes.src && !(complete && naturalWidth));
    const wide = all('.jp-OutputArea-output, .jp-MarkdownOutput').filter(one => one.scrollWidth > one.clientWidth + 1);
    return [
        ...dead.map(one => `a dead widget: ${one?.textContent.slice(0, 200)}`),
        ...broken.map(one => `a broken picture: ${one.alt || one.src.slice(0, 100)}`),
        ...wide.map(one => `${one.scrollWidth - one.clientWidth} px too wide: ${one.textContent.trim().slice(0, 100)}`),
    ];
}"""


@pytest.fixture(scope="module")
def course(browser, tmp_path_factory):
    """A server over a copy of the notebooks beside the sample that they open."""
    folder = tmp_path_factory.mktemp("course")
    shutil.copytree(FOLDER, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(REPOSITORY / "data" / "sample", folder / "data" / "sample")
    with Server(folder, options=("--LabApp.expose_app_in_browser=True",)) as running:
        yield running


@pytest.mark.parametrize("name", sorted(NOTEBOOKS), ids=str)
def test_it_runs_whole_and_a_student_trips_over_nothing(browser, course, name):
    notebook, faults = NotebookPage(browser, course, width=1280), []
    notebook.page.on("pageerror", lambda error: faults.append(f"an error in the page: {error}"))
    notebook.page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    notebook.open_file(f"notebooks/{name}").page.evaluate(PREPARE)
    began = time.monotonic()
    try:
        notebook.run_all(300)
    except RuntimeError as error:
        faults.append(f"a cell: {error}")
    print(f"{name}: {time.monotonic() - began:.0f} s")
    notebook.page.wait_for_timeout(1000)  # for what a front end does after its first drawing
    until = time.monotonic() + 10
    while (seen := notebook.page.evaluate(LOOK)) and time.monotonic() < until:
        notebook.page.wait_for_timeout(500)
    notebook.shut_down()
    assert not faults + seen, "\n".join(faults + seen)
