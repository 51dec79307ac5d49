import math

import pytest
import torch

from teachkit.exercises import learn
from teachkit.exercises.progress import exercises_of

NONSENSE = ["seven", float("nan"), [[0.5]] * 7, True, {"x": 1}, object(), torch.full((4,), math.nan)]


def first_step(make):
    w = torch.tensor(2.0, requires_grad=True)
    w.grad = torch.tensor(0.5)
    make([w]).step()
    return w.item()


def handed_on(given, m=False, v=False):
    """Adam's step, with averages that come back corrected."""
    *_, t, _, beta1, beta2 = given
    w, first, second = adam(*given)
    return w, first / (1 - beta1**t) if m else first, second / (1 - beta2**t) if v else second


def adam(w, g, m, v, t, lr, beta1, beta2, wrong=""):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    first, second = m / (1 - beta1**t), v / (1 - beta2**t)
    eps = 1e-8
    step = {
        "": first / (second.sqrt() + eps), "both": m / (v.sqrt() + eps), "v": first / (v.sqrt() + eps),
        "root": first / (second + eps), "sign": -first / (second.sqrt() + eps),
        "lr": first / (second.sqrt() + eps) / lr, "eps": first / second.sqrt(),
    }[wrong]  # fmt: skip
    return w - lr * step, m, v


def test_the_lesson_knows_its_exercises():
    assert len(exercises_of("07")) == 8


def test_the_right_answers_as_torch_has_them():
    w, b = (torch.tensor(0.5, requires_grad=True) for _ in "wb")
    ((w * 3 + b - 4) ** 2).backward()
    assert learn.check_neuron((w.grad.item(), b.grad.item())).right is True
    assert learn.check_neuron(torch.stack([w.grad, b.grad])).right is True
    steps = {
        "SGD": first_step(lambda weights: torch.optim.SGD(weights, lr=0.1)),
        "Adam": first_step(lambda weights: torch.optim.Adam(weights, lr=0.1)),
    }
    assert learn.check_first_steps(steps).right is True
    weight = torch.tensor(2.0, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    for _ in range(2):
        weight.grad = torch.tensor(0.5)
        optimizer.step()
    assert learn.check_momentum(weight).right is True
    assert learn.check_added(0.8).right is True
    assert learn.check_adam(adam).right is True
    assert learn.check_slope(lambda loss, w: (loss(w + 1e-4) - loss(w)) / 1e-4).right is True
    assert learn.check_slope(lambda loss, w: (loss(w + 1e-3) - loss(w - 1e-3)) / 2e-3).right is True
    for check, claims in ((learn.check_reaches, learn.REACHES), (learn.check_biases, learn.BIASES)):
        assert check({claim: truth for claim, (truth, _) in claims.items()}).right is True
        for claim, (truth, why) in claims.items():
            verdict = check({one: t for one, (t, _) in claims.items()} | {claim: not truth})
            assert verdict.right is False
            assert verdict.words == f"not yet: {claim}: {why}"


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        ("neuron", (12, 4), "sign"), ("neuron", (-6, -2), "2 of the square"), ("neuron", (-4, -12), "swapped"),
        ("neuron", (-4, -4), "through x"), ("neuron", (1, 1), "prediction is 2"),
        ("added", 0.3, "zero_grad"), ("added", 0.4, "averaged"), ("added", 0.5, "second"), ("added", 9, "adds"),
        ("momentum", 1.9, "remembers"), ("momentum", 1.905, "added"), ("momentum", 2.045, "sign"),
        ("momentum", 1.85, "fading"), ("momentum", 7, "velocity"),
        ("first_steps", {"SGD": 1.95, "Adam": 1.995}, "m alone"), ("first_steps", {"SGD": 1.95, "Adam": 1.684}, "3.16"),
        ("first_steps", {"SGD": 2.05, "Adam": 1.9}, "sign"), ("first_steps", {"SGD": 1.95, "Adam": 1.8}, "root"),
        ("first_steps", {"SGD": 1.5, "Adam": 1.95}, "SGD's step"), ("first_steps", {"SGD": "x", "Adam": 1.9}, "number"),
        ("slope", lambda loss, w: loss(w + 1e-3) - loss(w), "divided"),
        ("slope", lambda loss, w: (loss(w) - loss(w + 1e-4)) / 1e-4, "sign"),
        ("slope", lambda loss, w: (loss(w + 1e-4) - loss(w - 1e-4)) / 1e-4, "2·ε"),
        ("slope", lambda loss, w: "x", "one number"), ("slope", lambda: 1, "stops"),
        ("adam", lambda *a: adam(*a, wrong="both"), "not corrected"),
        ("adam", lambda *a: adam(*a, wrong="v"), "v is not"),
        ("adam", lambda *a: adam(*a, wrong="root"), "root"), ("adam", lambda *a: adam(*a, wrong="sign"), "sign"),
        ("adam", lambda *a: adam(*a, wrong="lr"), "learning rate"), ("adam", lambda *a: a[0], "three things"),
        ("adam", lambda *a: adam(*a, wrong="eps"), "add ε"),
        ("adam", lambda *a: handed_on(a, m=True), "m comes back corrected"),
        ("adam", lambda *a: handed_on(a, v=True), "v comes back corrected"),
        ("adam", lambda w, g, m, v, *_: (w, m, v), "m: beta1"), ("adam", lambda *a: ("x", 1, 2), "as many numbers"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_why(check, answer, says):
    verdict = getattr(learn, f"check_{check}")(answer)
    assert verdict.right is False
    assert says in verdict.words


@pytest.mark.parametrize("check", ["neuron", "slope", "added", "momentum", "adam"])
def test_unsolved_and_nonsense_are_answered_kindly(check):
    ask = getattr(learn, f"check_{check}")
    assert ask(None).right is None
    for one in NONSENSE:
        assert ask(one).right is not True


@pytest.mark.parametrize("check", ["slope", "adam"])
def test_a_function_that_still_returns_nothing_is_open(check):
    assert getattr(learn, f"check_{check}")(lambda *a: None).right is None


def test_open_dictionaries_are_open():
    assert learn.check_first_steps({"SGD": 1.95, "Adam": None}).right is None
    assert learn.check_first_steps(None).right is False
    assert learn.check_reaches({}).right is None
