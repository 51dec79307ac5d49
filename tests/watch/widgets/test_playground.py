"""The base of the playgrounds: which settings are taken, what is shown when something goes wrong, what is left over."""

import pytest
from ipywidgets.widgets.widget import _instances

from teachkit.errors import UserError
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.widgets.playground import Playground, between, one_of


class Doubling(Playground):
    """Twice a number, and nothing on a page: what would be sent is kept."""

    title = "Doubling"

    def __init__(self, **values):
        self.sent = []
        self.levers = {"x": between("x", 0, 10), "shape": one_of("shape", ["round", "square"])}
        super().__init__(**values)

    def post(self, kind, content, buffers=None):
        self.sent.append((kind, content))

    def numbers(self):
        return {"twice": 2 * self.values["x"], "words": f"twice {self.values['x']}"}

    def figure(self):
        return NotebookFigure(figsize=(1, 1))


@pytest.fixture
def playground():
    one = Doubling(x=3, shape="round")
    yield one
    one.close()


@pytest.mark.parametrize("value", [0, 10, 2.5, "2.5", "2,5", " 7 "])
def test_numbers_and_text_that_is_one_are_taken(value):
    taken = between("x", 0, 10)(value)
    assert isinstance(taken, float)
    assert 0 <= taken <= 10


@pytest.mark.parametrize(
    "value", [float("nan"), "nan", float("inf"), 10**400, True, False, "much", "", None, [1], -0.01, 10.01]
)
def test_what_is_no_number_in_the_range_is_refused(value):
    with pytest.raises(UserError, match="x must be a number from 0 to 10"):
        between("x", 0, 10)(value)


@pytest.mark.parametrize("value", ["oval", "", "Round", True, 1, None, float("nan"), ["round"], {"round": 1}])
@pytest.mark.parametrize("choices", [["round", "square"], {"round": 1, "square": 2}], ids=["list", "mapping"])
def test_only_the_named_choices_are_taken(choices, value):
    check = one_of("shape", choices)
    assert check("round") == "round"
    with pytest.raises(UserError, match="shape must be one of round, square"):
        check(value)


def test_all_settings_are_taken_or_none(playground):
    for refused in ({"x": 5, "shape": "oval"}, {"shape": "square", "x": "nan"}, {"x": 5, "size": 1}):
        with pytest.raises(UserError):
            playground.set(**refused)
        assert playground.values == {"x": 3.0, "shape": "round"}
    with pytest.raises(UserError):
        Doubling(x=11)


def test_a_request_is_answered_and_a_refused_one_keeps_the_old_settings(playground):
    playground._receive(None, {"kind": "hello", "ask": 1}, [])
    assert [kind for kind, _ in playground.sent] == ["setup", "numbers"]
    playground._receive(None, {"kind": "set", "values": {"x": 4}, "ask": 2}, [])
    assert playground.sent[-1][1]["twice"] == 8
    playground._receive(None, {"kind": "set", "values": {"x": "<b>"}, "ask": 3}, [])
    kind, shown = playground.sent[-1]
    assert kind == "numbers"
    assert "<b>" in shown["refused"]
    assert (shown["twice"], shown["values"]["x"]) == (8, 4)
    playground._receive(None, {"kind": "set", "values": {"x": 5}, "ask": 4}, [])
    assert playground.sent[-1][1]["refused"] == ""


def test_reset_goes_back_to_where_it_began(playground):
    playground.set(x=9, shape="square")
    playground._receive(None, {"kind": "reset", "ask": 1}, [])
    assert playground.values == {"x": 3.0, "shape": "round"}


def test_what_breaks_in_our_code_is_shown(playground, monkeypatch):
    def broken():
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(playground, "numbers", broken)
    playground._receive(None, {"kind": "set", "values": {"x": 4}, "ask": 1}, [])
    kind, shown = playground.sent[-1]
    assert kind == "numbers"
    assert shown["error"] == "ZeroDivisionError: of ours"


def test_closing_leaves_nothing():
    before = set(_instances)
    one = Doubling(x=1, shape="round")
    assert set(_instances) != before
    one.close()
    assert set(_instances) == before
