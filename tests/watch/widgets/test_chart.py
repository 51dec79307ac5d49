"""The playgrounds over recorded runs: they say what the records say, refuse nonsense, and the static image shows it."""

import io
from functools import partial

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.experiments.batch_size import SIZES
from teachkit.experiments.search import best
from teachkit.experiments.small import COUNTS
from teachkit.watch.figures.cycle import of_epochs
from teachkit.watch.motion.descent import DescentPlayground
from teachkit.watch.widgets.batch_size import BatchPlayground
from teachkit.watch.widgets.chart import choice_of
from teachkit.watch.widgets.patience import PATIENCE, RUNS, PatiencePlayground
from teachkit.watch.widgets.search import SearchPlayground

ALL = (PatiencePlayground, BatchPlayground, SearchPlayground)


def points(playground, style):
    return [point for line in playground.lines() if line.style == style for point in line.points]


@pytest.mark.parametrize("run", RUNS)
def test_patience_stops_where_that_many_epochs_brought_nothing_better(run):
    scores = of_epochs(recorded.records(run), "map50")
    playground = PatiencePlayground(run=run)
    for patience in PATIENCE:
        playground.set(patience=patience)
        stop, kept = playground.ends()
        assert scores[kept - 1] == max(scores[:stop])
        assert stop - kept == patience or stop == len(scores)
        assert points(playground, "run") == list(enumerate(scores[:stop], start=1))
        assert points(playground, "kept") == [(kept, scores[kept - 1])]
    playground.close()


def test_batches_show_the_mean_of_the_recorded_runs():
    playground = BatchPlayground(size=8, rate="grown")
    runs = [run for run in recorded.records("batch_sizes") if run["size"] == 8 and run["grown"]]
    seen, found = zip(*points(playground, "chosen"), strict=True)
    assert seen[:2] == (COUNTS["train"], 2 * COUNTS["train"])
    assert found == pytest.approx(np.mean([run["f1"] for run in runs], axis=0).tolist())
    assert len(playground.lines()) == len(SIZES)
    assert playground.facts()["steps for 1,000 pictures"] == "125"
    playground.set(size="64")
    assert playground.facts()["steps for 1,000 pictures"] == "16"
    playground.close()


def test_a_search_tells_of_its_winner_so_far_and_what_it_is_worth_anew():
    playground = SearchPlayground(trials=1, search="1")
    trials = [one for one in recorded.records("searches") if one["seed"] == 1]
    for made in range(1, 17):
        playground.set(trials=made)
        winner = best(trials[:made])
        assert points(playground, "winner") == [(winner["lr"], winner["map50"])]
        assert len(points(playground, "complete")) + len(points(playground, "pruned")) == made
        assert [found for _, found in points(playground, "again")] == winner["again"]
    playground.close()


@pytest.mark.parametrize("kind", [*ALL, DescentPlayground, partial(DescentPlayground, rate=0.12)])
def test_no_word_of_the_static_image_is_cut_and_notes_stay_in_the_chart(kind):
    playground = kind()
    picture = playground.figure()
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    for text in picture.findobj(Text):
        assert text.get_window_extent(canvas.get_renderer()).x1 <= picture.bbox.width, text.get_text()
    (axes,) = picture.axes
    assert axes.texts
    for note in axes.texts:
        extent = note.get_window_extent(canvas.get_renderer())
        assert axes.bbox.x0 <= extent.x0 < extent.x1 <= axes.bbox.x1, note.get_text()
    playground.close()


@pytest.mark.parametrize("kind", ALL)
def test_the_static_image_shows_it_and_nothing_is_left_behind(kind):
    before = len(_instances)
    playground = kind()
    shown = np.asarray(Image.open(io.BytesIO(playground.static_image())).convert("L"))
    assert shown.std() > 10
    assert playground.numbers()["words"] in playground.figure().alt
    for _, lever_label, numbers in playground.sliders:
        assert len(numbers) > 1, lever_label
    playground.close()
    assert len(_instances) == before


@pytest.mark.parametrize(("kind", "values"), [
    (PatiencePlayground, {"patience": 0}), (PatiencePlayground, {"patience": 1.5}), (PatiencePlayground, {"run": "x"}),
    (BatchPlayground, {"size": 3}), (BatchPlayground, {"size": True}), (SearchPlayground, {"trials": "<b>"}),
    (SearchPlayground, {"trials": float("nan")}), (SearchPlayground, {"search": 0}), (SearchPlayground, {"lr": 1}),
])  # fmt: skip
def test_nonsense_is_refused_and_the_old_value_stays(kind, values):
    playground = kind()
    before = dict(playground.values)
    with pytest.raises(UserError):
        playground.set(**values)
    assert playground.values == before
    playground.close()


def test_a_choice_takes_text_and_names_what_there_is():
    assert choice_of("batch size", (1, 2, 4))("4") == 4
    with pytest.raises(UserError, match="batch size must be 1, 2, 4, not 3"):
        choice_of("batch size", (1, 2, 4))(3)
    with pytest.raises(UserError, match="a whole number from 1 to 60"):
        choice_of("patience", range(1, 61))(61)
