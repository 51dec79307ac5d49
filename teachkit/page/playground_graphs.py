"""What the playgrounds compute with torch, traced: of each a function and its inputs, by name."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from teachkit.analysis.sliding_box import MEASURES, STOPS, losses_and_slopes
from teachkit.analysis.surfaces import RULES, SURFACES, Surface
from teachkit.analysis.update_rules import adam_step, adamw_step, momentum_step, sgd_step
from teachkit.boxes import ciou, cut, expected_bin
from teachkit.page.trace import Tensors
from teachkit.punish.assigner import candidates, measure_all, normalise, resolve_conflicts
from teachkit.punish.losses import LAST_BIN_MARGIN, beyond_bins, cls_loss, dfl_loss, dfl_target, focal_loss
from teachkit.structures import Predictions
from teachkit.watch.widgets.assigner import AssignerPlayground
from teachkit.watch.widgets.augment import FACTORS, AugmentPlayground, other_view
from teachkit.watch.widgets.confidence import SCORES
from teachkit.watch.widgets.dfl import BINS

Traced = tuple[Callable[[], Tensors], Tensors]


def double(value: Any) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def trace_iou() -> Traced:
    """predicted, truth [4] px, along [STOPS, 4] → losses [4], slopes [4, 4] per px, chart [4, STOPS]."""
    truth = double([24, 24, 104, 104])
    predicted, along = truth + 8, (truth + 8).repeat(STOPS, 1)

    def work() -> Tensors:
        losses, slopes = losses_and_slopes(predicted, truth)
        chart = torch.stack([1 - measure(along, truth) for _, measure in MEASURES.values()])
        return {"losses": losses, "slopes": slopes, "chart": chart}

    return work, {"predicted": predicted, "truth": truth, "along": along}


def trace_dfl() -> Traced:
    """shares [R], place [] in strides → target [R], loss, floor, expected, used, beyond."""
    shares, place = torch.full((BINS,), 1 / BINS, dtype=torch.float64), double(4.3)

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
    inputs = {name: double([0.5]) for name in ("score", "target", "alpha", "gamma")}
    inputs["background_score"] = double([0.05])

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


def trace_rules(surface: Surface) -> Traced:
    """One step of all RULES: points, m, v [5, 2], t, settings [] → next_points, next_m, next_v, and losses [5]."""
    inputs = {name: torch.zeros(len(RULES), 2, dtype=torch.float64) for name in ("points", "m", "v")}
    inputs |= {name: double(0.5) for name in ("t", "lr", "momentum", "beta1", "beta2", "decay")}

    def work() -> Tensors:
        lr, t, beta1, beta2 = (cast(Any, inputs[name]) for name in ("lr", "t", "beta1", "beta2"))
        states = zip(inputs["points"], inputs["m"], inputs["v"], strict=True)
        after = []
        for rule, (w, m, v) in zip(RULES, states, strict=True):
            g = torch.stack([cast(Tensor, one) for one in surface.gradient(*cast(Any, w.unbind()))])
            if rule == "sgd":
                after.append((sgd_step(w, g, lr), m, v))
            elif rule == "momentum":
                after.append((*momentum_step(w, g, m, lr, cast(Any, inputs["momentum"])), v))
            elif rule == "adamw":
                decay = cast(Any, inputs["decay"])
                after.append(adamw_step(w, g, m, v, t, lr, beta1, beta2, decay=decay))
            else:
                after.append(adam_step(w, g, m, v, t, lr, beta1, beta2, corrected=rule == "adam"))
        names = ("next_points", "next_m", "next_v")
        moved = {name: torch.stack(one) for name, one in zip(names, zip(*after, strict=True), strict=True)}
        losses = surface.loss(*cast(Any, inputs["points"].unbind(1)))
        return moved | {"losses": cast(Tensor, losses)}

    return work, inputs


def traced_surfaces() -> dict[str, Traced]:
    return {name: trace_rules(surface) for name, surface in SURFACES.items()}


def traced_views(playground: AugmentPlayground) -> dict[str, Traced]:
    """image [3, H, W] in 0–1, boxes [n, 4] px; brightness, contrast, saturation [1] → picture, cut_boxes, kept [n].

    Of "moved" also factor [1] and shift [1, 2].
    """
    usual = {name: torch.ones(1) for name in FACTORS}

    def view(name: str) -> Traced:
        inputs = {"image": torch.zeros(playground.image.shape), "boxes": playground.boxes.clone()} | usual
        place = (torch.tensor([1.5]), torch.zeros(1, 2)) if name == "moved" else None
        inputs |= {} if place is None else dict(zip(("factor", "shift"), place, strict=True))

        def work() -> Tensors:
            images, boxes = inputs["image"][None], inputs["boxes"][None]
            image, boxes, kept = other_view(images, boxes, place, [inputs[one] for one in FACTORS])
            return {"picture": image, "cut_boxes": cut(boxes, (image.shape[1], image.shape[2])), "kept": kept}

        return work, inputs

    return {name: view(name) for name in ("still", "moved")}


class Given(Predictions):
    """Predictions whose boxes are known."""

    def __init__(self, boxes: Tensor, cls_logits: Tensor, like: Predictions) -> None:
        super().__init__(cls_logits, like.box_logits, like.anchor_points, like.strides)
        self.known = boxes

    @cached_property
    def boxes(self) -> Tensor:
        return self.known


def trace_assigner(playground: AssignerPlayground, largest: int) -> Traced:
    """boxes [1, A, 4], cls_logits [1, A, C] of a detector, alpha, beta [], chosen [largest] → of each point and object.

    The parts of the assigner, with top-k as an input: `chosen` holds 1 for each of the k, then 0.
    positive, owner, target [A]; overlap [M, A]; scores [A, C].
    """
    like, truth = next(iter(playground.predictions.values())), playground.truth
    inputs = {"boxes": like.boxes.detach().clone(), "cls_logits": like.cls_logits.detach().clone()}
    inputs |= {"alpha": torch.tensor(0.5), "beta": torch.tensor(6.0), "chosen": torch.ones(largest)}
    inside = candidates(like, truth).float()

    def work() -> Tensors:
        predictions = Given(inputs["boxes"], inputs["cls_logits"], like)
        overlap, scores = measure_all(truth.boxes, truth.labels, inside, predictions)
        metric = scores ** inputs["alpha"] * overlap ** inputs["beta"] * inside
        places = metric.topk(largest).indices
        taken = torch.zeros_like(metric).scatter(-1, places, inputs["chosen"].expand(places.shape))
        positive, owner = resolve_conflicts(taken * inside, overlap)
        target = normalise(metric, overlap, positive, owner)
        everywhere = ciou(truth.boxes[:, :, None], predictions.boxes[:, None]).clamp(min=0)
        return {
            "positive": positive[0],
            "owner": owner[0],
            "target": target[0],
            "overlap": everywhere[0],
            "scores": predictions.scores[0],
        }

    return work, inputs
