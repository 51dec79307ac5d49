import pytest

from teachkit.watch.timeline.marks import ALARMS, Mark, changes_of


def test_a_small_rate_is_written_as_in_its_slider():
    assert Mark(0, {"lr": 0.00007}).label == "rate 7e-5"


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ({"what": "lr", "lr": 0.02, "schedule": "constant"}, {"lr": 0.02}),
        ({"what": "lr", "lr": 0.02, "schedule": "one_cycle", "base": 0.02}, {"schedule": "one_cycle"}),
        ({"what": "weights", "weights": {"box": 3.0, "cls": 0.5}, "before": {"box": 7.5, "cls": 0.5}}, {"box": 3.0}),
        ({"what": "optimizer", "optimizer": "sgd"}, {"optimizer": "sgd"}),
        ({"what": "spike"}, {}),
    ],
)
def test_an_event_says_which_settings_it_changes_and_to_what(event, changes):
    assert changes_of(event) == changes


def test_the_page_is_sent_words_and_the_mark_keeps_the_values():
    mark = Mark(12, {"optimizer": "sgd", "lr": 0.05, "cls": 2}, pending=True)
    label = "optimizer sgd, rate 0.05, class 2"
    assert mark.for_page() == {"step": 12, "label": label, "alarm": False, "pending": True}
    assert mark.changes["lr"] == 0.05


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_is_named(alarm):
    shown = Mark(3, alarm=alarm).for_page()
    assert shown["alarm"] is True
    assert shown["label"] == ALARMS[alarm]


def test_an_alarm_never_stands_without_its_cause():
    assert Mark(3, alarm="diverged", cause={"lr": 0.7}).for_page()["label"] == "diverged: rate 0.7"
