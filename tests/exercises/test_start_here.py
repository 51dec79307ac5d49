import pytest
import torch
from torch import nn

from teachkit.exercises import start_here
from teachkit.exercises.start_here import ORDERS, STORY, check_orders, check_story
from tests.exercises.lettered import lettered


def learns(order):
    """Asks torch: does a line, fitted to a point, move?"""
    line = nn.Linear(1, 1)
    nn.init.zeros_(line.weight)
    optimizer = torch.optim.SGD(line.parameters(), lr=0.1)
    before = line.weight.item()
    for _ in range(3):
        loss = (line(torch.ones(1, 1)) - 5).square().sum()
        calls = {"zero_grad": optimizer.zero_grad, "backward": loss.backward, "step": optimizer.step}
        for name in order.split(", "):
            calls[name]()
    return line.weight.item() != before


@pytest.mark.parametrize("order", ORDERS)
def test_the_worked_answer_is_what_torch_does(order):
    assert learns(lettered("00_start_here", "check_orders")[order]) == ORDERS[order][0]


def test_the_right_answers_are_accepted():
    for written in (bool, int, str):
        assert check_orders({order: written(answer) for order, (answer, _) in ORDERS.items()}).right
    assert check_story(STORY).right


@pytest.mark.parametrize("order", ORDERS)
def test_a_wrong_order_is_named_with_the_reason(order):
    answers = {one: answer for one, (answer, _) in ORDERS.items()}
    reply = check_orders({**answers, order: not answers[order]})
    assert reply.right is False
    assert reply.words == f"not yet: {order}: {ORDERS[order][1]}"


@pytest.mark.parametrize("event", STORY)
@pytest.mark.parametrize("line", ["model", "criterion", "zero_grad", "backward", "step"])
def test_a_wrong_line_of_the_story_is_told_what_that_line_does(event, line):
    reply = check_story({**STORY, event: line})
    if line == STORY[event]:
        assert reply.right
    else:
        assert reply.words == f"not yet: {event} is not {line}. {start_here.MIX_UPS[line]}."


@pytest.mark.parametrize("check", [check_story, check_orders])
@pytest.mark.parametrize("answers", [{}, {"a": None}, {"E": None}])
def test_unsolved_says_what_is_missing(check, answers):
    assert check(answers).words.startswith("still open")


def test_a_line_may_be_written_as_it_stands_in_the_loop():
    written = ["predictions = model(batch.images)", "criterion(…)", "optimizer.zero_grad()", "backward()", " Step "]
    assert check_story(dict(zip(STORY, written, strict=True))).right
    assert check_story(STORY | {"c": "zero grad"}).right


@pytest.mark.parametrize("nonsense", ["model", 7, None, [], float("nan"), torch.zeros(3)])
def test_nonsense_gets_a_friendly_verdict(nonsense):
    for check, keys in ((check_story, STORY), (check_orders, ORDERS)):
        assert not check(nonsense).right
        assert not check(dict.fromkeys(keys, nonsense)).right


@pytest.mark.parametrize("guess", [0.4, 40, "40 %", "0.4", "0,4", "2/5", torch.tensor(0.4), [0.4]])
def test_a_guess_may_be_written_as_a_share_or_as_per_cent(guess):
    assert start_here.beside(guess, 60, 100).words == "60% of all objects are found; you said 40%"


@pytest.mark.parametrize("guess", [-1, 101, "half", float("nan"), [1, 2], {}])
def test_a_guess_that_is_no_share_is_told_what_one_looks_like(guess):
    assert "from 0 to 1" in start_here.beside(guess, 60, 100).words


def test_no_guess_is_no_mistake():
    assert start_here.beside(None, 60, 100).words.startswith("still open")


@pytest.mark.parametrize("answer", ["yes", 2, "true?", "learns"])
def test_an_answer_of_another_kind_is_told_which_kind_is_wanted(answer):
    assert "True or False" in check_orders(dict.fromkeys(ORDERS, answer)).words
    assert "choose from" in check_story(dict.fromkeys(STORY, "optimizer")).words
