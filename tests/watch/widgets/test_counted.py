import pytest

from teachkit.watch.widgets import counted
from teachkit.watch.widgets.counted import Counted


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(counted, "PAUSE", -1)


def test_a_loop_is_given_what_it_would_be_given_without_and_is_counted():
    data = Counted("abcd")
    seen = []
    for one in data:
        seen.append((one, data.bar.value, data.words.value))
    assert [one for one, _, _ in seen] == list("abcd")
    assert [value for _, value, _ in seen] == [0, 1, 2, 3]
    assert seen[2][2] == "pass 1: 2 of 4 batches"
    assert (data.bar.value, data.bar.max, data.words.value) == (4, 4, "pass 1: all 4 batches")
    assert list(data) == list("abcd")
    assert data.words.value == "pass 2: all 4 batches"
    assert len(data) == 4


def test_the_stored_words_are_the_same_before_and_after_a_loop():
    data = Counted("abcd")
    before = data._repr_mimebundle_()["text/plain"]
    list(data)
    assert data._repr_mimebundle_()["text/plain"] == before


def test_a_look_at_one_batch_moves_nothing(monkeypatch):
    monkeypatch.setattr(counted, "PAUSE", 60)
    data = Counted("abcd")
    assert next(iter(data)) == "a"
    assert data.bar.value == 0


def test_a_cell_that_is_run_twice_counts_once():
    assert Counted(Counted("abcd")).data == "abcd"
