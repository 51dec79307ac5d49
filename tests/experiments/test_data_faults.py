"""Data made worse on purpose: one fault at a time, and an exam without any."""

import pytest
import torch

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.data_faults import FAULTS, FEW, PASSES, exam, faulty, learn_from, practice
from teachkit.experiments.small import COUNTS, SCENES


def test_a_fault_turns_its_own_knob_and_no_other():
    for fault, knobs in FAULTS.items():
        assert {name: value for name, value in vars(faulty(fault)).items() if value != vars(SCENES)[name]} == knobs
    assert faulty("loose boxes", 0.1).loose_boxes == 0.1
    with pytest.raises(UserError, match="choose from"):
        faulty("bad luck")


def test_faults_change_labels_and_not_pictures():
    clean, missing, few = practice("clean"), practice("missing boxes"), practice("few scenes")
    assert torch.equal(clean.images[0], missing.images[0])
    assert 0.5 < sum(map(len, missing.labels)) / sum(map(len, clean.labels)) < 0.7
    assert len(few.images) == FEW
    assert len(clean.images) == COUNTS["train"]


def test_a_run_is_the_same_again_and_its_parts_add_up():
    run = learn_from("wrong classes", passes=1)
    assert run == learn_from("wrong classes", passes=1)
    assert sum(found for found, _ in run["per_class"]) == run["found"]
    assert sum(of for _, of in run["per_class"]) == run["objects"] == int(exam().ground_truth.mask.sum())


def test_the_recorded_runs_have_each_fault_with_three_seeds():
    runs = recorded.records("worse_data")
    assert {(run["fault"], run["seed"]) for run in runs} == {(fault, seed) for fault in FAULTS for seed in range(3)}
    assert all(len(run["val_cls"]) == PASSES for run in runs)
