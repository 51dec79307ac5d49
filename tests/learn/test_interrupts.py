"""Ctrl-C at any moment stops between two steps, saved, and the same process trains on."""

import os
import signal
import threading
from pathlib import Path

import pytest

from teachkit.learn.checkpoint import load_run
from teachkit.learn.interrupts import ENDINGS, HeldInterrupt, endings_as_interrupts
from tests.forked import python
from tests.learn.tiny import make_batches, same

ROOT = Path(__file__).resolve().parents[2]


def press():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handler_is_restored():
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


MOMENTS = ["forward", "criterion", "backward", "update", "record", "validation", "saving", "loading a batch"]


def press_at(trainer, moment, monkeypatch):
    """Presses once, at this moment of the third step or of what follows the first epoch."""
    pressed = []

    def once(original, after):
        calls = []

        def wrapped(*arguments, **settings):
            calls.append(1)
            if len(calls) >= after and not pressed:
                pressed.append(1)
                press()
            return original(*arguments, **settings)

        return wrapped

    if moment == "forward":
        trainer.model.forward = once(trainer.model.forward, 3)
    elif moment == "criterion":
        trainer.criterion = once(trainer.criterion, 3)
    elif moment == "backward":
        next(trainer.model.parameters()).register_hook(once(lambda gradient: None, 3))
    elif moment == "update":
        trainer.optimizer.register_step_post_hook(once(lambda *_: None, 3))
    elif moment == "record":
        trainer.on_record = once(trainer.records.append, 3)
    elif moment == "validation":
        trainer.ema.forward = once(trainer.ema.forward, 1)
    elif moment == "saving":
        monkeypatch.setattr("teachkit.files.os.fsync", once(os.fsync, 1))
    else:
        trainer.cursor.data = Pressing(trainer.cursor.data, pressed)


class Pressing(list):
    def __init__(self, batches, pressed):
        super().__init__(batches)
        self.pressed = pressed

    def __iter__(self):
        for place, batch in enumerate(super().__iter__()):
            if place == 2 and not self.pressed:
                self.pressed.append(1)
                press()
            yield batch


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_at_any_moment_stops_between_steps_and_training_goes_on_bit_for_bit(
    make_trainer, tmp_path, monkeypatch, moment
):
    data, validation = make_batches(4), make_batches(2, seed=1)
    whole = make_trainer(data, validation, epochs=2)
    whole.fit()
    trainer = make_trainer(data, validation, epochs=2, save_dir=tmp_path)
    press_at(trainer, moment, monkeypatch)
    assert trainer.fit()["reason"] == "interrupted"
    saved = load_run(tmp_path).state
    assert saved["progress"]["step"] == trainer.step_number < 8
    assert same(saved["train_step"]["model"], dict(trainer.model.state_dict()))
    assert trainer.fit()["reason"] == "epochs"
    assert same(dict(whole.model.state_dict()), dict(trainer.model.state_dict()))
    assert [record["epoch"] for record in trainer.of("epoch")] == [0, 1]


def test_a_second_ctrl_c_breaks_off_at_once(make_trainer):
    trainer = make_trainer()
    forward = trainer.model.forward

    def stuck(images):
        press()
        press()
        return forward(images)

    trainer.model.forward = stuck
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(1)
    trainer.model.forward = forward
    assert trainer.fit(1)["reason"] == "epochs"


def test_ctrl_c_in_a_single_step_waits_until_the_step_is_done(make_trainer):
    trainer, untouched = make_trainer(), make_trainer()
    trainer.optimizer.register_step_post_hook(lambda *_: press())
    with pytest.raises(KeyboardInterrupt):
        trainer.step()
    untouched.step()
    assert trainer.step_number == 1
    assert len(trainer.records) == 1
    assert same(dict(trainer.model.state_dict()), dict(untouched.model.state_dict()))


@pytest.mark.parametrize("part", ["model", "ema"])
def test_ctrl_c_while_a_state_is_loaded_waits_until_all_of_it_is(make_trainer, monkeypatch, part):
    trainer, other = make_trainer(make_batches(3)), make_trainer(make_batches(3))
    other.fit(1)
    wanted = other.state_dict()
    module = getattr(trainer, part)
    load = module.load_state_dict
    monkeypatch.setattr(module, "load_state_dict", lambda state: (load(state), press()))
    with pytest.raises(KeyboardInterrupt):
        trainer.load_state_dict(wanted)
    assert all(same(trainer.state_dict()[key], wanted[key]) for key in ("train_step", "progress"))


def test_ctrl_c_wakes_a_paused_run(make_trainer):
    trainer = make_trainer()
    trainer.control.pause()
    threading.Timer(0.3, press).start()
    assert trainer.fit(1)["reason"] == "interrupted"
    assert trainer.step_number == 0


def test_in_another_thread_signals_are_left_to_the_main_thread(make_trainer):
    trainer, failures = make_trainer(make_batches(2)), []

    def run():
        try:
            assert signal.getsignal(signal.SIGINT) is before
            trainer.fit(1)
        except BaseException as error:
            failures.append(error)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert not failures
    assert trainer.step_number == 2


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler, lambda *_: None])
def test_whatever_handled_the_signal_before_handles_it_again(before):
    ours = signal.signal(signal.SIGINT, before)
    try:
        with HeldInterrupt() as held:
            press()
            assert held.received
        assert signal.getsignal(signal.SIGINT) is before
        with pytest.raises(ZeroDivisionError), HeldInterrupt():
            raise ZeroDivisionError
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, ours)


# endings from outside

PROGRAM = """
import os, signal, sys
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from tests.learn.tiny import make_batches, tiny_detector
number, records = int(sys.argv[2]), []
def take(record):
    records.append(record)
    if record.get("step") == 1 and record["kind"] == "step":
        os.kill(os.getpid(), number), os.kill(os.getpid(), number)  # a closed terminal sends it twice
    if record["kind"] == "end":
        print(record["reason"], flush=True)
Trainer(tiny_detector(), Criterion(), make_batches(4), save_dir=sys.argv[1], threads=1, on_record=take).fit(5)
print("went on")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_to_end_saves_first_and_ends_by_that_signal(tmp_path, heard, number):
    heard(number)
    ended = python(PROGRAM, tmp_path, int(number))
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, "interrupted\n", "")
    assert load_run(tmp_path).state["progress"]["step"] == 2


@pytest.mark.skipif(os.name == "nt", reason="signals as on Unix")
@pytest.mark.parametrize("number", ENDINGS)
def test_within_the_command_an_ending_is_as_ctrl_c_and_none_breaks_off(make_trainer, heard, number):
    heard(number)
    trainer = make_trainer()
    trainer.optimizer.register_step_post_hook(lambda *_: [signal.raise_signal(number) for _ in range(3)])
    with endings_as_interrupts():
        assert trainer.fit(1)["reason"] == "interrupted"
        assert trainer.step_number == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a shell's background
        try:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
        finally:
            signal.signal(signal.SIGINT, before)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_nohup_ignores_stays_ignored(make_trainer):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        trainer = make_trainer(make_batches(2))
        trainer.optimizer.register_step_post_hook(lambda *_: signal.raise_signal(signal.SIGHUP))
        with endings_as_interrupts():
            assert trainer.fit(1)["reason"] == "epochs"
    finally:
        signal.signal(signal.SIGHUP, before)
