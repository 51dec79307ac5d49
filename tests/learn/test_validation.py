import math

import pytest
import torch

from teachkit.learn.guard import NotFiniteError
from teachkit.learn.validation import evaluate
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
