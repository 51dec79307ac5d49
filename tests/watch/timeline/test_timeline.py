import math

import pytest

from teachkit.watch.timeline.marks import Mark
from teachkit.watch.timeline.timeline import Curve, Timeline


def test_a_curve_hands_out_what_is_new():
    curve = Curve(("step", "loss"))
    for step in range(5):
        curve.append(step, 10.0 + step)
    assert curve.since(3) == {"step": [3, 4], "loss": [13.0, 14.0]}
    assert curve.since(5) == {"step": [], "loss": []}


def test_a_curve_is_bounded_and_a_spike_survives_the_thinning():
    curve = Curve(("step", "loss"), limit=100)
    for step in range(10_000):
        curve.append(step, 99.0 if step == 1234 else 1.0 + step % 7 / 10)
    assert len(curve.rows) <= 100
    assert (1234, 99.0) in curve.rows
    assert [row[0] for row in curve.rows] == sorted(row[0] for row in curve.rows)
    assert curve.version > 0


def test_missing_values_survive_the_thinning():
    curve = Curve(("step", "loss"), limit=8)
    for step in range(20):
        curve.append(step, None if step % 2 else 1.0)
    assert len(curve.rows) <= 9


def test_dragging_a_control_leaves_one_mark_and_two_controls_leave_two():
    timeline = Timeline()
    for step in range(8):
        timeline.mark(step, {"lr": 0.1 * step})
    timeline.mark(9, {"box": 3.0})
    timeline.mark(30, {"box": 4.0})
    assert [(mark.step, mark.label) for mark in timeline.marks] == [(7, "rate 0.7"), (9, "box 3"), (30, "box 4")]


def test_an_alarm_is_never_merged_away():
    timeline = Timeline()
    timeline.mark(3, alarm="spike")
    timeline.mark(4, alarm="spike")
    assert len(timeline.marks) == 2


def test_marks_and_detections_are_bounded():
    timeline = Timeline()
    for step in range(0, 20_000, 10):
        timeline.mark(step, {"lr": step})
        timeline.keep_detections(step, [])
    assert len(timeline.marks) <= 200
    assert len(timeline.detections) <= 400


def test_until_is_a_copy_that_ends_before_the_step():
    timeline = Timeline()
    for step in range(20):
        timeline.curves["scores"].append(step, 0.5, 0.4)
        timeline.curves["shares"].append(step, 0.5, 0.2, 0.3)
        timeline.keep_detections(step, [[[step]]])
    timeline.mark(4, {"box": 3.0})
    timeline.mark(15, {"box": 4.0})
    copy = timeline.until(10)
    copy.curves["shares"].append(10, 0.1, 0.1, 0.8)
    assert [row[0] for row in copy.curves["shares"].rows] == list(range(11))
    # the last is of the weights before step 10
    assert [row[0] for row in copy.curves["scores"].rows] == list(range(11))
    assert [mark.step for mark in copy.marks] == [4]
    assert copy.found_at(100) == [[[10]]]
    assert len(timeline.curves["scores"].rows) == 20


def test_found_at_gives_the_last_detections_before():
    timeline = Timeline()
    timeline.keep_detections(5, [[[1]]])
    timeline.keep_detections(20, [[[2]]])
    assert [timeline.found_at(step) for step in (4, 5, 19, 20)] == [None, [[[1]]], [[[1]]], [[[2]]]]


def test_a_change_is_marked_with_its_values_at_the_first_step_that_it_is_in_force_for():
    timeline = Timeline()
    timeline.take({"kind": "event", "step": 4, "what": "lr", "lr": 0.02, "schedule": "constant"})
    event = {"weights": {"box": 3.0, "cls": 0.5, "dfl": 2.0}, "before": {"box": 7.5, "cls": 0.5, "dfl": 1.5}}
    assert timeline.take({"kind": "event", "step": 4, "what": "weights"} | event) is None
    mark = timeline.take({"kind": "step", "step": 4, "total": 1.0, "weights": event["weights"]})
    assert mark == timeline.marks[0] == Mark(4, {"lr": 0.02, "box": 3.0, "dfl": 2.0})
    assert mark.label == "rate 0.02, box 3, DFL 2"
    assert timeline.take({"kind": "step", "step": 5, "total": 1.0}) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_number_that_is_not_finite_is_a_gap_in_the_curve(value):
    timeline = Timeline()
    timeline.take({"kind": "step", "step": 0, "total": value, "box": 1.0})
    assert timeline.columns()["steps"]["total"] == [None]
    assert timeline.columns()["steps"]["box"] == [1.0]


def test_a_copy_does_not_grow_with_the_training():
    timeline = Timeline()
    timeline.take({"kind": "step", "step": 0})
    copy = timeline.copy()
    timeline.take({"kind": "step", "step": 1})
    timeline.mark(1, {"box": 3.0})
    assert copy.columns()["steps"]["step"] == [0]
    assert copy.marks == []


@pytest.mark.parametrize(("later", "cause"), [(3, {"lr": 0.7}), (300, {})])
def test_an_alarm_takes_the_last_change_before_it_for_its_cause_if_that_is_near(later, cause):
    timeline = Timeline()
    timeline.mark(2, {"box": 3.0})
    timeline.mark(20, {"lr": 0.7})
    timeline.mark(20 + later, alarm="spike")
    assert timeline.mark(21 + later, alarm="diverged").cause == cause
    assert timeline.mark(22 + later, {"lr": 0.007}).cause == {}
