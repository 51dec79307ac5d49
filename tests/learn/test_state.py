"""A run that is gone on with is the run that was never stopped, bit for bit."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.feed.loader import Loader
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn.checkpoint import load_run, pack, unpack
from tests.forked import python
from tests.learn.tiny import make_batches, same, tiny_detector, without_times

ROOT = Path(__file__).resolve().parents[2]


class Forgetful(nn.Module):
    """A detector with dropout before its head: torch's global generator is part of the run."""

    def __init__(self):
        super().__init__()
        self.detector, self.dropout = tiny_detector(), nn.Dropout(0.3)

    def forward(self, images):
        return self.detector.head([self.dropout(one) for one in self.detector.features(images)])


def settings_of(kind):
    model = Forgetful() if kind == "dropout" else tiny_detector()
    given = {"adamw": {"optimizer": "adamw"}, "sgd": {"optimizer": "sgd"}, "dropout": {}, "own optimizer": {}}[kind]
    if kind == "own optimizer":
        given = {"optimizer": torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.5)}
    return {"model": model, "epochs": 4, **given}


def stir(trainer, step):
    """What a person does to a run."""
    if step == 3:
        trainer.control.set(lr=2e-3, box=3)
    if step == 6:
        trainer.criterion.weights.dfl = 2.5
    if step == 8:
        trainer.control.schedule = "one_cycle"


def run(trainer, first, last):
    for step in range(first, last):
        stir(trainer, step)
        trainer.step()


@pytest.mark.parametrize("kind", ["adamw", "sgd", "dropout", "own optimizer"])
@pytest.mark.parametrize("cut", [0, 1, 4, 7, 8])
def test_a_run_goes_on_bit_for_bit_from_the_middle_of_an_epoch_too(make_trainer, kind, cut):
    torch.manual_seed(0)
    whole = make_trainer(**settings_of(kind))
    run(whole, 0, cut)
    state = whole.state_dict()
    kept = len(whole.records)
    run(whole, cut, 12)

    torch.manual_seed(99)
    again = make_trainer(**settings_of(kind))
    again.load_state_dict(state)
    run(again, cut, 12)
    assert without_times(again.records) == without_times(whole.records[kept:])
    for part in ("train_step", "control", "cursor", "trend", "machine"):
        assert same(again.state_dict()[part], whole.state_dict()[part]), part


def test_a_snapshot_does_not_change_when_the_run_goes_on_from_it_twice(make_trainer):
    """torch's optimizers go on with the very tensors that they are handed."""
    trainer = make_trainer()
    run(trainer, 0, 3)
    snapshot = trainer.state_dict()
    copies = []
    for _ in range(2):
        trainer.load_state_dict(snapshot)
        run(trainer, 3, 7)
        copies.append(trainer.state_dict())
    assert same(copies[0]["train_step"], copies[1]["train_step"])


def test_a_change_asked_for_before_a_snapshot_is_recorded_after_it(make_trainer):
    trainer = make_trainer()
    run(trainer, 0, 2)
    trainer.control.set(lr=0.03, cls=2)
    trainer.criterion.weights.box = 4
    snapshot = trainer.state_dict()
    again = make_trainer()
    again.load_state_dict(snapshot)
    trainer.step(), again.step()
    assert [event["what"] for event in again.events()] == ["lr", "weights"]
    assert without_times(again.records) == without_times(trainer.records)[2:]


def test_going_on_with_fit_gives_the_log_of_the_run_that_was_never_stopped(make_trainer, tmp_path):
    data, validation = make_batches(5), make_batches(2, seed=1)
    whole = make_trainer(data, validation, epochs=3)
    whole.fit()

    cut = make_trainer(data, validation, epochs=3, save_dir=tmp_path)
    cut.on_record = lambda record: (cut.records.append(record), cut.control.stop() if cut.step_number == 8 else None)
    assert cut.fit()["reason"] == "interrupted"
    kept = without_times(cut.records[:-1])
    again = make_trainer(data, validation, epochs=3)
    again.load_state_dict(load_run(tmp_path).state)
    assert again.fit()["reason"] == "epochs"
    assert kept + without_times(again.records) == without_times(whole.records)
    assert same(again.state_dict()["train_step"]["ema"], whole.state_dict()["train_step"]["ema"])


def test_another_process_goes_on_bit_for_bit(make_trainer, tmp_path):
    whole, cut = make_trainer(epochs=2), make_trainer(epochs=2, save_dir=tmp_path)
    whole.fit()
    for _ in range(5):
        cut.step()
    cut.control.stop()
    cut.fit()
    cut.checkpointer.lock.release()
    program = """
import json, sys
from teachkit.learn.checkpoint import load_run, pack, unpack
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from tests.learn.tiny import make_batches, tiny_detector
records = []
settings = dict(epochs=2, save_dir=sys.argv[1], threads=1, on_record=records.append)
trainer = Trainer(tiny_detector(), Criterion(), make_batches(), **settings)
trainer.load_state_dict(load_run(sys.argv[1]).state)
trainer.fit()
print(json.dumps(records))
"""
    done = python(program, tmp_path)
    assert done.returncode == 0, done.stderr
    steps = [record for record in json.loads(done.stdout) if record["kind"] == "step"]
    assert without_times(cut.of("step") + steps) == without_times(whole.of("step"))
    assert same(load_run(tmp_path).state["train_step"]["model"], whole.state_dict()["train_step"]["model"])


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("threads", 3, r"3 thread\(s\), now 1"),
        ("device", "cuda (H200)", r"the device cuda \(H200\), now cpu"),
        ("torch", "2.11.0", "torch 2.11.0, now"),
        ("device", "cpu (none)", r"the device cpu \(none\), now cpu"),
    ],
)
def test_what_makes_results_differ_is_named(make_trainer, part, value, said):
    trainer = make_trainer()
    state = trainer.state_dict()
    state["machine"][part] = value
    with pytest.warns(UserWarning, match=said):
        trainer.load_state_dict(state)


def test_the_stored_number_of_threads_is_taken_over_unless_another_was_asked_for(make_trainer):
    state = make_trainer(threads=1).state_dict()
    state["machine"]["threads"] = 2
    adopting = make_trainer(threads=None)
    adopting.load_state_dict(state)
    assert adopting.machine.threads == 2
    with pytest.warns(UserWarning, match=r"2 thread\(s\), now 1"):
        make_trainer(threads=1).load_state_dict(state)


def test_a_state_of_something_else_is_refused_in_one_line(make_trainer):
    state = make_trainer().state_dict()
    other = make_trainer(model=tiny_detector().__class__(5, device="cpu", widths=(8, 8, 16), neck=8))
    with pytest.raises(UserError, match="of another model") as caught:
        other.load_state_dict(state)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="4 batches a pass, the training data has 6"):
        make_trainer(make_batches(6)).load_state_dict(state)


def test_a_refused_state_leaves_the_trainer_as_it_was(make_trainer):
    """torch copies the weights that fit before it finds one that does not."""
    trainer, other = make_trainer(), make_trainer(optimizer="sgd", model=tiny_detector(seed=1))
    run(trainer, 0, 3)
    run(other, 0, 5)
    before, state = trainer.state_dict(), other.state_dict()
    five = tiny_detector().__class__(5, device="cpu", widths=(8, 8, 16), neck=8)
    faults = [{"model": dict(five.state_dict())}, {"model": {}}, {"ema": {}}, {"optimizer": {}}, {"in_force": {}}]
    faults = [{"train_step": state["train_step"] | fault} for fault in faults] + [{"goal": None}, {"progress": {}}]
    for fault in [*faults, {"trend": []}, {"machine": {}}, {"control": {"base": 1}}, {"cursor": {"batches": 4}}]:
        with pytest.raises(UserError, match="of another model"):
            trainer.load_state_dict(state | fault)
        assert all(same(trainer.state_dict()[part], before[part]) for part in before), fault
    twin = make_trainer()
    run(twin, 0, 6)
    run(trainer, 3, 6)
    assert same(trainer.state_dict()["train_step"]["model"], twin.state_dict()["train_step"]["model"])


def test_a_state_from_before_the_validation_data_was_kept_is_gone_on_with(make_trainer):
    trainer, other = make_trainer(), make_trainer()
    run(trainer, 0, 2)
    state = trainer.state_dict()
    del state["validation"]
    other.load_state_dict(state)
    assert other.step_number == 2


def test_a_refused_state_of_another_optimizer_leaves_the_very_one_that_was_handed_over(make_trainer):
    model = tiny_detector()
    own = torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.5)
    trainer, other = make_trainer(model=model, optimizer=own), make_trainer(optimizer="sgd")
    run(trainer, 0, 2)
    before = trainer.state_dict()
    with pytest.raises(UserError, match="of another model"):
        trainer.load_state_dict(other.state_dict() | {"machine": {}})
    assert trainer.optimizer is own
    assert all(same(trainer.state_dict()[part], before[part]) for part in before)


def test_a_state_of_the_other_optimizer_brings_it_along(make_trainer):
    sgd = make_trainer(optimizer="sgd", schedule="constant")
    sgd.step()
    adamw = make_trainer(schedule="constant")
    adamw.load_state_dict(sgd.state_dict())
    assert without_times([adamw.step()]) == without_times([sgd.step()])
    assert not adamw.events()


def test_a_state_holds_plain_values_and_tensors_only(make_trainer):
    def leaves(tree):
        if isinstance(tree, dict):
            for key, value in tree.items():
                assert isinstance(key, (str, int))
                yield from leaves(value)
        elif isinstance(tree, (list, tuple)):
            for value in tree:
                yield from leaves(value)
        else:
            yield tree

    trainer = make_trainer()
    run(trainer, 0, 9)
    kinds = {type(leaf) for leaf in leaves(trainer.state_dict())}
    assert kinds <= {torch.Tensor, int, float, str, bool, type(None)}


ACTIONS = {
    "step": lambda trainer: trainer.step(),
    "rate": lambda trainer: trainer.control.set(lr=1e-3 * (1 + trainer.step_number)),
    "schedule": lambda trainer: trainer.control.set(schedule="one_cycle"),
    "weights": lambda trainer: trainer.control.set(box=1 + trainer.step_number, cls=2),
    "weights of the criterion": lambda trainer: setattr(trainer.criterion.weights, "dfl", 3 + trainer.step_number),
    "optimizer": lambda trainer: trainer.change_optimizer("sgd" if trainer.step_number % 2 else "adamw"),
}
INTERRUPTIONS = ("save", "kill and resume", "pause and go on", "look")


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*ACTIONS, "step", "step", *INTERRUPTIONS]), min_size=6, max_size=16))
def test_any_walk_of_steps_controls_saves_and_kills_ends_where_its_replay_ends(make_trainer, tmp_path, walk):
    trainer = make_trainer(make_batches(3), make_batches(1), epochs=9)
    done, saved = [], (0, pack({"state": trainer.state_dict()}))
    for action in walk:
        if action in ACTIONS:
            ACTIONS[action](trainer)
            done.append(action)
        elif action == "save":
            saved = len(done), pack({"state": trainer.state_dict()})
        elif action == "kill and resume":
            done = done[: saved[0]]
            trainer = make_trainer(make_batches(3), make_batches(1), epochs=9)
            trainer.load_state_dict(unpack(saved[1], tmp_path)["state"])
        elif action == "pause and go on":
            trainer.control.pause()
            trainer.control.resume()
        else:
            trainer.validate()
            trainer.model.detect(make_batches(1)[0].images)
    replay = make_trainer(make_batches(3), make_batches(1), epochs=9)
    for action in done:
        ACTIONS[action](replay)
    one, other = trainer.state_dict(), replay.state_dict()
    for state in (one, other):
        state["progress"].pop("train_seconds")
    assert [part for part in one if not same(one[part], other[part])] == []


def test_the_state_of_a_training_with_the_largest_seed_is_read_again(tmp_path, make_trainer):
    def trainer():
        scenes = make_scenes(4, 0, SceneSettings(image_size=64), split="train")
        data = Loader(scenes, "train", 2, 64, "cpu", seed=2**63 - 1)
        return make_trainer(data, model=Detector(len(data.classes), device="cpu", seed=2**63 - 1), save_dir=tmp_path)

    trainer().fit(1)
    saved = load_run(tmp_path)
    (again := trainer()).load_state_dict(saved.state)
    assert again.fit(1)["reason"] == "epochs"
