"""What must hold for every stored notebook; that their cells run and print what is stored is for `pytest --nbval`."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

import teachkit

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb")) + sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def notebook(request):
    stored = nbformat.read(request.param, as_version=4)
    nbformat.validate(stored)
    return stored


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


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
            text = output.get("text", "") + "".join(map(str, output.get("data", {}).get("text/plain", "")))
            assert not re.search(r"0x[0-9a-f]{6}|/(home|root|tmp|usr|work)/", text)
        assert "execution" not in cell.metadata  # times of day


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
