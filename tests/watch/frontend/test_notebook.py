"""A cell that is run again replaces its own widget, and no other."""

import pytest

from teachkit.watch.frontend import notebook


class Sheet:
    def __init__(self) -> None:
        self.closed = False
        notebook.replace_widget_of_this_cell(self)

    def close(self) -> None:
        self.closed = True


class OtherSheet(Sheet):
    pass


@pytest.mark.parametrize(
    ("second", "cells", "closed"),
    [
        (Sheet, ("one", "one"), True),
        (Sheet, ("one", "two"), False),
        (OtherSheet, ("one", "one"), False),
        (Sheet, (None, None), False),
    ],
    ids=["again", "another cell", "another widget of the cell", "no notebook"],
)
def test_only_the_same_widget_of_the_same_cell_is_replaced(monkeypatch, second, cells, closed):
    running = iter(cells)
    monkeypatch.setattr(notebook, "cell_id", lambda: next(running))
    first = Sheet()
    later = second()
    assert (first.closed, later.closed) == (closed, False)


def test_run_again_and_again_each_time_the_one_before_is_closed(monkeypatch):
    monkeypatch.setattr(notebook, "cell_id", lambda: "one")
    sheets = [Sheet() for _ in range(5)]
    assert [one.closed for one in sheets] == [True] * 4 + [False]
