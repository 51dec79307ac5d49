"""A value that makes no sense is refused and the old one stays. And who may call what, when."""

import math
import threading
from fractions import Fraction

import numpy as np
import pytest
import torch

from teachkit.errors import UserError
from teachkit.learn.control import Control
from teachkit.punish.criterion import Criterion
from teachkit.structures import LossWeights

SENSELESS = [
    math.nan,
    math.inf,
    -math.inf,
    -1e-9,
    -1,
    1e9,
    "fast",
    "0.1",
    "",
    None,
    True,
    [0.1],
    {"lr": 1},
    1j,
    b"1",
    Fraction(10**400),
    torch.ones(2),
    np.True_,
    torch.tensor(True),
]


def make_control():
    weights = LossWeights()
    return Control(0.01, "cosine", lambda: weights)


@pytest.mark.parametrize("value", [one for one in SENSELESS if one is not None])
def test_a_senseless_learning_rate_is_refused_and_the_old_one_stays(value):
    control = make_control()
    control.lr = 0.02
    with pytest.raises(UserError, match="lr must be a number from 0 to 100"):
        control.lr = value
    assert control.lr == control.take().lr == 0.02


@pytest.mark.parametrize("name", ["box", "cls", "dfl"])
@pytest.mark.parametrize("value", SENSELESS)
def test_a_senseless_weight_is_refused_and_the_old_one_stays(name, value):
    control = make_control()
    before = control.weights.as_dict()
    with pytest.raises(UserError, match=f"the {name} weight must be a number from 0"):
        setattr(control.weights, name, value)
    assert control.weights.as_dict() == before


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(2), torch.tensor(0.25), 1e-12])
def test_any_kind_of_number_will_do(value):
    control = make_control()
    control.set(lr=value, box=value)
    assert type(control.lr) is float
    assert control.lr == control.weights.box == float(value)


@pytest.mark.parametrize(
    "bad", [{"cls": -1}, {"schedule": "linear"}, {"lr": math.nan}, {"momentum": 0.9}, {"schedule": 3}]
)
def test_of_several_changes_all_are_taken_or_none(bad):
    control = make_control()
    before = control.state_dict()
    with pytest.raises(UserError):
        control.set(**{"lr": 0.5, "box": 9.0, "dfl": 2.0, **bad})
    assert control.state_dict() == before


def test_a_misspelt_weight_is_an_error():
    control = make_control()
    with pytest.raises(AttributeError):
        control.weights.boxes = 3
    with pytest.raises(UserError, match="no control boxes"):
        control.set(boxes=3)


def test_weights_that_are_set_as_a_whole_are_asked_for_like_one():
    control = make_control()
    control.weights = LossWeights(1, 2, 3)
    control.weights.box = 9
    assert control.asked().weights == {"box": 9, "cls": 2, "dfl": 3}
    with pytest.raises(UserError, match=r"must be LossWeights\(box, cls, dfl\), not \(1, 2, 3\)"):
        control.weights = (1, 2, 3)


def test_weights_asked_for_are_read_back_at_once_and_in_force_when_taken():
    weights = LossWeights()
    control = Control(0.01, "cosine", lambda: weights)
    control.weights.box = 3
    assert (control.weights.box, weights.box) == (3, 7.5)
    control.take()
    assert (control.weights.box, weights.box) == (3, 3)


def test_a_weight_set_on_the_criterion_after_the_control_was_taken_stays():
    weights = LossWeights()
    control = Control(0.01, "cosine", lambda: weights)
    control.set(box=3)
    control.take()
    weights.box = 5
    control.take()
    assert weights.box == control.weights.box == 5


def test_weights_that_the_criterion_is_given_are_those_that_the_control_reads_and_sets():
    criterion = Criterion()
    control = Control(0.01, "cosine", lambda: criterion.weights)
    control.set(box=9)
    criterion.weights = LossWeights(1, 2, 3)
    assert control.weights.as_dict() == {"box": 9, "cls": 2, "dfl": 3}
    control.take()
    assert criterion.weights == LossWeights(9, 2, 3)
    criterion.weights = LossWeights(4, 5, 6)
    assert control.weights.as_dict() == control.state_dict()["weights"] == {"box": 4, "cls": 5, "dfl": 6}


def test_a_fixed_rate_counts_as_the_constant_schedule():
    control = make_control()
    assert (control.lr, control.schedule) == (None, "cosine")
    control.set(lr=0.5)
    assert (control.lr, control.schedule) == (0.5, "constant")
    control.set(lr=None)
    assert (control.lr, control.schedule) == (None, "cosine")


def test_rate_and_schedule_together_give_the_schedule_a_new_base():
    control = make_control()
    control.set(lr=0.5, schedule="one_cycle")
    rate = control.take()
    assert (rate.base, rate.schedule, rate.lr) == (0.5, "one_cycle", None)


def test_many_threads_at_once_lose_no_change_and_tear_none():
    """Every change sets the rate and all weights to one number: a mixture of two would be a torn one."""
    weights = LossWeights()
    control = Control(0.01, "cosine", lambda: weights)
    done = threading.Event()

    def move(start):
        for number in range(start, start + 500):
            control.set(lr=number / 100, box=number, cls=number, dfl=number)

    movers = [threading.Thread(target=move, args=(1000 * start,)) for start in range(1, 5)]

    def watch():
        while not done.is_set():
            rate = control.take()
            row = weights.as_dict()
            if rate.lr is not None:
                torn.extend([row] if len({*row.values(), round(rate.lr * 100)}) > 1 else [])

    torn = []
    watcher = threading.Thread(target=watch)
    watcher.start()
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()
    done.set()
    watcher.join()
    control.take()
    assert torn == []
    assert len(set(weights.as_dict().values())) == 1


def test_its_state_comes_back_asked_for_and_not_yet_in_force():
    weights = LossWeights()
    control = Control(0.01, "cosine", lambda: weights)
    control.set(lr=0.5, box=3)
    state = control.state_dict()
    control.set(lr=0.7, box=4, schedule="steps")
    control.load_state_dict(state)
    assert control.state_dict() == state
    assert weights.box == 7.5


def test_waiting_ends_with_resume_and_with_stop():
    control = make_control()
    control.wait_while_paused()
    for end in (control.resume, control.stop):
        control.pause()
        assert control.paused
        waiting = threading.Thread(target=control.wait_while_paused)
        waiting.start()
        end()
        waiting.join(10)
        assert not waiting.is_alive()
    assert control.stopped
    control.resume()
    assert not control.stopped


def test_a_name_that_no_control_has_is_not_lost():
    with pytest.raises(AttributeError, match="box"):
        make_control().box = 3
