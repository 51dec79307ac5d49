import random

import pytest
import torch

from teachkit.analysis.surfaces import RULES, SURFACES, path
from teachkit.analysis.update_rules import adam_step, adamw_step, largest_gap, momentum_step, sgd_step
from teachkit.experiments.recorded import detector
from teachkit.feed.loader import load_data


def by_torch(surface, rule, start, steps, lr, momentum, beta1, beta2, decay):
    """The same walk by torch: autograd for the slope, torch.optim for the step."""
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = {
        "sgd": lambda: torch.optim.SGD([w], lr=lr),
        "momentum": lambda: torch.optim.SGD([w], lr=lr, momentum=momentum),
        "adam": lambda: torch.optim.Adam([w], lr=lr, betas=(beta1, beta2)),
        "adamw": lambda: torch.optim.AdamW([w], lr=lr, betas=(beta1, beta2), weight_decay=decay),
    }[rule]()
    points = [w.tolist()]
    for _ in range(steps):
        optimizer.zero_grad()
        surface.loss(*w).backward()
        optimizer.step()
        points.append(w.tolist())
    return points


@pytest.mark.parametrize("seed", range(100))
def test_paths_are_those_of_torch_optim(seed):
    draw = random.Random(seed)
    surface = SURFACES[draw.choice(list(SURFACES))]
    settings = {
        "start": (draw.uniform(*surface.x), draw.uniform(*surface.y)),
        "steps": draw.randint(1, 60),
        "lr": 10 ** draw.uniform(-3.5, -1.7),
        "momentum": draw.uniform(0, 0.99),
        "beta1": draw.uniform(0, 0.99),
        "beta2": draw.uniform(0.5, 0.9999),
        "decay": draw.uniform(0, 0.5),
    }
    for rule in RULES:
        if rule != "uncorrected":
            ours = path(surface, rule, **settings)
            theirs = torch.tensor(by_torch(surface, rule, **settings), dtype=torch.float64)[: len(ours)]
            torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(100))
def test_a_step_of_a_whole_tensor_is_torch_optims(seed):
    generator = torch.Generator().manual_seed(seed)
    w, g = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    lr, beta1, beta2 = 0.1 * torch.rand(3, generator=generator).clamp(max=0.99)
    lr, beta1, beta2 = float(lr), 10 * float(beta1), 10 * float(beta2)
    parameter = torch.nn.Parameter(w.clone())
    parameter.grad = g
    torch.optim.AdamW([parameter], lr=lr, betas=(beta1, beta2)).step()
    ours, m, v = adamw_step(w, g, torch.zeros_like(w), torch.zeros_like(w), 1, lr, beta1, beta2)
    torch.testing.assert_close(ours, parameter.data)
    assert m.shape == v.shape == w.shape


def test_without_its_correction_adam_starts_with_a_stride_that_depends_on_the_betas():
    assert adam_step(2.0, 0.5, 0.0, 0.0, 1, 0.1)[0] == pytest.approx(1.9)
    assert adam_step(2.0, 0.5, 0.0, 0.0, 1, 0.1, corrected=False)[0] == pytest.approx(1.684, abs=5e-4)
    long_after = 100_000  # the correction has faded away
    corrected = adam_step(2.0, 0.5, 0.3, 0.2, long_after, 0.1)[0]
    assert corrected == pytest.approx(adam_step(2.0, 0.5, 0.3, 0.2, long_after, 0.1, corrected=False)[0])


def test_one_step_by_hand():
    assert sgd_step(2.0, 0.5, 0.1) == pytest.approx(1.95)
    assert momentum_step(2.0, 0.5, 0.0, 0.1) == (pytest.approx(1.95), 0.5)
    assert momentum_step(1.95, 0.5, 0.5, 0.1) == (pytest.approx(1.855), pytest.approx(0.95))


@pytest.mark.parametrize("name", SURFACES)
def test_slopes_by_hand_are_autograds_and_vanish_at_the_lowest_points(name):
    surface, draw = SURFACES[name], random.Random(0)
    for _ in range(100):
        at = (draw.uniform(*surface.x), draw.uniform(*surface.y))
        w = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        surface.loss(*w).backward()
        assert surface.gradient(*at) == pytest.approx(w.grad.tolist(), rel=1e-9, abs=1e-12)
    for lowest in surface.minima:
        assert surface.gradient(*lowest) == pytest.approx((0, 0))
        assert surface.loss(*lowest) <= min(surface.loss(*at) for at in [surface.start, (0.3, 0.2), (2, 2)])


def test_a_rate_too_high_ends_the_path_instead_of_overflowing():
    bowl = SURFACES["bowl"]
    assert len(path(bowl, "sgd", bowl.start, 200, 0.2)) < 60
    assert len(path(bowl, "sgd", bowl.start, 200, 0.09)) == 201


# On every weight of a detector


@pytest.fixture(scope="module")
def batch():
    return next(iter(load_data("shapes", "val", batch_size=2, device="cpu")))


def agree(batch, optimizer, rule, memory=0, **settings):
    model, _ = detector("shapes")
    return largest_gap(model, batch, optimizer(model.parameters(), **settings), rule, memory) < 1e-5


@pytest.mark.parametrize(
    ("optimizer", "settings", "rule", "memory"),
    [
        (torch.optim.SGD, {"lr": 0.01}, lambda w, g, t: (sgd_step(w, g, 0.01),), 0),
        (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}, lambda w, g, t, v: momentum_step(w, g, v, 0.01), 1),
        (torch.optim.Adam, {"lr": 0.001}, lambda w, g, t, m, v: adam_step(w, g, m, v, t, 0.001), 2),
        (torch.optim.AdamW, {"lr": 0.001}, lambda w, g, t, m, v: adamw_step(w, g, m, v, t, 0.001), 2),
    ],
    ids=["sgd", "momentum", "adam", "adamw"],
)
def test_the_rules_of_the_lesson_are_those_of_torch(batch, optimizer, settings, rule, memory):
    assert agree(batch, optimizer, rule, memory, **settings)


@pytest.mark.parametrize(
    ("rule", "memory"),
    [
        (lambda w, g, t: (w,), 0),
        (lambda w, g, t: (sgd_step(w, g, 0.01),), 0),
        (lambda w, g, t, m, v: adam_step(w, g, m, v, t, 0.001, corrected=False), 2),
        (lambda w, g, t, m, v: adam_step(w, g, m, v, 1, 0.001), 2),  # right at the first step only
    ],
    ids=["nothing", "sgd", "uncorrected", "always the first step"],
)
def test_any_other_rule_is_noticed(batch, rule, memory):
    assert not agree(batch, torch.optim.Adam, rule, memory, lr=0.001)
