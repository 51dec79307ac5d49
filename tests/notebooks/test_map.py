"""The map in notebooks/README.md: every place it names exists and holds what its column says."""

import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from teachkit.watch.connection import PUT_AWAY, VIEW

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COLUMNS = ("explained", "shown", "control", "checked")
LINK = re.compile(r"^\[(\S+) (.+)\]\(([\w.]+\.ipynb)#(.+)\)$")


def rows():
    """(line of the brief, its four cells as written) of every row of the map's tables."""
    for line in (NOTEBOOKS / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 5 and cells[1].startswith("["):
            yield cells[0], cells[1:]


def section(file, heading):
    """The cells from a heading to the next one of its level or above; None if there is no such heading."""
    cells = nbformat.read(NOTEBOOKS / file, as_version=4).cells
    headings = [
        (number, len(level), words)
        for number, cell in enumerate(cells)
        if cell.cell_type == "markdown"
        for level, words in re.findall(r"^(#+) (.+)$", cell.source, re.MULTILINE)
    ]
    for (first, level, words), rest in ((one, headings[place + 1 :]) for place, one in enumerate(headings)):
        if words == heading:
            end = next((end for end, other, _ in rest if other <= level), len(cells))
            return cells[first : max(end, first + 1)]  # two headings may share a cell
    return None


def holds(column, cells):
    code = [cell for cell in cells if cell.cell_type == "code"]
    if column == "explained":
        return len(" ".join(cell.source for cell in cells if cell.cell_type == "markdown").split()) > 40
    if column == "shown":
        return any(cell.outputs for cell in code)
    if column == "checked":
        return any(re.search(r"\bcheck_\w+\(|lesson\.predict\(", cell.source) for cell in code)
    shown = [
        cell
        for cell in code
        if any(PUT_AWAY in output.get("metadata", {}) or VIEW in output.get("data", {}) for output in cell.outputs)
    ]
    return any("lesson.predict(" not in cell.source for cell in shown)


MAP = list(rows())
PLACES = sorted(
    {(column, cell) for _, cells in MAP for column, cell in zip(COLUMNS, cells, strict=True) if cell != "–"}
)


def test_the_map_has_a_row_for_every_line_of_the_brief():
    assert len(MAP) >= 57
    assert len({line for line, _ in MAP}) == len(MAP)


def test_only_a_control_may_be_missing():
    for line, cells in MAP:
        assert "–" not in (cells[0], cells[1], cells[3]), line


@pytest.mark.parametrize(("column", "place"), PLACES)
def test_every_place_of_the_map_is_there_and_holds_what_is_said(column, place):
    number, heading, file, anchor = LINK.match(place).groups()
    assert file.startswith(number)
    assert unquote(anchor) == heading.replace("`", "").replace(" ", "-")
    cells = section(file, heading)
    assert cells is not None, f"{file} has no heading {heading!r}"
    assert holds(column, cells), f"{file}, {heading!r}: nothing that is {column}"


def test_every_other_link_of_the_course_page_finds_its_file():
    text = (NOTEBOOKS / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("http") or (NOTEBOOKS / target).exists(), target


def test_a_section_ends_where_the_next_one_begins():
    loop, again = (section("00_start_here.ipynb", words) for words in ("The loop", "Again, and again"))
    assert loop[0].source.startswith("## The loop")
    assert again[0].source.startswith("## Again")
    assert not {cell.id for cell in loop} & {cell.id for cell in again}


@pytest.mark.parametrize("file", sorted(NOTEBOOKS.rglob("*.ipynb")), ids=lambda file: file.name)
def test_a_stored_notebook_holds_pictures_of_widgets_and_no_dead_views(file):
    if ".ipynb_checkpoints" not in file.parts:
        assert VIEW not in file.read_text(encoding="utf-8")
