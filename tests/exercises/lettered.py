"""The lines of an exercise that stand beside letters in a notebook's cell: `"a": None,  # what is claimed`."""

import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LINE = re.compile(r'^    "(\w)": (.+),  # (.+)$', re.MULTILINE)


def lettered(notebook: str, check: str) -> dict[str, str]:
    """letter → its words, in the cell that calls the checker. notebook: name of its file within notebooks/."""
    cells = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4).cells
    (source,) = [cell.source for cell in cells if cell.cell_type == "code" and f".{check}(" in cell.source]
    lines = [(letter, words) for letter, _, words in LINE.findall(source)]
    assert len(lines) == len(dict(lines)) == source.count('    "'), "each line has a letter of its own, and words"
    return dict(lines)
