"""Each operator of a page alone, on random, broadcast, empty and NaN inputs: torch is asked for the truth."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from teachkit.page.trace import Program
from tests.page.engine import Engine

aten = torch.ops.aten
NAN, INF = math.nan, math.inf


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def indices(*shape: int, below: int, seed: int = 0) -> Tensor:
    return torch.randint(below, shape, generator=torch.Generator().manual_seed(seed))


X, Y = numbers(3, 4, 5), numbers(3, 4, 5, seed=1)
WIDE = numbers(2, 6, 8, 16, seed=2)
ODD = torch.tensor([NAN, INF, -INF, 0.0, -0.0, 1e-30, 1e30, -200.0, 200.0, 3.0])
KINDS = {
    "plain": (X, Y),
    "broadcast": (X, Y[:, :1, :]),
    "of_fewer_axes": (X[0, 0], Y),
    "views": (X.transpose(0, 2), Y.permute(2, 1, 0)),
    "slices": (X[:, 1:3, ::2], Y[:, :2, 1:4]),
    "odd": (ODD[:, None], ODD[None]),
    "empty": (X[:0], Y[:0]),
    "single": (X[0, 0, 0], Y[1, 1, 1]),
    "float64": (X.double(), Y.double()),
}
PAIRS = {
    "add": torch.add,
    "sub": lambda a, b: torch.sub(a, b, alpha=2),
    "mul": torch.mul,
    "div": torch.div,
    "xlogy": lambda a, b: torch.special.xlogy(a.clamp(min=0), b.abs()),
    "logit_backward": lambda a, b: aten.logit_backward(a + 0 * b, (b + 0 * a).clamp(-2, 2).sigmoid()),
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "pow": lambda a, b: a.abs() ** b,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
    "where": lambda a, b: torch.where(a > b, a, 0.5),
    "and": lambda a, b: (a > 0) & (b > 0),
    "or": lambda a, b: (a > 0) | (b > 0),
    "masked_fill": lambda a, b: (a + b).masked_fill(a > b, 0.1),
    "copy": lambda a, b: (a + b).copy_(b),
    "silu_backward": lambda a, b: aten.silu_backward(a + 0 * b, b + 0 * a),
    "softplus_backward": lambda a, b: aten.softplus_backward(a + 0 * b, b + 0 * a, 1, 20),
    "sigmoid_backward": lambda a, b: aten.sigmoid_backward(a, b),
    "lerp": lambda a, b: (a + 0 * b).lerp_(b, torch.tensor(0.3, dtype=a.dtype)),
    "lerp_far": lambda a, b: (a + 0 * b).lerp_(b, torch.tensor(0.8, dtype=a.dtype)),
    "add_": lambda a, b: (a * b).add_(b),
    "mul_": lambda a, b: (a + b).mul_(a).mul_(0.3),
}
SINGLES = {
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "atan": torch.atan,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "square": lambda x: x**2,
    "cube": lambda x: x**3,
    "third": lambda x: x.abs() ** 0.3,
    "log": lambda x: torch.log(x.abs()),
    "sqrt": lambda x: torch.sqrt(x.abs()),
    "log1p": lambda x: torch.log1p(x.abs()),
    "sign": torch.sign,
    "sin": lambda x: torch.sin(x.clamp(-9, 9)),
    "cos": lambda x: torch.cos(x.clamp(-9, 9)),
    "reciprocal": torch.reciprocal,
    "clamp": lambda x: x.clamp(-0.3, 0.7),
    "clamp_min": lambda x: x.clamp(min=0),
    "clamp_max": lambda x: x.clamp(max=0.1),
    "rsub": lambda x: 1.1 - x,
    "times_number": lambda x: x * 0.1,
    "plus_number": lambda x: x + 0.1,
    "over_number": lambda x: x / 3,
    "beyond_number": lambda x: x > 0.1,
    "to_bool": lambda x: x.bool(),
    "to_int": lambda x: (x > 0).int(),
    "bool_to_float": lambda x: (x > 0).float(),
    "to_double": lambda x: x.double() / 3,
    "clone": lambda x: x.clone(),
    "logit": lambda x: x.sigmoid().logit(),
    "isnan": torch.isnan,
    "floor": torch.floor,
    "not": lambda x: torch.logical_not(x > 0),
    "zeros_like": lambda x: torch.zeros_like(x) + x,
    "ones_like": lambda x: torch.ones_like(x) - x,
    "full": lambda x: x + torch.full((1,), 0.3),
    "new_zeros": lambda x: x.new_zeros(x.shape).add_(x),
    "arange": lambda x: x[..., None] + torch.arange(5),
    "arange_from": lambda x: x[..., None] * torch.arange(1, 9, 3),
}
ROWS = {
    "softmax": lambda x: x.softmax(-1),
    "log_softmax": lambda x: x.log_softmax(-1),
    "softmax_backward": lambda x: aten._softmax_backward_data(x, (2 * x).softmax(-1), -1, x.dtype),
    "log_softmax_backward": lambda x: aten._log_softmax_backward_data(x, (2 * x).log_softmax(-1), -1, x.dtype),
    "sum": torch.sum,
    "sum_last": lambda x: x.sum(-1),
    "sum_first_kept": lambda x: x.sum(0, keepdim=True),
    "sum_two": lambda x: x.sum((0, -1)),
    "mean": torch.mean,
    "mean_last": lambda x: x.mean(-1),
    "amax": lambda x: x.amax(-1),
    "amin": lambda x: x.amin(0),
    "norm": torch.linalg.vector_norm,
    "all": lambda x: (x > -9).all(),
    "any": lambda x: (x > 2).any(),
    "all_along": lambda x: (x > -1).all(0),
    "prod": lambda x: x.prod(-1),
    "max_dim": lambda x: torch.cat([part.float() for part in x.max(0)]),
    "argmax": lambda x: x.argmax(-1),
    "argmax_kept": lambda x: (x != x[:1]).int().argmax(0, keepdim=True),
    "topk": lambda x: x.topk(2).values,
    "topk_places": lambda x: x.topk(2).indices,
    "cumsum": lambda x: x.cumsum(0),
    "cumsum_last": lambda x: x.cumsum(-1),
}
SHAPES = {
    "repeat": lambda x: x.repeat(2, 1, 3, 1) + 1,
    "view": lambda x: x.reshape(-1) * 2,
    "view_of_view": lambda x: x.transpose(0, 1).reshape(x.shape[1], -1) + 1,
    "expand": lambda x: x[:, :1].expand(x.shape) + x,
    "permute": lambda x: x.permute(2, 0, 1) + 0,
    "transpose": lambda x: x.transpose(0, -1).contiguous(),
    "t": lambda x: x[0].t() + 1,
    "select": lambda x: x.select(1, -1) + 1,
    "slice": lambda x: x[:, 1:-1, 1::2] + 1,
    "unsqueeze": lambda x: x[:, None, :, :, None] + 1,
    "squeeze": lambda x: x[:, :1].squeeze(1) + 1,
    "unbind": lambda x: x.unbind(1)[2] - x.unbind(1)[0],
    "split": lambda x: x.split(2, -1)[1] + 1,
    "split_sizes": lambda x: x.split([1, 3], 1)[1] + 1,
    "cat": lambda x: torch.cat([x, x[:, :2], x[:, ::3]], 1),
    "stack": lambda x: torch.stack([x, 2 * x], -1),
    "written_through_a_view": lambda x: (y := x * 1, y[:, 1:3].mul_(3))[0] + 0,
    "select_backward": lambda x: aten.select_backward(x, [3, 6, 4, 5], 1, 2),
    "slice_backward": lambda x: aten.slice_backward(x, [3, 9, 5], 1, 2, 9, 2),
    "repeat_rows": lambda x: x[:, None].expand(-1, 2, -1, -1).reshape(-1, 4, 5) + 0,
}
PLACES, WHERE, ROW_OF = indices(3, 2, 5, below=4), indices(2, 4, below=3), indices(6, below=12)
OTHERS = {
    "gather": lambda: X.gather(1, PLACES),
    "index": lambda: X[WHERE],
    "index_two": lambda: X.transpose(0, 1)[torch.arange(4), WHERE],
    "index_select": lambda: X.index_select(1, WHERE[0]),
    "index_add": lambda: X.flatten(0, 1).index_add(0, ROW_OF, Y.flatten(0, 1)[:6]),
    "scatter_number": lambda: X.scatter(-1, PLACES, 1.5),
    "scatter_add": lambda: X.scatter_add(1, PLACES, Y),
    "scatter_largest": lambda: X.scatter_reduce(1, PLACES, Y, "amax"),
    "mm": lambda: X[0] @ Y[0].T,
    "bmm": lambda: X @ Y.mT,
    "mv": lambda: X[0] @ Y[0, 0],
    "mm_float64": lambda: X[0].double() @ Y[0].double().T,
    "dot": lambda: X[0, 0] @ Y[0, 0],
    "baddbmm": lambda: torch.baddbmm(X[..., :4], X, Y.mT),
    "baddbmm_broadcast": lambda: torch.baddbmm(X[:, :1, :4], X, Y.mT),
    "eye": lambda: torch.eye(4, 5) + X,
    "grid_sample": lambda: F.grid_sample(WIDE, 1.3 * WIDE[:, 0, :, :12].reshape(2, 6, 8, 2), align_corners=False),
    "grid_sample_beyond": lambda: F.grid_sample(WIDE, 9 * WIDE[:, :2].movedim(1, -1), align_corners=False),
    "large_mm": lambda: WIDE.flatten(0, 1).flatten(1) @ WIDE.flatten(0, 1).flatten(1).T,
    "upsample": lambda: F.interpolate(WIDE, scale_factor=2.0),
    "upsample_backward": lambda: aten.upsample_nearest2d_backward(WIDE, [8, 16], [2, 6, 4, 8]),
    "total_norm": lambda: torch.nn.utils.get_total_norm([X, Y[0], WIDE]),
}


def convolution(kernel: int, stride: int, padding: int, inputs: int = 6, outputs: int = 5, side: int = 8):
    x = numbers(2, inputs, side, side, seed=3).requires_grad_()
    weight = numbers(outputs, inputs, kernel, kernel, seed=4).requires_grad_()
    bias = numbers(outputs, seed=5).requires_grad_()
    tensors = {"x": x, "weight": weight, "bias": bias}

    def work() -> dict[str, Tensor]:
        out = F.conv2d(x, weight, bias, stride, padding)
        plain = F.conv2d(x, weight, None, stride, padding)
        gradients = torch.autograd.grad((out**2).sum() + plain.sum(), list(tensors.values()))
        return {"out": torch.cat([one.flatten() for one in (out.detach(), plain.detach(), *gradients)])}

    return work, tensors


def normalisation(training: bool):
    x, weight, bias = (
        numbers(4, 5, 3, 3, seed=6).requires_grad_(),
        numbers(5).requires_grad_(),
        numbers(5, seed=7).requires_grad_(),
    )
    mean, variance = numbers(5, seed=8), numbers(5, seed=9).abs()
    tensors = {"x": x, "weight": weight, "bias": bias, "mean": mean, "variance": variance}

    def work() -> dict[str, Tensor]:
        out = F.batch_norm(x, mean, variance, weight, bias, training, 0.03, 1e-3)
        gradients = torch.autograd.grad((out**3).sum(), [x, weight, bias]) if training else ()
        return {"out": torch.cat([one.flatten() for one in (out.detach(), mean, variance, *gradients)])}

    return work, tensors


def cases():
    """name → (function, its tensors)"""
    for kind, (a, b) in KINDS.items():
        for name, function in PAIRS.items():
            if name == "sigmoid_backward" and a.shape != b.shape:
                continue
            yield f"{name}-{kind}", (lambda f=function, a=a, b=b: {"out": f(a, b)}), {"a": a, "b": b}
        for name, function in SINGLES.items():
            yield f"{name}-{kind}", (lambda f=function, a=a: {"out": f(a)}), {"a": a}
    for kind, x in {
        "plain": X,
        "view": X.transpose(0, 2),
        "wide": WIDE,
        "float64": X.double(),
        "odd": ODD[None],
    }.items():
        for name, function in ROWS.items():
            if not (kind == "odd" and name in ("norm", "prod")):
                yield f"{name}-{kind}", (lambda f=function, x=x: {"out": f(x)}), {"x": x}
    for kind, x in {"plain": X, "view": numbers(5, 4, 3).transpose(0, 2), "empty": X[..., :0]}.items():
        for name, function in SHAPES.items():
            if kind != "empty" or name in ("view", "permute", "cat", "stack", "select", "unsqueeze"):
                yield f"{name}-{kind}", (lambda f=function, x=x: {"out": f(x)}), {"x": x}
    for name, function in OTHERS.items():
        yield (
            name,
            (lambda f=function: {"out": f()}),
            {"x": X, "y": Y, "wide": WIDE, "places": PLACES, "where": WHERE, "row_of": ROW_OF},
        )
    for kernel, stride, padding in [(1, 1, 0), (3, 1, 1), (3, 2, 1), (6, 4, 1), (5, 3, 0), (1, 2, 0), (3, 1, 4)]:
        yield (f"convolution-{kernel}-{stride}-{padding}", *convolution(kernel, stride, padding))
    yield ("convolution-many", *convolution(3, 1, 1, inputs=3, outputs=16, side=16))
    yield ("convolution-narrow", *convolution(3, 1, 1, side=3))
    yield ("normalisation-training", *normalisation(True))
    yield ("normalisation-eval", *normalisation(False))


CASES = {name: (function, tensors) for name, function, tensors in cases()}


@pytest.fixture(scope="module")
def outcomes(built_engine, tmp_path_factory):
    """What torch and the engine make of each case: name → (truth, result)."""
    program, commands, truths = Program(), [], {}
    for name, (function, tensors) in CASES.items():
        own = {f"{name}:{key}": one for key, one in tensors.items()}
        before = {key: one.detach().clone() for key, one in own.items()}
        truths[name] = function()["out"].detach().clone()
        for key, one in own.items():  # statistics were moved
            one.data.copy_(before[key])
        program.trace(name, lambda function=function, name=name: {f"{name}:out": function()["out"]}, own)
        commands += [("run", name), ("get", f"{name}:out")]
    results = Engine(built_engine, tmp_path_factory.mktemp("operators"))(program, commands)
    return {name: (truths[name], result) for name, result in zip(truths, results, strict=True)}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_in_the_page_gives_what_torch_gives(outcomes, name):
    truth, result = outcomes[name]
    exact = truth.dtype == torch.float64
    torch.testing.assert_close(
        result.to(truth.dtype),
        truth,
        rtol=1e-12 if exact else 2e-6,
        atol=1e-12 if exact else 2e-6 * scale(truth),
        equal_nan=True,
    )


def scale(truth: Tensor) -> float:
    finite = truth[truth.isfinite()].float().abs()
    return min(1e3, float(finite.amax())) if finite.numel() else 1.0


def test_a_constant_that_is_changed_in_place_is_made_anew_in_each_run(engine):
    program = Program()
    program.trace("add", lambda: {"out": torch.ones(4, 5)[1:3].add_(X[0, 1:3]) + torch.arange(5)}, {"x": X})
    (result,) = engine(program, [("run", "add"), ("run", "add"), ("get", "out")])
    torch.testing.assert_close(result, 1 + X[0, 1:3] + torch.arange(5))


def test_what_is_put_in_between_two_runs_is_what_the_second_one_reads(engine):
    program, x = Program(), numbers(3, 3)
    program.trace("double", lambda: {"out": 2 * x.t()}, {"x": x})
    first, second = engine(
        program, [("run", "double"), ("get", "out"), ("set", "x", x + 1), ("run", "double"), ("get", "out")]
    )
    torch.testing.assert_close(first, 2 * x.t())
    torch.testing.assert_close(second, 2 * (x + 1).t())
