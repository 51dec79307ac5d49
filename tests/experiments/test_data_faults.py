"""Training scenes with one kind of fault at a time, and a validation batch without any."""

import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.data_faults import (
    EPOCHS,
    FAULTS,
    FEW,
    fault_settings,
    train_with_fault,
    training_scenes,
)
from teachkit.experiments.small import COUNTS, SCENES
from teachkit.feed.scenes import CLASSES


def test_a_fault_turns_its_own_knob_and_no_other():
    for fault, knobs in FAULTS.items():
        assert {
            name: value for name, value in vars(fault_settings(fault)).items() if value != vars(SCENES)[name]
        } == knobs
    assert fault_settings("loose boxes", 0.1).loose_boxes == 0.1
    with pytest.raises(UserError, match="choose from"):
        fault_settings("bad luck")


def test_faults_change_labels_and_not_pictures():
    clean, missing, few = training_scenes("clean"), training_scenes("missing boxes"), training_scenes("few scenes")
    assert torch.equal(clean.images[0], missing.images[0])
    assert 0.5 < sum(map(len, missing.labels)) / sum(map(len, clean.labels)) < 0.7
    assert len(few.images) == FEW
    assert len(clean.images) == COUNTS["train"]


def test_a_run_is_the_same_again_and_its_parts_add_up():
    run = train_with_fault("wrong classes", epochs=1)
    assert run == train_with_fault("wrong classes", epochs=1)
    assert list(run["map50_per_class"]) == list(CLASSES)
    assert sum(run["map50_per_class"].values()) / len(CLASSES) == pytest.approx(run["map50"])


def test_the_recorded_runs_have_each_fault_with_five_seeds():
    runs = recorded.records("data_faults")
    assert {(run["fault"], run["seed"]) for run in runs} == {(fault, seed) for fault in FAULTS for seed in range(5)}
    assert all(len(run["val_cls"]) == EPOCHS for run in runs)
