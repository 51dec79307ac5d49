"""What playgrounds compute with torch, as graphs; and what a page has to know of each to answer as the kernel does."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor

from teachkit.analysis.sliding_box import MEASURES, STOPS, losses_and_slopes
from teachkit.boxes import expected_bin
from teachkit.page.trace import Program, Tensors
from teachkit.punish.losses import LAST_BIN_MARGIN, beyond_bins, cls_loss, dfl_loss, dfl_target, focal_loss
from teachkit.watch.widgets.confidence import SCORES, ConfidencePlayground
from teachkit.watch.widgets.dfl import BINS, LEAST_SHARE, SHAPES, DFLPlayground, shares_of
from teachkit.watch.widgets.iou import FLAT, IoUPlayground
from teachkit.watch.widgets.playground import Playground

PLAYGROUNDS: dict[str, type[Playground]] = {
    "iou": IoUPlayground,
    "dfl": DFLPlayground,
    "confidence": ConfidencePlayground,
}


def playground_program() -> Program:
    """A graph for each of PLAYGROUNDS, by its name; all in float64. Named tensors: iou.predicted, iou.losses …"""
    program = Program()
    for name, (work, inputs) in {"iou": trace_iou(), "dfl": trace_dfl(), "confidence": trace_confidence()}.items():
        program.trace(name, partial(prefixed, name, work), {f"{name}.{key}": one for key, one in inputs.items()})
    return program


def prefixed(name: str, work: Callable[[], Tensors]) -> Tensors:
    return {f"{name}.{key}": one for key, one in work().items()}


Traced = tuple[Callable[[], Tensors], Tensors]


def trace_iou() -> Traced:
    """predicted, truth [4] px, along [STOPS, 4] → losses [4], slopes [4, 4] per px, chart [4, STOPS]."""
    truth = torch.tensor([24.0, 24, 104, 104], dtype=torch.float64)
    predicted, along = truth + 8, (truth + 8).repeat(STOPS, 1)

    def work() -> Tensors:
        losses, slopes = losses_and_slopes(predicted, truth)
        chart = torch.stack([1 - measure(along, truth) for _, measure in MEASURES.values()])
        return {"losses": losses, "slopes": slopes, "chart": chart}

    return work, {"predicted": predicted, "truth": truth, "along": along}


def trace_dfl() -> Traced:
    """shares [R], place [] in strides → target [R], loss, floor, expected, used, beyond."""
    shares, place = torch.full((BINS,), 1 / BINS, dtype=torch.float64), torch.tensor(4.3, dtype=torch.float64)

    def work() -> Tensors:
        logits, target = shares.log(), dfl_target(place, BINS)
        return {
            "target": target,
            "loss": dfl_loss(logits, place),
            "floor": -torch.special.xlogy(target, target).sum(),
            "expected": expected_bin(logits),
            "used": place.clamp(0, BINS - 1 - LAST_BIN_MARGIN),
            "beyond": beyond_bins(place, BINS),
        }

    return work, {"shares": shares, "place": place}


def trace_confidence() -> Traced:
    """score, target, alpha, gamma, background_score, each [1] → curves [2, 100], loss, slope, crowd [2].

    Of BCE and focal loss; the weighted loss is a multiple of the first.
    """
    inputs = {name: torch.tensor([0.5], dtype=torch.float64) for name in ("score", "target", "alpha", "gamma")}
    inputs["background_score"] = torch.tensor([0.05], dtype=torch.float64)

    def losses(logits: Tensor, target: Tensor) -> Tensor:
        targets = target.expand_as(logits)
        focal = cast(Callable[..., Tensor], focal_loss)  # numbers are inputs of the graph, so tensors
        return torch.stack([cls_loss(logits, targets), focal(logits, targets, inputs["alpha"], inputs["gamma"])])

    def work() -> Tensors:
        logit = torch.logit(inputs["score"]).requires_grad_()
        loss = losses(logit.sigmoid().logit(), inputs["target"])[:, 0]
        slope = torch.stack([torch.autograd.grad(one, logit, retain_graph=True)[0][0] for one in loss])
        crowd = losses(torch.logit(inputs["background_score"]), torch.zeros_like(inputs["target"]))[:, 0]
        curves = losses(torch.logit(SCORES), inputs["target"])
        return {"loss": loss.detach(), "slope": slope, "crowd": crowd, "curves": curves}

    return work, inputs


def playground_facts() -> dict[str, Any]:
    """Of each playground its title, first values, levers and set-up, and the constants of its rules."""
    facts: dict[str, Any] = {}
    for name, kind in PLAYGROUNDS.items():
        widget = kind()
        levers = {lever: described(check) for lever, check in widget.levers.items()}
        facts[name] = {"title": widget.title, "first": widget.values, "levers": levers, "setup": widget.setup()[0]}
        widget.close()
    facts["iou"] |= {"flat": FLAT, "stops": STOPS}
    facts["dfl"] |= {"least_share": LEAST_SHARE, "shapes": shape_table()}
    return facts


def described(check: Callable[[Any], Any]) -> dict[str, Any]:
    """The rule of a lever, as data: between, rounded and one_of tell it by what they hold."""
    held = dict(inspect.getclosurevars(check).nonlocals)
    if "low" in held:
        return {"kind": "between", "name": held["name"], "low": held["low"], "high": held["high"]}
    if "choices" in held:
        return {"kind": "one_of", "name": held["name"], "choices": list(held["choices"])}
    if "check" in held:
        return {**described(held["check"]), "kind": "rounded"}
    if "numbers" in held:
        return {"kind": "box", "sides": [described(one) for one in held["numbers"]]}
    return {"kind": check.__name__}


def shape_table() -> dict[str, list[list[float]]]:
    """The shares of each shape but the drawn one and the target, for each k."""
    none = torch.ones(BINS, dtype=torch.float64)
    fixed = [name for name in SHAPES if name not in ("hand", "target")]
    return {name: [shares_of(name, k, none, none).tolist() for k in range(BINS - 1)] for name in fixed}
