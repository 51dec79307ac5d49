"""Figures are judged by what stands on their axes and by their pixels: a plot that is blank passes every other test."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from teachkit.structures import Detections, GroundTruth
from teachkit.watch.figures import plots
from teachkit.watch.figures.letters import in_known_letters
from tests import forked

CLASSES = ["disc", "square"]


def run(steps=40, every=10, **changes):
    """Records of a run whose losses fall and whose scores rise."""
    records = []
    for step in range(steps):
        losses = {name: factor / (1 + step) for name, factor in (("box", 1.0), ("cls", 2.0), ("dfl", 3.0))}
        records.append({"kind": "step", "step": step, "epoch": step // every, "lr": 0.01, **losses, **changes})
        if step % every == every - 1:
            epoch = step // every
            scores = {name: 0.1 * (epoch + 1) for name in ("map", "map50", "map75")}
            records.append({"kind": "epoch", "epoch": epoch, **scores, "val_box": 0.5, "val_cls": 1.0, "val_dfl": 2.0})
    return records


def found(*rows):
    """Detections of one image from (x1, y1, x2, y2, score, label)."""
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].long())


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB")).astype(int)


def lines_of(figure, axes):
    return {line.get_label(): line for line in figure.axes[axes].lines if line.get_label()[0] != "_"}


def test_the_smoothed_curves_start_at_the_first_loss_and_follow_it_down():
    lines = lines_of(plots.curves(run()), 0)
    assert set(lines) == {"box", "cls", "dfl"}
    for name, first in (("box", 1.0), ("cls", 2.0), ("dfl", 3.0)):
        values = lines[name].get_ydata()
        assert values[0] == pytest.approx(first)
        assert all(np.diff(values) < 0)


def test_scores_stand_at_the_last_step_of_their_epoch():
    line = lines_of(plots.curves(run()), 1)["map50"]
    assert list(line.get_xdata()) == [9, 19, 29, 39]
    assert list(line.get_ydata()) == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("lacking", ["box", "lr", "epoch"])
def test_a_log_that_lacks_a_number_is_drawn_without_it(lacking):
    record = {"kind": "step", "step": 0, "epoch": 0, "lr": 0.1, "box": 1.0, "cls": 1.0, "dfl": 1.0}
    del record[lacking]
    assert plots.curves([record, {"kind": "epoch", "epoch": 0}]).axes


@pytest.mark.parametrize("panel", [0, 1])
def test_curves_differ_by_more_than_their_colour(panel):
    cues = [(line.get_linestyle(), line.get_marker()) for line in lines_of(plots.curves(run()), panel).values()]
    assert len(set(cues)) == len(cues) == 3


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_what_is_not_finite_is_left_out_and_the_rest_is_drawn(bad):
    records = run()
    records[5]["box"] = bad
    line = lines_of(plots.curves(records), 0)["box"]
    assert 5 not in line.get_xdata()
    assert len(line.get_xdata()) == 39
    plots.curves(records).png()


def test_an_undefined_score_is_left_out():
    records = run()
    for record in records:
        if record["kind"] == "epoch" and record["epoch"] == 1:
            record["map50"] = None
    assert list(lines_of(plots.curves(records), 1)["map50"].get_xdata()) == [9, 29, 39]


def test_incidents_are_marked_where_they_happened_and_named_once():
    records = run()
    records += [{"kind": "event", "step": step, "what": "spike"} for step in (7, 21)]
    figure = plots.curves(records)
    marked = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert marked == [7, 21]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()].count("spike") == 1


def test_a_loss_that_falls_to_0_leaves_room_for_the_rest():
    records = run()
    next(record for record in records if record["kind"] == "epoch")["val_box"] = 0.0
    plots.curves(records).png()  # matplotlib's warning would be an error here


@pytest.mark.parametrize("records", [[], run(steps=1), run(steps=3, every=10), run(lr=0.0)])
def test_a_run_that_has_hardly_begun_can_be_drawn(records):
    assert pixels(plots.curves(records)).std() > 0


def test_a_picture_stands_in_the_grid_in_its_own_colours():
    """Red on the left, blue on the right: neither flipped nor with its channels swapped."""
    image = torch.zeros(3, 16, 32)
    image[0, :, :16], image[2, :, 16:] = 1, 1
    shown = pixels(plots.detection_grid([image], [found()], CLASSES))
    red = np.argwhere((shown == (255, 0, 0)).all(-1))
    blue = np.argwhere((shown == (0, 0, 255)).all(-1))
    assert len(red) > 1000
    assert abs(len(red) - len(blue)) < 0.05 * len(red)
    assert red[:, 1].max() < blue[:, 1].min()


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_pictures_of_both_kinds_are_shown_alike(dtype):
    white = torch.full((3, 8, 8), 255 if dtype == torch.uint8 else 1, dtype=dtype)
    grey = white // 2 if dtype == torch.uint8 else white / 2
    shown = pixels(plots.detection_grid([white, grey], [found()] * 2, CLASSES))
    assert {tuple(one) for one in shown.reshape(-1, 3)} >= {(255, 255, 255), (127, 127, 127)}


def test_boxes_are_drawn_where_they_are_and_truth_is_dashed():
    truth = GroundTruth.from_lists([torch.tensor([[1.0, 2, 5, 6]])], [torch.tensor([0])])
    figure = plots.detection_grid([torch.zeros(3, 8, 8)], [found((1, 1, 6, 7, 0.9, 1))], CLASSES, truth)
    boxes = [(tuple(patch.get_bbox().extents), patch.get_linestyle()) for patch in figure.axes[0].patches]
    assert (1, 2, 5, 6) in [box for box, style in boxes if style == "--" or isinstance(style, tuple)]
    assert ((1, 1, 6, 7), "-") in boxes
    assert [text.get_text() for text in figure.axes[0].texts] == ["square 0.90"]


def test_a_crowded_picture_has_initials_and_a_key_instead_of_names():
    many = found(*((step, step, step + 5, step + 5, 0.9, step % 2) for step in range(plots.CROWDED + 1)))
    figure = plots.detection_grid([torch.zeros(3, 32, 32)], [many], CLASSES)
    assert {text.get_text() for text in figure.axes[0].texts} == {"d", "s"}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == CLASSES
    figure.png()


@pytest.mark.parametrize(("height", "width"), [(10, 20), (20, 10), (15, 15)])
def test_an_annotated_picture_keeps_every_pixel_of_the_original(height, width):
    image = torch.arange(3 * height * width, dtype=torch.uint8).reshape(3, height, width)
    shown = pixels(plots.annotated(image, found(), CLASSES))
    assert np.array_equal(shown, image.permute(1, 2, 0).numpy())


def test_an_annotated_picture_names_what_was_found():
    figure = plots.annotated(torch.zeros(3, 100, 700), found((30, 40, 80, 90, 0.75, 1)), CLASSES)
    assert [text.get_text() for text in figure.axes[0].texts] == ["square 0.75"]
    shown = pixels(figure)
    assert shown.shape == (100, 700, 3)
    assert (shown[65, 25:85] > 0).any()
    assert not shown[65, 40:70].any()


def test_only_the_truth_is_drawn_and_named_where_nothing_was_asked_of_a_detector():
    """A label of the wrong class is seen only where the class is written."""
    truth = GroundTruth.from_lists([torch.tensor([[1.0, 2, 5, 6]])], [torch.tensor([1])])
    figure = plots.detection_grid([torch.zeros(3, 8, 8)], None, CLASSES, truth)
    assert [text.get_text() for text in figure.axes[0].texts] == [CLASSES[1]]
    assert len(figure.axes[0].patches) == 2  # the dash and the dark line under it


@pytest.mark.parametrize("name", ["$5", "$x_1$", "<b>bold</b>", r"\frac", "细胞"])
def test_a_class_name_is_shown_as_it_is_written(name):
    figure = plots.detection_grid([torch.zeros(3, 8, 8)], [found((1, 1, 6, 7, 0.5, 0))], [name], title=name)
    figure.png()
    assert figure.axes[0].texts[0].get_text() == in_known_letters(f"{name} 0.50")[0]


@pytest.mark.parametrize("count", [0, 1, 3, 9])
def test_any_number_of_pictures_fits_the_grid(count):
    images = torch.zeros(count, 3, 8, 8)
    figure = plots.detection_grid(images, [found() for _ in range(count)], CLASSES)
    assert sum(bool(axes.images) for axes in figure.axes) == count
    figure.png()


def test_a_notebook_shows_the_picture_and_the_words_that_stand_for_it():
    data, metadata = plots.curves(run())._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert metadata["image/png"]["alt"] == data["text/plain"] != ""


def test_a_stored_chart_looks_the_same_in_half_the_room():
    figure = plots.curves(run())
    stored = np.asarray(Image.open(io.BytesIO(figure.stored())).convert("RGB")).astype(int)
    assert np.abs(stored - pixels(figure)).mean() < 1
    assert len(figure.stored()) < len(figure.png()) / 2


def test_photographs_keep_all_their_colours_when_stored():
    figure = plots.detection_grid(torch.rand(2, 3, 32, 32), None, CLASSES)
    assert Image.open(io.BytesIO(figure.stored())).mode == "RGBA"


def test_no_figure_is_left_with_pyplot():
    program = "import sys; from teachkit.watch.figures import plots; plots.curves([]).png(); print(*sys.modules)"
    modules = forked.python(program).stdout.split()
    assert "matplotlib.figure" in modules
    assert "matplotlib.pyplot" not in modules
