import math
import threading
from functools import partial

import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.optimizer import DEFAULTS
from teachkit.watch.cockpit.presets import PRESETS
from teachkit.watch.cockpit.session import Command

RATE = DEFAULTS["adamw"][0]


def weights_of(session) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in session.trainer.model.parameters()])


def losses_of(session) -> list[tuple]:
    return [row[:5] for row in session.timeline.curves["steps"].rows]


def test_run_starts_no_thread_and_gives_the_same_each_time(make_session):
    before = threading.active_count()
    first, second = make_session(), make_session()
    first.run(12)
    second.run(12)
    assert threading.active_count() <= before
    assert torch.equal(weights_of(first), weights_of(second))
    assert losses_of(first) == losses_of(second)
    assert [row[0] for row in first.timeline.curves["steps"].rows] == list(range(12))


def test_watching_changes_nothing_in_the_training(make_session, make_trainer):
    bare = make_trainer()
    for _ in range(12):
        bare.step()
    watched = make_session(share_every=2, validate_every=3, keep_every=2)
    for _ in range(12):
        watched.detect()
        watched.run(1)
    expected = torch.cat([parameter.detach().flatten() for parameter in bare.model.parameters()])
    assert torch.equal(weights_of(watched), expected)
    assert all(torch.equal(a, b) for a, b in zip(bare.model.buffers(), watched.trainer.model.buffers(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(bare.ema.parameters(), watched.trainer.ema.parameters(), strict=True))


def test_a_setting_is_in_force_at_the_next_step_and_marked_there(make_session):
    records = []
    session = make_session()
    session._pass_on = records.append
    session.run(4)
    session.trainer.control.set(lr=0.02, box=3)
    assert session.pending() == {"lr": 0.02, "box": 3.0}
    session.run(3)
    steps = [record for record in records if record["kind"] == "step"]
    assert [record["lr"] for record in steps] == [RATE] * 4 + [0.02] * 3
    assert [record["weights"]["box"] for record in steps] == [7.5] * 4 + [3.0] * 3
    assert [(mark.step, mark.label) for mark in session.timeline.marks] == [(4, "rate 0.02, box 3")]
    assert session.pending() == {}


def test_a_rate_that_follows_its_schedule_is_not_marked(make_session, make_trainer):
    session = make_session(make_trainer(schedule="cosine", epochs=4))
    session.run(10)
    assert session.timeline.marks == []


def test_commands_wait_and_are_carried_out_between_steps_in_the_order_of_asking(make_session):
    session = make_session()
    session.run(3)
    done = []
    commands = [Command(name, partial(done.append, name)) for name in ("first", "second")]
    for command in commands:
        session.request(command)
    assert (done, session.waiting()) == ([], commands)
    assert [command.step for command in commands] == [None, None]
    session.run(0)
    assert (done, session.waiting()) == (["first", "second"], [])
    assert [command.step for command in commands] == [3, 3]
    assert session.step == 3


def test_a_command_is_waiting_until_it_is_done_and_one_that_fails_holds_up_no_other(make_session):
    session, done = make_session(), []

    def fail():
        done.append([command.words for command in session.waiting()])
        raise ArithmeticError("boom")

    session.request(Command("fails", fail))
    session.request(Command("goes on", partial(done.append, "went on")))
    with pytest.raises(ArithmeticError):
        session.carry_out()
    session.carry_out()
    assert done == [["fails", "goes on"], "went on"]


def test_what_a_cell_sets_while_steps_are_trained_again_does_not_fall_into_the_past(make_session):
    session = make_session(keep_every=100)
    session.run(12)
    before, step = losses_of(session), session.trainer.step

    def meddling():
        record = step()
        session.trainer.control.set(lr=0.5, box=0.0)
        return record

    session.trainer.step = meddling
    session.branch(8)
    session.trainer.step = step
    assert losses_of(session) == before[:8]
    assert [row[5] for row in session.timeline.curves["steps"].rows] == [RATE] * 8


# time travel


@pytest.mark.parametrize("steps_too_high", [1, 8])
def test_a_second_future_begins_before_the_rate_went_far_up_however_soon_it_was_moved_back(
    make_session, steps_too_high
):
    session = make_session()
    for rate, steps in [(RATE / 100, 8), (RATE, 8), (100 * RATE, steps_too_high), (RATE, 8)]:
        session.trainer.control.set(lr=rate)
        session.run(steps)
    session.trouble, session.steps_left = "", 0  # whether it has stopped by itself or not
    session.timeline.marks = [mark for mark in session.timeline.marks if not mark.alarm]
    session.branch(session.fork_step())
    assert session.step == 16
    assert session.trainer.control.lr == RATE


@pytest.mark.parametrize("fork", [0, 4, 7, 8])
def test_an_unchanged_branch_repeats_its_parent_bit_for_bit(make_session, fork):
    session = make_session(keep_every=4)
    session.run(10)
    parent, parent_weights = losses_of(session), weights_of(session)
    session.branch(fork)
    assert session.step == fork
    session.run(10 - fork)
    assert losses_of(session) == parent
    assert torch.equal(weights_of(session), parent_weights)


def test_a_branch_with_another_rate_departs_and_its_parent_stays_to_be_seen(make_session):
    session = make_session(keep_every=4)
    session.run(10)
    parent = losses_of(session)
    session.branch(4)
    session.trainer.control.set(lr=0.05)
    session.run(6)
    assert losses_of(session)[:5] == parent[:5]  # the first step of the branch sees the old weights
    assert losses_of(session)[5:] != parent[5:]
    assert [row[:5] for row in session.ghosts[-1].curves["steps"].rows] == parent


def test_an_unchanged_branch_repeats_changes_of_settings_only_if_they_are_made_again(make_session):
    session = make_session(keep_every=4)
    session.run(6)
    session.trainer.control.set(box=0, lr=0.01)
    session.run(6)
    parent = losses_of(session)
    session.branch(6)
    assert session.step == 6
    session.run(0)
    session.trainer.control.set(box=0, lr=0.01)
    session.run(6)
    assert losses_of(session) == parent


def test_a_snapshot_is_taken_before_a_change_with_the_settings_of_before(make_session):
    session = make_session(keep_every=1000)
    session.run(7)
    session.trainer.control.set(lr=0.3)
    session.run(5)
    assert session.snapshots.steps == [0, 7]
    session.rewind(7)
    session.run(1)
    assert session.timeline.curves["steps"].rows[-1][5] == RATE


def test_rewinding_forgets_what_came_later(make_session):
    session = make_session(keep_every=4, share_every=2, validate_every=3)
    session.run(11)
    session.rewind(9)
    assert session.step == 9
    assert [row[0] for row in session.timeline.curves["steps"].rows] == list(range(9))
    assert max(row[0] for row in session.timeline.curves["shares"].rows) <= 9
    assert session.snapshots.steps == [0, 4, 8]
    assert session.ghosts == []


@pytest.mark.parametrize("back_to", [3, 5, 9, 10, 14, 17])
def test_going_back_to_any_step_repeats_all_that_was_moved_on_the_way(make_session, back_to):
    """A rate, a weight and a schedule moved between snapshots, and an optimizer changed."""

    def ride(session, last):
        for step in range(last):
            if step == 2:
                session.trainer.control.set(lr=0.02)
            if step == 4:
                session.trainer.control.set(box=1.0, schedule="cosine")
            if step == 9:
                session.use_optimizer("sgd")
            if step == 13:
                session.trainer.control.set(dfl=0.0)
            session.run(1)

    direct, travelled = make_session(keep_every=8), make_session(keep_every=8)
    ride(direct, back_to)
    ride(travelled, 18)
    travelled.rewind(back_to)
    assert travelled.step == back_to
    assert losses_of(travelled) == losses_of(direct)
    assert torch.equal(weights_of(travelled), weights_of(direct))
    assert type(travelled.trainer.optimizer) is type(direct.trainer.optimizer)
    assert travelled.trainer.control.state_dict() == direct.trainer.control.state_dict()
    assert [vars(mark) for mark in travelled.timeline.marks] == [vars(mark) for mark in direct.timeline.marks]


@pytest.mark.parametrize("step", [-1, 6, 10**9])
def test_a_step_that_has_never_been_cannot_be_gone_to(make_session, step):
    session = make_session()
    session.run(5)
    for go in (session.rewind, session.branch):
        with pytest.raises(UserError, match=f"step {step}"):
            go(step)
    assert (session.step, session.ghosts) == (5, [])


def test_another_optimizer_survives_the_way_back(make_session):
    session = make_session(keep_every=3)
    session.run(6)
    parent = losses_of(session)
    session.use_optimizer("sgd")
    session.run(6)
    assert type(session.trainer.optimizer).__name__ == "SGD"
    assert session.trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    session.branch(3)
    assert type(session.trainer.optimizer).__name__ == "AdamW"
    session.run(3)
    assert losses_of(session) == parent
    with pytest.raises(UserError, match="choose adamw or sgd"):
        session.use_optimizer("adagrad")


def test_an_optimizer_handed_over_can_be_left_and_taken_up_again(make_session, make_trainer):
    trainer = make_trainer()
    own = torch.optim.RMSprop(trainer.model.parameters(), lr=1e-3)
    trainer.optimizer = own
    session = make_session(trainer)
    session.run(2)
    session.use_optimizer("sgd")
    session.run(2)
    session.reset()
    session.run(0)
    assert session.trainer.optimizer is own


def test_reset_is_the_first_step_with_the_first_settings(make_session):
    session = make_session()
    start = weights_of(session)
    session.trainer.control.set(box=0, lr=0.5)
    session.run(6)
    session.branch(5)
    session.reset()
    assert session.step == 0
    assert torch.equal(weights_of(session), start)
    assert session.trainer.control.weights.box == 7.5
    assert losses_of(session) == []
    assert session.ghosts == []
    session.run(3)
    assert session.timeline.curves["steps"].rows[-1][5] == RATE


# rescue


def poison(session) -> None:
    """The next batch holds a NaN."""
    cursor = session.trainer.cursor
    batch = cursor.data[cursor.batch_index]
    images = batch.images.clone()
    images[0, 0, 0, 0] = math.nan
    cursor.data = [*cursor.data]
    cursor.data[cursor.batch_index] = type(batch)(images, batch.ground_truth, batch.names)
    cursor._batches = None


def test_a_nan_stops_the_run_before_it_harms_the_weights(make_session):
    session = make_session(keep_every=2)
    session.run(3)
    before = weights_of(session)
    poison(session)
    session.run(50)
    assert session.step <= 4
    assert torch.equal(weights_of(session), before)
    assert "not finite" in session.trouble
    assert session.timeline.marks[-1].alarm
    session.rescue()
    assert session.trouble == ""
    assert session.step in (0, 2)


def test_the_way_out_of_a_divergence_leads_to_before_the_change_that_caused_it(make_session):
    session = make_session(keep_every=3)
    session.run(8)
    session.trainer.control.set(lr=20.0)
    session.run(4)
    session._take({"kind": "event", "step": 12, "what": "diverged", "message": "the losses ran away"})
    assert session.trouble == "the losses ran away"
    assert session.rescue_step <= 8
    session.rescue()
    assert session.step <= 8
    assert session.trainer.control.lr != 20.0


def test_nothing_to_rescue_is_said(make_session):
    with pytest.raises(UserError, match="nothing to rescue"):
        make_session().rescue()


def test_a_frozen_batch_gives_the_same_raw_losses_whatever_the_weights(make_session):
    session = make_session()
    model, criterion, batch = session.trainer.model.eval(), session.trainer.criterion, session.probes.probe
    with torch.no_grad():
        raw = {}
        for name, preset in PRESETS.items():
            for loss, weight in preset.settings(RATE, session.usual_weights).items():
                if loss != "lr":
                    setattr(criterion.weights, loss, weight)
            losses = criterion(model(batch.images), batch.ground_truth)
            raw[name] = (losses.box.item(), losses.cls.item(), losses.dfl.item())
    assert len(set(raw.values())) == 1
