import pytest

from teachkit.errors import UserError
from teachkit.learn.progress import Progress, stopped_early


def test_without_an_end_nothing_is_over_and_no_schedule_settles():
    progress = Progress(step=1000)
    assert not progress.is_over
    assert progress.scheduled == (1000, None)
    assert not progress.is_settling(0.0)
    with pytest.raises(UserError, match="how long"):
        progress.plan(None, None, 0, 4)


def test_more_epochs_move_the_end_of_a_run_that_is_not_over_and_begin_a_schedule_after_one_that_is():
    progress = Progress()
    progress.plan(2, None, epoch=0, length=4)
    progress.step = 5
    progress.plan(2, None, epoch=1, length=4)
    assert (progress.first_step, progress.last_step, progress.scheduled) == (0, 12, (5, 12))
    progress.step = 12
    assert progress.is_over
    progress.plan(1, None, epoch=3, length=4)
    assert (progress.first_step, progress.last_step, progress.scheduled) == (12, 16, (0, 4))


def test_epochs_in_all_count_those_that_are_done():
    progress = Progress(step=5)
    progress.plan(None, 3, epoch=1, length=4)
    assert (progress.first_step, progress.last_step) == (0, 12)
    progress.plan(None, None, epoch=1, length=4)
    assert progress.last_step == 12


@pytest.mark.parametrize(("step", "factor", "settles"), [(60, 0.05, True), (60, 0.1, False), (40, 0.05, False)])
def test_a_schedule_settles_at_its_low_end_and_not_while_it_warms_up(step, factor, settles):
    assert Progress(step=step, last_step=100).is_settling(factor) == settles


def test_its_state_is_all_of_it():
    there, here = Progress(7, 2, 40, 1, 3, 1.5, True, "diverged: so it is."), Progress()
    here.load_state_dict(there.state_dict())
    assert here == there


@pytest.mark.parametrize(("scores", "patience", "wanted"), [
    ([0.1, 0.2, 0.3], 1, (3, 3)),  # never stopped
    ([0.1, 0.1, 0.9], 1, (2, 1)),  # equal is not better
    ([0.1, 0.1, 0.9], 2, (3, 3)),
    ([0.2, 0.41, 0.44, 0.43, 0.45, 0.44, 0.43, 0.45, 0.43, 0.44], 3, (8, 5)),
    ([0.5, 0.4, 0.3, 0.2, 0.6], 3, (4, 1)),
])  # fmt: skip
def test_it_ends_after_that_many_epochs_without_a_better_score_and_keeps_the_best(scores, patience, wanted):
    assert stopped_early(scores, patience) == wanted
