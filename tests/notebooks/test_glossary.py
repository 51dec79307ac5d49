"""Every word that a lesson sends its reader to look up is there to be found, and every word there is of some lesson."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
GLOSSARY = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
TERMS = dict(re.findall(r"^## (.+)\n+(.+)$", GLOSSARY, re.MULTILINE))
PAGES = sorted(NOTEBOOKS.glob("*.ipynb")) + sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))


def anchor(term):
    return term.replace(" ", "-")


def links(page):
    """(path as written, anchor) of every link to the glossary."""
    text = "\n".join(cell.source for cell in nbformat.read(page, as_version=4).cells if cell.cell_type == "markdown")
    return re.findall(r"\]\(([^)#]*glossary\.md)#([^)]*)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(NOTEBOOKS)))
def test_every_link_to_the_glossary_finds_its_word(page):
    anchors = set(map(anchor, TERMS))
    for path, word in links(page):
        assert (page.parent / path).resolve() == NOTEBOOKS / "glossary.md"
        assert word in anchors, f"{page.name} links to {word!r}: add `## {word.replace('-', ' ')}` to the glossary"


def test_every_word_stands_there_once_and_is_explained():
    headings = re.findall(r"^## (.+)$", GLOSSARY, re.MULTILINE)
    assert sorted(headings) == sorted(set(headings))
    assert set(headings) == set(TERMS), "a word without a sentence below it"
    for term, text in TERMS.items():
        assert len(text) > 30, term


def test_words_are_headed_so_that_one_link_works_everywhere():
    """JupyterLab keeps the case of a heading in its anchor and GitHub does not: only lower case suits both."""
    for term in TERMS:
        assert re.fullmatch(r"[a-z0-9]+(?:[ -][a-z0-9]+)*", term), term


def test_every_word_names_its_lesson_and_that_lesson_is_in_the_course():
    from teachkit.exercises.progress import LESSONS

    for term, text in TERMS.items():
        named = re.findall(r"\b(\d\d)\b", text[text.rfind("Lesson") :]) if "Lesson" in text else []
        assert named, f"{term}: say which lesson explains it"
        assert set(named) <= set(LESSONS), term
