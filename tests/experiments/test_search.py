"""The search: the same from the same seed, plain records, and nothing left behind."""

import json
import sys

import pytest

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.search import again, best, search
from teachkit.experiments.study import FACTORS, RATES
from teachkit.structures import LossWeights


@pytest.fixture(scope="module")
def records():
    return search(4, steps=32, seed=1, progress=False)


def test_a_search_gives_plain_records_within_its_ranges(records):
    assert json.loads(json.dumps(records)) == records
    assert [record["number"] for record in records] == list(range(4))
    for record in records:
        assert RATES[0] <= record["lr"] <= RATES[1]
        for name, usual in LossWeights().as_dict().items():
            assert FACTORS[0] * 0.999 <= record[name] / usual <= FACTORS[1] * 1.001
        assert 0 <= record["map50"] <= 1


def test_the_same_seed_proposes_and_finds_the_same(records):
    assert search(2, steps=32, seed=1, progress=False) == records[:2]


def test_the_best_is_a_complete_trial_with_the_best_map50(records):
    complete = [record for record in records if record["state"] == "complete"]
    assert best(records)["map50"] == max(record["map50"] for record in complete)


def test_a_trial_trained_anew_with_its_own_seed_finds_the_same(records):
    """And so does one with another seed, twice; that seeds differ is for the recorded searches."""
    winner = best(records)
    assert again(winner, 1, steps=32) == winner["map50"]
    assert again(winner, 5, steps=32) == again(winner, 5, steps=32)


def test_without_weights_only_the_rate_is_searched():
    for record in search(2, steps=16, weights=False, progress=False):
        assert {name: record[name] for name in ("box", "cls", "dfl")} == LossWeights().as_dict()


def test_a_search_is_quiet_and_leaves_the_verbosity_as_it_was(capsys):
    import optuna

    before = optuna.logging.get_verbosity()
    search(1, steps=16, progress=False)
    assert optuna.logging.get_verbosity() == before
    assert capsys.readouterr() == ("", "")


def test_missing_optuna_is_told_with_what_mends_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match="pip install"):
        search(1, steps=16)


@pytest.mark.parametrize("refused", [{"trials": 0}, {"steps": 0}, {"seed": -1}, {"trials": 2.0}])
def test_numbers_out_of_range_are_refused(refused):
    with pytest.raises(UserError, match=next(iter(refused))):
        search(**refused)


def test_a_search_without_a_complete_trial_has_no_best():
    with pytest.raises(UserError, match="no trial"):
        best([{"state": "diverged", "map50": 0}])


def test_the_recorded_winners_agree_in_the_rate_and_not_in_the_score_of_their_new_runs():
    """What lesson 10 says of them."""
    trials = recorded.records("searches")
    winners = [best([one for one in trials if one["seed"] == seed]) for seed in range(3)]
    assert max(one["lr"] for one in winners) < 2 * min(one["lr"] for one in winners)
    assert [sum(one["again"]) / 3 > one["map50"] for one in winners] == [True, False, False]
    assert max(max(one["again"]) - min(one["again"]) for one in winners) == pytest.approx(0.18, abs=0.01)
