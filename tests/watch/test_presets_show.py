"""Each preset shows what its name says, at the default rate: five recorded seeds, and one that is trained anew.

TEACHKIT_PRESET_SEEDS=5 trains as many anew.
"""

import os
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import fmean

import pytest

from teachkit.experiments import recorded
from teachkit.watch.cockpit.presets import PRESETS

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ("box", "cls", "dfl")
ANEW = int(os.environ.get("TEACHKIT_PRESET_SEEDS", "1"))
seeds = pytest.mark.parametrize(
    ("seed", "anew"), [*((seed, False) for seed in range(5)), *((seed, True) for seed in range(ANEW))]
)


@cache
def recipes():
    specification = spec_from_file_location("record_runs", ROOT / "data" / "record_runs.py")
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@cache
def recordings() -> dict[tuple[str, int], dict]:
    return {(line["name"], line["seed"]): line for line in recorded.records("presets")}


@cache
def shown(name: str, seed: int, anew: bool) -> dict:
    return recipes().preset_shown(name, seed) if anew else recordings()[name, seed]


def fall(shown: dict, loss: str) -> float:
    """What is left at the end of what there was at the beginning."""
    return shown[loss]["last"] / shown[loss]["first"]


def test_every_preset_is_recorded_with_five_seeds():
    assert set(recordings()) == {(name, seed) for name in PRESETS for seed in range(5)}


@seeds
def test_good_learns(seed, anew):
    good = shown("Good", seed, anew)
    assert good["f1"] > 0.25
    assert all(fall(good, loss) < 0.6 for loss in LOSSES)


@seeds
def test_too_low_crawls(seed, anew):
    low = shown("Too low", seed, anew)
    assert low["f1"] == 0
    assert all(0.6 < fall(low, loss) < 1.05 for loss in LOSSES)


@seeds
def test_too_high_spikes_and_stays_behind(seed, anew):
    high, good = shown("Too high", seed, anew), shown("Good", seed, anew)
    assert high["cls"]["peak"] > 1.4 * high["cls"]["first"]
    assert high["f1"] < good["f1"] / 2
    assert all(high[loss]["last"] > 1.2 * good[loss]["last"] for loss in LOSSES)


@seeds
def test_without_box_loss_boxes_still_move_because_dfl_teaches_edges(seed, anew):
    without = shown("No box loss", seed, anew)
    assert fall(without, "box") < 0.7
    assert fall(without, "dfl") < 0.6


@seeds
@pytest.mark.parametrize("name", ["No class loss", "DFL only"])
def test_without_class_loss_no_box_has_a_usable_score(name, seed, anew):
    assert shown(name, seed, anew)["f1"] < 0.1


@seeds
def test_dfl_only_still_sharpens_edges(seed, anew):
    assert fall(shown("DFL only", seed, anew), "dfl") < 0.8


@seeds
def test_class_only_names_what_it_cannot_place(seed, anew):
    named, good = shown("Class only", seed, anew), shown("Good", seed, anew)
    assert named["f1"] < 0.7 * good["f1"]
    assert all(named[loss]["last"] > 2 * good[loss]["last"] for loss in ("box", "dfl"))


@seeds
def test_all_weights_times_ten_changes_the_total_and_not_the_learning(seed, anew):
    ten, good = shown("All weights × 10", seed, anew), shown("Good", seed, anew)
    assert ten["total"] == pytest.approx(10 * good["total"], rel=1e-3)
    for loss in LOSSES:
        assert ten[loss]["last"] == pytest.approx(good[loss]["last"], rel=0.15)


def test_the_notes_tell_what_each_loss_was_measured_to_be_worth():
    runs = recorded.records("loss_weights")
    notes = (ROOT / "notebooks" / "notes" / "live_demo.md").read_text(encoding="utf-8")
    for missing in ("none", "box", "DFL", "box and DFL", "class"):
        own = [run for run in runs if run["missing"] == missing]
        assert [run["seed"] for run in own] == list(range(5))
        early, middle, late = ([run["map50"][place] for run in own] for place in range(3))
        strict = fmean(run["map75"][2] for run in own)
        first, last = (fmean(run["boxes"][place] for run in own) for place in (0, 2))
        row = (
            f"| {missing} | {fmean(early):.2f} | {fmean(middle):.2f} | {fmean(late):.2f} "
            f"({min(late):.2f}–{max(late):.2f}) | {strict:.2f} | {first:.0f} | {last:.0f} |"
        )
        assert row in notes, row


def test_what_the_notes_say_of_each_seed_was_so_on_each_seed():
    runs = {(run["missing"], run["seed"]): run for run in recorded.records("loss_weights")}
    score = {key: run["map50"] for key, run in runs.items()}
    for seed in range(5):
        none, box, dfl, both, cls = (score[name, seed] for name in ("none", "box", "DFL", "box and DFL", "class"))
        assert all(without > usual for without, usual in zip(box, none, strict=True))
        assert dfl[0] < none[0]
        assert max(both[2], cls[2]) < none[2] / 2
        assert runs["class", seed]["boxes"][2] < 10
    better = [runs["box", seed]["map75"][2] > runs["none", seed]["map75"][2] for seed in range(5)]
    assert sum(better) == 4
