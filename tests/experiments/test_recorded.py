"""What lessons say of their recorded runs holds on all five seeds."""

from teachkit.experiments import recorded
from teachkit.learn.progress import stopped_early


def of_plans(name: str, value: str) -> dict[str, list[float]]:
    """plan → the value of each seed."""
    values: dict[str, list[float]] = {}
    for run in recorded.records(name):
        values.setdefault(run["plan"], []).append(run[value])
    assert {len(five) for five in values.values()} == {5}
    return values


def test_without_the_box_loss_dfl_still_teaches_boxes_and_without_both_nothing_does():
    overlap, f1 = of_plans("box_weight", "overlap"), of_plans("box_weight", "f1")
    assert min(overlap["box 0"]) > 0.65
    assert max(overlap["both 0"]) < 0.35
    assert min(overlap["class 0"]) > 0.65
    assert not any(f1["class 0"])
    assert sum(without > usual for without, usual in zip(f1["box 0"], f1["usual"], strict=True)) == 4


def test_the_usual_rate_throughout_is_better_than_ten_times_it_at_first():
    of_cls = of_plans("late_drop", "cls")
    for high, dropped, usual in zip(*(of_cls[plan] for plan in ("high", "high, then usual", "usual")), strict=True):
        assert usual < 0.95 * dropped < dropped < 0.98 * high


def test_the_first_exams_mark_statistics_that_lag_behind():
    for run in recorded.records("early_exams"):
        early, later = (stopped_early(run[name], 1) for name in ("running", "anew"))
        assert early[0] <= 3 < 6 <= later[0]
        assert run["running"][early[1] - 1] < 0.02 < 0.2 <= run["anew"][later[1] - 1]
        assert all(lagging < anew for lagging, anew in zip(run["running"], run["anew"], strict=True))
