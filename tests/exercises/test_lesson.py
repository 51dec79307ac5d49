import torch

from teachkit.exercises.lesson import about, begin, missing, right, wrong


def test_a_number_that_varies_is_rounded_and_carries_its_mark():
    assert about(0.8271) == "≈ 0.83"
    assert about(22, 27.6, 0) == "≈ 22, ≈ 28, ≈ 0"
    assert about(123.4) == "≈ 120"
    assert about(-1 / 3, digits=3) == "≈ -0.333"
    assert about(1.23e-7) == "≈ 1.2e-07"


def test_a_verdict_is_set_with_a_mark_that_needs_no_colour_and_its_code_as_code():
    shown = wrong("`step` is <b>late</b>", "twice")._repr_html_()
    assert shown.count("✗") == 2
    assert "not yet: <code>step</code> is &lt;b&gt;late&lt;/b&gt;" in shown
    assert "✓" in right("yes")._repr_html_()
    assert "○" in missing("a number")._repr_html_()


def test_a_lesson_begins_with_as_many_threads_as_a_training_has(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    before = torch.get_num_threads()
    try:
        begin("03")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
