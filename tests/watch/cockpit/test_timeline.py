from teachkit.watch.cockpit.marks import labelled
from teachkit.watch.cockpit.timeline import Curve, Story


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
    story = Story()
    for step in range(8):
        story.mark(step, labelled("lr", 0.1 * step))
    story.mark(9, labelled("box", 3.0))
    story.mark(30, labelled("box", 4.0))
    assert [(mark.step, mark.label) for mark in story.marks] == [(7, "rate 0.7"), (9, "box 3"), (30, "box 4")]


def test_an_alarm_is_never_merged_away():
    story = Story()
    story.mark(3, "spike", alarm=True)
    story.mark(4, "spike", alarm=True)
    assert len(story.marks) == 2


def test_marks_and_looks_are_bounded():
    story = Story()
    for step in range(0, 20_000, 10):
        story.mark(step, labelled("lr", step))
        story.look(step, [])
    assert len(story.marks) <= 200
    assert len(story.looks) <= 400


def test_until_is_a_copy_that_ends_before_the_step():
    story = Story()
    for step in range(20):
        story.curves["scores"].append(step, 0.5, 0.4)
        story.look(step, [[[step]]])
    story.mark(4, "box 3")
    story.mark(15, "box 4")
    copy = story.until(10)
    copy.curves["scores"].append(10, 0.1, 0.1)
    assert [row[0] for row in copy.curves["scores"].rows] == list(range(11))
    assert [mark.step for mark in copy.marks] == [4]
    assert copy.found_at(100) == [[[10]]]
    assert len(story.curves["scores"].rows) == 20


def test_found_at_gives_the_last_look_before():
    story = Story()
    story.look(5, [[[1]]])
    story.look(20, [[[2]]])
    assert [story.found_at(step) for step in (4, 5, 19, 20)] == [None, [[[1]]], [[[1]]], [[[2]]]]


def test_a_small_rate_is_written_as_in_its_slider():
    assert labelled("lr", 0.00007) == "rate 7e-5"
