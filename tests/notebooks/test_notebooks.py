"""What must hold for every stored notebook; that their cells run and print what is stored is for `pytest --nbval`."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

import teachkit

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb")) + sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
LESSONS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def notebook(request):
    stored = nbformat.read(request.param, as_version=4)
    nbformat.validate(stored)
    return stored


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def words_of(outputs):
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


def test_there_is_a_notebook_to_start_with():
    assert ROOT / "notebooks" / "00_start_here.ipynb" in NOTEBOOKS


def test_no_state_of_widgets_is_stored(notebook):
    """A page would show a dead widget instead of its static image."""
    assert "widgets" not in notebook.metadata


def test_nothing_is_skipped_and_hardly_any_output_is_ignored(notebook):
    tags = [cell.metadata.get("tags", []) for cell in code_cells(notebook)]
    assert not [one for one in tags if "nbval-skip" in one]
    assert sum("nbval-ignore-output" in one for one in tags) <= max(1, len(tags) / 10)
    assert not [cell for cell in code_cells(notebook) if re.search("NBVAL_|PYTEST_VALIDATE", cell.source)]


def test_every_picture_has_words_for_those_who_cannot_see_it(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for words, file in re.findall(r"!\[(.*?)\]\((.*?)\)", cell.source):
                assert len(words) > 10, file
                assert (ROOT / "notebooks" / file).exists()
        for output in cell.get("outputs", []):
            for kind in set(output.get("data", {})) & {"image/png", "image/jpeg"}:
                assert len(output.metadata[kind]["alt"]) > 10
                assert not output.data["text/plain"].startswith("<")


def test_nothing_stored_tells_of_the_machine_it_was_made_on(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            text = words_of([output])
            assert not re.search(r"0x[0-9a-f]{6}|/(home|root|tmp|usr|work)/", text)
        assert "execution" not in cell.metadata  # times of day


def test_hardly_any_output_is_a_verdict():
    """A learner sees numbers, curves and pictures. What stands behind "still open:" is an exercise."""
    cells = [cell for path in LESSONS for cell in code_cells(nbformat.read(path, as_version=4))]
    verdicts = [
        cell.source
        for cell in cells
        for text in [words_of(cell.outputs)]
        if re.search(r"\b(True|False)\b", text) and not text.startswith("still open:")
    ]
    assert len(cells) > 300
    assert len(verdicts) <= len(cells) / 100, verdicts


def is_hidden(cell):
    """In JupyterLab and Notebook, and on the site."""
    both = cell.metadata.get("jupyter", {}).get("outputs_hidden", False), "hide-output" in cell.metadata.get("tags", [])
    assert both[0] == both[1], cell.source
    return both[0]


def test_no_result_is_on_the_screen_before_its_prediction(notebook):
    """Running a cell shows its output. Of the outputs below a question, the first ones are hidden; no others are."""
    may_be_hidden = must_be = False
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            may_be_hidden = may_be_hidden and not re.search("^#+ ", cell.source, re.MULTILINE)
        elif "lesson.predict(" in cell.source:
            may_be_hidden = must_be = True
            assert not is_hidden(cell)
        elif cell.outputs:
            assert is_hidden(cell) or not must_be, cell.source
            assert may_be_hidden or not is_hidden(cell), cell.source
            may_be_hidden, must_be = may_be_hidden and is_hidden(cell), False


def test_no_line_of_code_is_too_wide_for_the_page(notebook):
    """With more columns, a cell of a page 1,280 px wide or of a printed one is scrolled or cut."""
    lines = [line for cell in code_cells(notebook) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_ends_with_a_challenge_a_question_and_how_to_give_its_memory_back(path):
    end = nbformat.read(path, as_version=4).cells[-1].source
    for words in (
        "## Three lines to remember",
        "## An open challenge",
        "**Tomorrow's question.**",
        "Shut Down Notebook",
    ):
        assert end.count(words) == 1, words


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_a_lesson_says_of_where_things_live_is_there(path):
    """A name without a folder lies beside the one before it."""
    end = nbformat.read(path, as_version=4).cells[-1].source
    rows = re.findall(r"^\|.*\| (`.*\.py`.*) \|$", end, re.MULTILINE)
    assert rows
    for row in rows:
        folder = ROOT
        for name in re.findall(r"`([\w/]+\.py)`", row):
            file = ROOT / name if "/" in name else folder / name
            assert file.is_file(), f"{file} of {row}"
            folder = file.parent


def test_lesson_00_runs_the_loop_to_the_letter():
    lesson = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    loop = ast.dump(ast.parse(teachkit.__doc__.split("\n", 1)[1]).body[0])
    loops = [node for cell in code_cells(lesson) for node in ast.parse(cell.source).body if isinstance(node, ast.For)]
    assert loop in map(ast.dump, loops)


def test_every_widget_of_the_lessons_is_tested_in_a_real_browser():
    """nbval skips pictures and sends no events: that a widget appears and answers is for tests/browser."""
    used = {
        name
        for path in NOTEBOOKS
        for cell in code_cells(nbformat.read(path, as_version=4))
        for name in re.findall(r"\btk\.([A-Z]\w+)\(", cell.source)
        if "watch." in teachkit._HOME.get(name, "")
    }
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "browser").glob("test_*.py"))
    assert used >= {"IoUPlayground", "DFLPlayground", "AssignerPlayground"}
    assert [name for name in sorted(used) if not re.search(rf"\b{name}\(", tests)] == []


def test_no_notebook_is_too_large_to_be_opened_at_once():
    assert [path.name for path in NOTEBOOKS if path.stat().st_size > 10**6] == []
