import io

import numpy as np
import pytest
from PIL import Image

from teachkit.experiments import recorded
from teachkit.scoring.precision import PrecisionRecall, precision_recall
from teachkit.watch.figures import cycle as cycle_figures


def spread_of(figure) -> float:
    return float(np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).std())


@pytest.fixture(scope="module")
def runs():
    return {str(seed): recorded.records(f"few_pictures_{seed}") for seed in range(5)}


def test_the_mean_of_an_epoch_is_that_of_its_steps(runs):
    log = runs["0"]
    last = [one["box"] for one in log if one["kind"] == "step"][-4:]
    assert cycle_figures.mean_of_epochs(log, "box")[-1] == pytest.approx(sum(last) / 4)
    assert len(cycle_figures.of_epochs(log, "map50")) == 125


def test_what_lesson_09_says_of_32_pictures_holds_on_five_seeds(runs):
    for log in runs.values():
        training, validation = cycle_figures.mean_of_epochs(log, "total"), cycle_figures.of_epochs(log, "val_total")
        best = int(np.argmin(validation))
        assert 20 < best < 80
        assert training[-1] < 0.77 * training[best]
        assert validation[-1] > validation[best]
        classes = cycle_figures.of_epochs(log, "val_cls")
        assert classes[-1] > 1.07 * min(classes)
        for name in ("box", "dfl"):
            assert cycle_figures.of_epochs(log, f"val_{name}")[-1] < 1.03 * min(
                cycle_figures.of_epochs(log, f"val_{name}")
            )
        assert abs(cycle_figures.of_epochs(log, "map50")[-1] - max(cycle_figures.of_epochs(log, "map50"))) < 0.04
        assert not [one for one in log if one["kind"] == "event"]


def test_after_the_best_the_training_loss_falls_and_the_class_loss_of_the_exam_alone_rises(runs):
    for log in runs.values():
        change = cycle_figures.after_the_best(log)
        assert change["training"] < -0.23
        assert [name for name, share in change.items() if share > 0.03] == ["exam cls"]


def test_faults_side_by_side_has_a_dot_for_each_run():
    figure = cycle_figures.faults_side_by_side(recorded.records("data_faults"))
    assert figure.axes[0].get_title() == "exam: mAP50"
    assert all(sum(len(line.get_xdata()) for line in axes.lines) == 30 for axes in figure.axes)
    assert figure.axes[0].get_yticklabels()[0].get_text() == "clean"
    assert figure.axes[0].yaxis_inverted()
    assert spread_of(figure) > 10


def test_the_error_of_a_count_has_a_line_for_each_split_over_all_thresholds():
    figure = cycle_figures.count_error_by_threshold({"val": np.linspace(3, 1, 19), "test": np.linspace(1, 3, 19)})
    val, test = figure.axes[0].lines
    assert (val.get_ydata()[0], test.get_ydata()[-1]) == (3, 3)
    assert (val.get_xdata()[0], val.get_xdata()[-1]) == (0.05, 0.95)
    assert val.get_color() != test.get_color()
    assert val.get_linestyle() != test.get_linestyle()


def test_the_figures_show_something(runs):
    assert spread_of(cycle_figures.training_and_validation(runs)) > 10
    hits = np.array([True, False, True, False, True])
    curve = PrecisionRecall(*precision_recall(hits, 4), np.array([0.9, 0.8, 0.7, 0.6, 0.5]))
    figure = cycle_figures.precision_recall(curve, "$5 <b>", threshold=0.65)
    assert spread_of(figure) > 10
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "confidence ≥ 0.65" in labels
