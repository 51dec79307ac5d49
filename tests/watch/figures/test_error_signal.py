import pytest

from teachkit.watch.figures.error_signal import signal_picture

SIGNAL = {"neck": {"box": 1.0, "cls": 0.1, "dfl": 0.4}, "class branch": {"box": 0.0, "cls": 2.0, "dfl": 0.0}}


def test_each_bar_is_as_long_as_the_signal_and_a_missing_one_says_0():
    axes = signal_picture(SIGNAL).axes[0]
    bars = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers}
    assert bars == {name: [arrived[name] for arrived in SIGNAL.values()] for name in ("box", "cls", "dfl")}
    assert [text.get_text() for text in axes.texts] == ["0", "0"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(SIGNAL)


def test_the_words_say_which_losses_arrive_where():
    assert "neck: box, cls, dfl; class branch: cls" in signal_picture(SIGNAL).alt


def test_losses_are_told_apart_without_colour():
    axes = signal_picture(SIGNAL).axes[0]
    assert len({bars[0].get_hatch() for bars in axes.containers}) == 3


@pytest.mark.parametrize("signal", [{"neck": {"box": 0.0, "cls": 0.0, "dfl": 0.0}}])
def test_a_detector_that_nothing_reaches_is_shown_too(signal):
    assert signal_picture(signal).png()
