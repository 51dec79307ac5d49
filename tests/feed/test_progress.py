"""Whoever waits sees how far reading has come; whatever only reads what is printed sees nothing of it."""

import sys

import pytest

from teachkit.feed.formats import progress


@pytest.mark.parametrize(
    ("terminal", "notebook", "seen"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_bar_shows_on_a_terminal_and_in_a_notebook_only(terminal, notebook, seen, monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert list(progress.watched(range(3), "reading")) == [0, 1, 2]
    assert ("reading" in capsys.readouterr().err) == seen


def test_what_is_quick_shows_no_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress.watched(range(3), "reading")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
