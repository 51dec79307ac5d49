"""How much is a class punished: cross-entropy, its class weight and the focal loss, against the confidence."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from teachkit.punish.losses import cls_loss, focal_loss
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between

NAMES = {"bce": "BCE", "weighted": "weight × BCE", "focal": "focal"}
STYLES = {"bce": (PALETTE[0], "-"), "weighted": (PALETTE[1], "--"), "focal": (PALETTE[2], "-.")}
SCORES = torch.linspace(0.005, 0.995, 100, dtype=torch.float64)


class ConfidencePlayground(Playground):
    """A score is moved between 0 and 1; three losses and their slopes follow.

    score: the detector's confidence; target: what it should be, 0–1; weight: the class's; gamma, alpha: of the focal
    loss; background: anchor points with target 0 for each such object, at the score `background_score`.
    """

    _esm = front_end("widgets/confidence.js")
    _css = front_end("widgets/confidence.css")
    title = "How sure, and how wrong? The class loss"
    words = "The class loss against the confidence: cross-entropy, weighted cross-entropy and focal loss"
    levers: Mapping[str, Callable[[Any], Any]] = {
        "score": between("score", 0.001, 0.999),
        "target": between("target", 0, 1),
        "weight": between("class weight", 0, 10),
        "gamma": between("gamma", 0, 5),
        "alpha": between("alpha", 0, 1),
        "background": between("background", 0, 1000),
        "background_score": between("background score", 0.001, 0.999),
    }

    def __init__(self, **values: float) -> None:
        usual = {"score": 0.3, "target": 1.0, "weight": 1.0, "gamma": 2.0, "alpha": 0.25}
        super().__init__(**(usual | {"background": 100.0, "background_score": 0.05} | values))

    def losses(self, scores: Tensor, target: float) -> dict[str, Tensor]:
        """scores: [n] in 0–1, float64 → each loss [n], in nats."""
        logits, targets = torch.logit(scores), torch.full_like(scores, target)
        bce = cls_loss(logits, targets)
        focal = focal_loss(logits, targets, self.values["alpha"], self.values["gamma"])
        return {"bce": bce, "weighted": self.values["weight"] * bce, "focal": focal}

    def slopes(self) -> dict[str, float]:
        """Of each loss at the score, per unit of the logit: which way, and how strongly, it is corrected."""
        logit = torch.logit(torch.tensor([self.values["score"]], dtype=torch.float64)).requires_grad_()
        losses = self.losses(logit.sigmoid(), self.values["target"])
        return {
            name: float(torch.autograd.grad(loss.sum(), logit, retain_graph=True)[0]) for name, loss in losses.items()
        }

    def numbers(self) -> dict[str, Any]:
        """curves: each loss over SCORES; loss, slope, and background: its share of the sum, by name."""
        now = self.values
        loss = {name: float(one) for name, one in self._at(now["score"], now["target"]).items()}
        crowd = self._at(now["background_score"], 0.0)
        share = {}
        for name, own in loss.items():
            behind = now["background"] * float(crowd[name])
            share[name] = behind / (behind + own) if behind + own > 0 else 0.0
        return {
            "curves": {name: curve.tolist() for name, curve in self.losses(SCORES, now["target"]).items()},
            "loss": loss,
            "slope": self.slopes(),
            "background": share,
            "words": f"Confidence {now['score']:.2f} where {now['target']:.2f} is right: BCE {loss['bce']:.2f}, "
            f"focal {loss['focal']:.2f}.",
        }

    def _at(self, score: float, target: float) -> dict[str, Tensor]:
        losses = self.losses(torch.tensor([score], dtype=torch.float64), target)
        return {name: loss[0] for name, loss in losses.items()}

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        return {"names": NAMES, "scores": SCORES.tolist()}, []

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(7, 3.4), alt=f"{self.words}. {now['words']}")
        axes = figure.subplots()
        for name, (colour, dash) in STYLES.items():
            axes.plot(SCORES, now["curves"][name], color=colour, linestyle=dash, linewidth=2, label=NAMES[name])
            axes.plot([self.values["score"]], [now["loss"][name]], "o", color=colour)
        axes.axvline(self.values["score"], color="#6b7785", linestyle=":")
        axes.set(xlim=(0, 1), ylim=(0, 5), xlabel="confidence (score)", ylabel="loss, nats", title=now["words"])
        axes.legend()
        axes.grid(alpha=0.3)
        return figure
