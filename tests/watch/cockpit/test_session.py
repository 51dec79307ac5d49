import math
import threading
from functools import partial

import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.optimizer import DEFAULTS
from teachkit.watch.cockpit.presets import PRESETS

RATE = DEFAULTS["adamw"][0]


def weights_of(lab) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in lab.trainer.model.parameters()])


def losses_of(lab) -> list[tuple]:
    return [row[:5] for row in lab.story.curves["steps"].rows]


def test_run_starts_no_thread_and_gives_the_same_each_time(make_lab):
    before = threading.active_count()
    first, second = make_lab(), make_lab()
    first.run(12)
    second.run(12)
    assert threading.active_count() == before
    assert torch.equal(weights_of(first), weights_of(second))
    assert losses_of(first) == losses_of(second)
    assert [row[0] for row in first.story.curves["steps"].rows] == list(range(12))


def test_watching_changes_nothing_in_the_training(make_lab, make_trainer):
    bare = make_trainer()
    for _ in range(12):
        bare.step()
    watched = make_lab(share_every=2, validate_every=3, keep_every=2)
    for _ in range(12):
        watched.look()
        watched.run(1)
    expected = torch.cat([parameter.detach().flatten() for parameter in bare.model.parameters()])
    assert torch.equal(weights_of(watched), expected)
    assert all(torch.equal(a, b) for a, b in zip(bare.model.buffers(), watched.trainer.model.buffers(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(bare.ema.parameters(), watched.trainer.ema.parameters(), strict=True))


def test_a_setting_is_in_force_at_the_next_step_and_marked_there(make_lab):
    records = []
    lab = make_lab()
    lab._pass_on = records.append
    lab.run(4)
    lab.trainer.control.set(lr=0.02, box=3)
    assert lab.waiting() == {"lr": 0.02, "box": 3.0}
    lab.run(3)
    steps = [record for record in records if record["kind"] == "step"]
    assert [record["lr"] for record in steps] == [RATE] * 4 + [0.02] * 3
    assert [record["weights"]["box"] for record in steps] == [7.5] * 4 + [3.0] * 3
    assert [(mark.step, mark.label) for mark in lab.story.marks] == [(4, "rate 0.02, box 3")]
    assert lab.waiting() == {}


def test_a_rate_that_follows_its_schedule_is_not_marked(make_lab, make_trainer):
    lab = make_lab(make_trainer(schedule="cosine", epochs=4))
    lab.run(10)
    assert lab.story.marks == []


def test_requests_are_done_between_steps_and_in_order(make_lab):
    lab = make_lab()
    lab.run(3)
    done = []
    lab.request(partial(done.append, "first"))
    lab.request(partial(done.append, "second"))
    assert done == []
    lab.run(0)
    assert done == ["first", "second"]
    assert lab.step == 3


# time travel


@pytest.mark.parametrize("fork", [0, 4, 7, 8])
def test_an_unchanged_branch_repeats_its_parent_bit_for_bit(make_lab, fork):
    lab = make_lab(keep_every=4)
    lab.run(10)
    parent, parent_weights = losses_of(lab), weights_of(lab)
    lab.branch(fork)
    assert lab.step == fork
    lab.run(10 - fork)
    assert losses_of(lab) == parent
    assert torch.equal(weights_of(lab), parent_weights)


def test_a_branch_with_another_rate_departs_and_its_parent_stays_to_be_seen(make_lab):
    lab = make_lab(keep_every=4)
    lab.run(10)
    parent = losses_of(lab)
    lab.branch(4)
    lab.trainer.control.set(lr=0.05)
    lab.run(6)
    assert losses_of(lab)[:5] == parent[:5]  # the first step of the branch sees the old weights
    assert losses_of(lab)[5:] != parent[5:]
    assert [row[:5] for row in lab.ghosts[-1].curves["steps"].rows] == parent


def test_an_unchanged_branch_repeats_changes_of_settings_only_if_they_are_made_again(make_lab):
    lab = make_lab(keep_every=4)
    lab.run(6)
    lab.trainer.control.set(box=0, lr=0.01)
    lab.run(6)
    parent = losses_of(lab)
    lab.branch(6)
    assert lab.step == 6
    lab.run(0)
    lab.trainer.control.set(box=0, lr=0.01)
    lab.run(6)
    assert losses_of(lab) == parent


def test_a_snapshot_is_taken_before_a_change_with_the_settings_of_before(make_lab):
    lab = make_lab(keep_every=1000)
    lab.run(7)
    lab.trainer.control.set(lr=0.3)
    lab.run(5)
    assert lab.history.steps == [0, 7]
    lab.rewind(7)
    lab.run(1)
    assert lab.story.curves["steps"].rows[-1][5] == RATE


def test_rewinding_forgets_what_came_later(make_lab):
    lab = make_lab(keep_every=4, share_every=2, validate_every=3)
    lab.run(11)
    lab.rewind(9)
    assert lab.step == 9
    assert [row[0] for row in lab.story.curves["steps"].rows] == list(range(9))
    assert max(row[0] for row in lab.story.curves["shares"].rows) <= 9
    assert lab.history.steps == [0, 4, 8]
    assert lab.ghosts == []


@pytest.mark.parametrize("back_to", [3, 5, 9, 10, 14, 17])
def test_going_back_to_any_step_repeats_all_that_was_moved_on_the_way(make_lab, back_to):
    """A rate, a weight and a schedule moved between snapshots, and an optimizer changed."""

    def ride(lab, last):
        for step in range(last):
            if step == 2:
                lab.trainer.control.set(lr=0.02)
            if step == 4:
                lab.trainer.control.set(box=1.0, schedule="cosine")
            if step == 9:
                lab.use_optimizer("sgd")
            if step == 13:
                lab.trainer.control.set(dfl=0.0)
            lab.run(1)

    direct, travelled = make_lab(keep_every=8), make_lab(keep_every=8)
    ride(direct, back_to)
    ride(travelled, 18)
    travelled.rewind(back_to)
    assert travelled.step == back_to
    assert losses_of(travelled) == losses_of(direct)
    assert torch.equal(weights_of(travelled), weights_of(direct))
    assert type(travelled.trainer.optimizer) is type(direct.trainer.optimizer)
    assert travelled.trainer.control.state_dict() == direct.trainer.control.state_dict()
    assert [vars(mark) for mark in travelled.story.marks] == [vars(mark) for mark in direct.story.marks]


@pytest.mark.parametrize("step", [-1, 6, 10**9])
def test_a_step_that_has_never_been_cannot_be_gone_to(make_lab, step):
    lab = make_lab()
    lab.run(5)
    for go in (lab.rewind, lab.branch):
        with pytest.raises(UserError, match=f"step {step}"):
            go(step)
    assert (lab.step, lab.ghosts) == (5, [])


def test_another_optimizer_survives_the_way_back(make_lab):
    lab = make_lab(keep_every=3)
    lab.run(6)
    parent = losses_of(lab)
    lab.use_optimizer("sgd")
    lab.run(6)
    assert type(lab.trainer.optimizer).__name__ == "SGD"
    assert lab.trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    lab.branch(3)
    assert type(lab.trainer.optimizer).__name__ == "AdamW"
    lab.run(3)
    assert losses_of(lab) == parent
    with pytest.raises(UserError, match="choose adamw or sgd"):
        lab.use_optimizer("adagrad")


def test_an_optimizer_handed_over_can_be_left_and_taken_up_again(make_lab, make_trainer):
    trainer = make_trainer()
    own = torch.optim.RMSprop(trainer.model.parameters(), lr=1e-3)
    trainer.optimizer, trainer.base_rates = own, [1e-3]
    lab = make_lab(trainer)
    lab.run(2)
    lab.use_optimizer("sgd")
    lab.run(2)
    lab.reset()
    lab.run(0)
    assert lab.trainer.optimizer is own


def test_reset_is_the_first_step_with_the_first_settings(make_lab):
    lab = make_lab()
    start = weights_of(lab)
    lab.trainer.control.set(box=0, lr=0.5)
    lab.run(6)
    lab.branch(5)
    lab.reset()
    assert lab.step == 0
    assert torch.equal(weights_of(lab), start)
    assert lab.trainer.control.weights.box == 7.5
    assert losses_of(lab) == []
    assert lab.ghosts == []
    lab.run(3)
    assert lab.story.curves["steps"].rows[-1][5] == RATE


# rescue


def poison(lab) -> None:
    """The next batch holds a NaN."""
    passes = lab.trainer.passes
    batch = passes.data[passes.place]
    images = batch.images.clone()
    images[0, 0, 0, 0] = math.nan
    passes.data = [*passes.data]
    passes.data[passes.place] = type(batch)(images, batch.ground_truth, batch.names)
    passes._batches = None


def test_a_nan_stops_the_run_before_it_harms_the_weights(make_lab):
    lab = make_lab(keep_every=2)
    lab.run(3)
    before = weights_of(lab)
    poison(lab)
    lab.run(50)
    assert lab.step <= 4
    assert torch.equal(weights_of(lab), before)
    assert "not finite" in lab.trouble
    assert lab.story.marks[-1].alarm
    lab.rescue()
    assert lab.trouble == ""
    assert lab.step in (0, 2)


def test_the_way_out_of_a_divergence_leads_to_before_the_change_that_caused_it(make_lab):
    lab = make_lab(keep_every=3)
    lab.run(8)
    lab.trainer.control.set(lr=20.0)
    lab.run(4)
    lab._take_event({"kind": "event", "step": 12, "what": "diverged", "message": "the losses ran away"})
    assert lab.trouble == "the losses ran away"
    assert lab.rescue_step <= 8
    lab.rescue()
    assert lab.step <= 8
    assert lab.trainer.control.lr != 20.0


def test_nothing_to_rescue_is_said(make_lab):
    with pytest.raises(UserError, match="nothing to rescue"):
        make_lab().rescue()


def test_a_frozen_batch_gives_the_same_raw_losses_whatever_the_weights(make_lab):
    lab = make_lab()
    model, criterion, batch = lab.trainer.model.eval(), lab.trainer.criterion, lab.gauges.probe
    with torch.no_grad():
        raw = {}
        for name, preset in PRESETS.items():
            for loss, weight in preset.settings(RATE, lab.usual_weights).items():
                if loss != "lr":
                    setattr(criterion.weights, loss, weight)
            losses = criterion(model(batch.images), batch.ground_truth)
            raw[name] = (losses.box.item(), losses.cls.item(), losses.dfl.item())
    assert len(set(raw.values())) == 1
