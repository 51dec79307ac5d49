import pytest
import torch

from teachkit.boxes import iou
from teachkit.errors import UserError
from teachkit.experiments import recorded
from teachkit.feed.scenes import CLASSES
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.motion.film import FILMS, TrainingFilm


@pytest.fixture(params=FILMS)
def film(request):
    one = TrainingFilm(request.param)
    yield one
    one.close()


def test_every_plan_has_the_same_frames_of_the_same_pictures(film):
    plans = film.film.plans
    assert len({tuple(plan.steps) for plan in plans}) == 1
    assert {len(plan.frames) for plan in plans} == {len(plans[0].steps)}
    assert {len(frame) for plan in plans for frame in plan.frames} == {4}


def test_the_score_of_a_frame_is_the_last_one_known_by_then(film):
    for plan in film.film.plans:
        assert film.at(film.last)[plan.name] == plan.curve[-1][1]
    first = film.film.plans[0]
    known = [value for step, value in first.curve if step <= first.steps[0]]
    assert film.at(0)[first.name] == known[-1]


def test_without_box_loss_boxes_come_to_lie_on_the_objects_and_without_dfl_as_well_they_do_not():
    film = TrainingFilm("loss weights")
    truth = [film.film.pictures.ground_truth.image(one)[0] for one in range(4)]
    overlaps = {}
    for plan in film.film.plans:
        pairs = zip(map(torch.tensor, plan.frames[-1]), truth, strict=True)
        overlaps[plan.name] = float(torch.cat([iou(*pair) for pair in pairs]).mean())
    assert min(overlaps["usual"], overlaps["box 0"]) > 0.6 > 2 * overlaps["both 0"] - 0.1
    film.close()


def test_a_found_box_has_the_look_of_its_class():
    film = TrainingFilm("pictures")
    styles = film.setup()[0]["styles"]
    for name, look in zip(CLASSES, class_styles(CLASSES), strict=True):
        assert styles[name] == {"colour": look.colour, "dash": list(look.dash)}
    for plan in film.film.plans:
        found = [one.style for one in film._tile(plan, film.last).outlines if one.style != "truth"]
        assert found == [CLASSES[int(box[4])] for box in plan.frames[film.last][0]] != []
    film.close()


def test_the_recording_agrees_with_the_five_seeds_of_the_lesson():
    ends = {run["plan"]: run["overlap"] for run in recorded.records("box_weight") if run["seed"] == 0}
    for run in recorded.records("film"):
        assert run["overlap"][-1] == pytest.approx(ends[run["plan"]], abs=0.05)


@pytest.mark.parametrize("values", [{"frame": -1}, {"frame": 31}, {"picture": 4}, {"speed": 2}])
def test_a_refused_value_leaves_the_old_one(values):
    film = TrainingFilm("loss weights")
    with pytest.raises(UserError):
        film.set(**values)
    assert film.values == {"frame": 0, "picture": 0}
    film.close()


def test_an_unknown_film_is_refused():
    with pytest.raises(UserError, match="film must be one of loss weights, pictures"):
        TrainingFilm("weights")
