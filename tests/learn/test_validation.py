import math
import warnings

import pytest
import torch

from teachkit.errors import UserError
from teachkit.feed.loader import load_data
from teachkit.learn.guard import NotFiniteError
from teachkit.learn.validation import evaluate, too_few_to_choose_by
from teachkit.punish.criterion import Criterion
from teachkit.scoring import score
from tests.learn.tiny import make_batches, tiny_detector


def test_scores_are_those_of_what_the_model_detects():
    model, batches = tiny_detector().train(), make_batches(3, size=3)
    model.neck.eval()
    scores, _ = evaluate(model, batches)
    detections = [model.detect(batch.images, score_threshold=0.001) for batch in batches]
    expected = score(detections, [batch.ground_truth for batch in batches])
    assert [scores.map, scores.map50, scores.map75] == pytest.approx([expected.map, expected.map50, expected.map75])
    assert model.training
    assert not model.neck.training  # frozen, and left so


def test_losses_are_means_over_the_images_with_the_weights_of_now():
    model, criterion = tiny_detector(), Criterion()
    batches = [make_batches(1, size=4)[0], make_batches(1, size=2, seed=1)[0]]
    criterion.weights.box = 2
    _, losses = evaluate(model, batches, criterion)
    model.eval()
    with torch.no_grad():
        each = [dict(criterion(model(batch.images), batch.ground_truth).items()) for batch in batches]
    assert losses == pytest.approx({name: (4 * each[0][name] + 2 * each[1][name]) / 6 for name in each[0]})


def test_nothing_of_the_model_moves():
    model = tiny_detector().train()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    evaluate(model, make_batches(2), Criterion())
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_answers_that_are_no_numbers_are_an_error_and_no_score(value):
    model = tiny_detector().train()
    with torch.no_grad():
        next(model.parameters()).fill_(value)
    with pytest.raises(NotFiniteError):
        evaluate(model, make_batches(1))
    assert model.training


def test_it_can_be_broken_off_between_batches():
    seen = []
    assert evaluate(tiny_detector(), make_batches(3), stopped=lambda: seen.append(1) or len(seen) > 1) is None
    assert len(seen) == 2


def test_a_set_without_pictures_or_objects_has_undefined_scores():
    empty = make_batches(1)
    empty[0].ground_truth.mask[:] = False
    for data in ([], empty):
        scores, _ = evaluate(tiny_detector(), data)
        assert math.isnan(scores.map)


def fails_above(model, room, error):
    forward = model.forward

    def cramped(images):
        if len(images) > room:
            raise error("CUDA out of memory")
        return forward(images)

    model.forward = cramped
    return model


@pytest.mark.parametrize(("room", "error"), [(4, torch.OutOfMemoryError), (2, MemoryError), (1, RuntimeError)])
def test_batches_too_large_for_the_memory_are_looked_at_in_parts_with_the_same_scores(room, error):
    batches = make_batches(2, size=8)
    expected, _ = evaluate(tiny_detector(), batches, Criterion())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scores, losses = evaluate(fails_above(tiny_detector(), room, error), batches, Criterion())
    assert scores.values() == pytest.approx(expected.values(), nan_ok=True)
    assert f"8 pictures are now validated in {8 // room} parts" in str(told[-1].message)
    assert len(told) == {4: 1, 2: 2, 1: 3}[room]
    assert all(map(math.isfinite, losses.values()))


def test_one_picture_too_large_is_a_clear_error_and_other_errors_stay_what_they_are():
    with pytest.warns(UserWarning, match="in 2 parts"), pytest.raises(UserError, match="choose a smaller image size"):
        evaluate(fails_above(tiny_detector(), 0, MemoryError), make_batches(1))
    with pytest.raises(KeyError):
        evaluate(fails_above(tiny_detector(), 0, KeyError), make_batches(1))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("part", ["images", "boxes"])
def test_a_batch_with_nan_in_it_is_named_and_left_out(part, value):
    batches = make_batches(2)
    spoilt = batches[0].images if part == "images" else batches[0].ground_truth.boxes
    spoilt[0, 0, 0] = value
    expected, sums = evaluate(tiny_detector(), batches[1:], Criterion())
    with pytest.warns(UserWarning, match="not finite, left out of the validation: picture-0-0.png"):
        scores, losses = evaluate(tiny_detector(), batches, Criterion())
    assert (repr(scores), losses) == (repr(expected), sums)


def test_a_batch_with_inverted_boxes_is_named_and_left_out():
    batches = make_batches(2)
    batches[0].ground_truth.boxes[1, 0] = torch.tensor([9.0, 9, 3, 20])
    expected, _ = evaluate(tiny_detector(), batches[1:])
    with pytest.warns(UserWarning, match="x2 < x1 or y2 < y1, left out of the validation: picture-0-0.png"):
        scores, _ = evaluate(tiny_detector(), batches)
    assert repr(scores) == repr(expected)


def test_a_mask_of_numbers_is_refused():
    batches = make_batches(1)
    batches[0].ground_truth.mask = batches[0].ground_truth.mask.long()
    with pytest.raises(UserError, match=r"mask of a ground truth must be torch.bool, not torch.int64"):
        evaluate(tiny_detector(), batches)


@pytest.mark.parametrize(("pictures", "told"), [(1, "val has 1 picture to"), (19, "val has 19 pictures to"), (20, "")])
def test_too_few_pictures_to_choose_by_are_told(pictures, told):
    few = too_few_to_choose_by(load_data("shapes", "val", limit=pictures, device="cpu"))
    assert few.startswith(told)
    assert bool(few) == bool(told)
