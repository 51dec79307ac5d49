"""Three loss weights on a frozen batch: the raw losses stay, the weighted losses and the gradient's shares move."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from teachkit.analysis.gradients import GradientShare, gradient_share, statistics_kept
from teachkit.errors import UserError
from teachkit.experiments.recorded import trained_and_untrained
from teachkit.feed.detector import Detector
from teachkit.feed.loader import first_images, load_data
from teachkit.punish.criterion import Criterion
from teachkit.structures import LOSS_NAMES, Batch, Losses, LossWeights
from teachkit.watch.figures.plots import LOSSES, NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.timeline.marks import word
from teachkit.watch.widgets.playground import Playground, between, one_of

USUAL = LossWeights()
LARGEST = 1000.0


@dataclass(frozen=True)
class Measured:
    """A detector on the frozen batch: raw losses as 0-d tensors, and each loss's gradient at the shared features."""

    losses: Losses
    pulls: GradientShare


def measure(model: Detector, criterion: Criterion, batch: Batch) -> Measured:
    """Losses and gradients of the model on the batch, for any weights. The model is left as it was."""
    with statistics_kept(model), torch.no_grad():
        losses = criterion(model(batch.images), batch.ground_truth)
    return Measured(losses, gradient_share(model, criterion, batch))


class LossWeightsPlayground(Playground):
    """Sliders for the three weights on a frozen batch: raw losses, weighted losses, shares of the gradient.

    models: name → Detector, by default "trained" (on the built-in shapes) and "untrained"; batch: by default the first
    eight of the built-in validation set; box, cls, dfl: the weights, 0 … 1000; model: the detector that is shown first.
    UserError if no detector is given, or a value is out of its range.
    """

    _esm = front_end("widgets/loss_weights.js")
    _css = front_end("widgets/loss_weights.css")
    title = "Three weights on a frozen batch"
    words = "Raw losses, weighted losses and shares of the gradient, side by side, as three weights move"

    def __init__(
        self,
        models: Mapping[str, Detector] | None = None,
        batch: Batch | None = None,
        criterion: Criterion | None = None,
        **values: Any,
    ) -> None:
        if models is None:
            models, _ = trained_and_untrained()
        if not models:
            raise UserError("give at least one detector")
        if batch is None:
            batch = first_images(load_data("shapes", "val", device="cpu"), 8)
        self.batch, self.criterion = batch, Criterion() if criterion is None else criterion
        self.measured = {name: measure(one, self.criterion, batch) for name, one in models.items()}
        weights = {name: between(name, 0, LARGEST) for name in LOSS_NAMES}
        self.levers = {**weights, "model": one_of("model", list(models))}
        super().__init__(**(USUAL.as_dict() | {"model": next(iter(models))} | values))

    @property
    def weights(self) -> LossWeights:
        return LossWeights(**{name: self.values[name] for name in LOSS_NAMES})

    @property
    def losses(self) -> Losses:
        """The batch's losses under the weights as they stand: the same tensors at every setting."""
        raw = self.measured[self.values["model"]].losses
        return Losses(raw.box, raw.cls, raw.dfl, self.weights)

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        return {"models": list(self.measured), "usual": USUAL.as_dict(), "pictures": len(self.batch)}, []

    def numbers(self) -> dict[str, Any]:
        """raw, weighted, of_loss, share: by loss; total; norm: of the whole gradient; angles: degrees, or None."""
        pulls = self.measured[self.values["model"]].pulls
        raw = dict(self.losses.items())
        total = raw.pop("total")
        weighted = {name: self.values[name] * raw[name] for name in LOSS_NAMES}
        share = pulls.shares(self.weights)
        percents = ", ".join(f"{word(name)} {_percent(share[name])}" for name in LOSS_NAMES)
        return {
            "raw": raw,
            "weighted": weighted,
            "total": total,
            "of_loss": {name: weighted[name] / total if total else math.nan for name in LOSS_NAMES},
            "share": share,
            "norm": whole_norm(pulls, self.weights),
            "angles": [[word(a), word(b), degrees] for (a, b), degrees in pulls.angles().items()],
            "words": f"Total {total:.2f}. The raw losses have not moved. Shares of the gradient: {percents}.",
        }

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(9, 2.6), alt=f"{self.words}. {now['words']}")
        panels = zip(
            figure.subplots(1, 3),
            ("raw", "weighted", "share"),
            ("raw losses", f"weighted: total {now['total']:.2f}", "share of the gradient"),
            strict=True,
        )
        for axes, what, title in panels:
            for at, name in enumerate(LOSS_NAMES):
                value = now[what][name]
                text = _percent(value) if what == "share" else f"{value:.2f}"
                colour, _, marker = LOSSES[name]
                hatch = {"o": "", "s": "///", "^": ".."}[marker]
                axes.barh(at, value if math.isfinite(value) else 0, color=colour, hatch=hatch, edgecolor="white")
                axes.text(0.98, at, text, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
            axes.set(yticks=range(3), yticklabels=[word(name) for name in LOSS_NAMES], title=title)
            axes.invert_yaxis()
            if what == "share":
                axes.set_xlim(0, 1)
        return figure


def whole_norm(pulls: GradientShare, weights: LossWeights) -> float:
    """Length of the total's gradient, from the three lengths and the angles between them."""
    scaled = {name: weight * pulls.norms[name] for name, weight in weights.as_dict().items()}
    square = sum(length * length for length in scaled.values())
    for (a, b), cosine in pulls.cosines.items():
        if scaled[a] and scaled[b]:  # beside a zero gradient there is no angle
            square += 2 * scaled[a] * scaled[b] * cosine
    return math.sqrt(max(square, 0.0))


def _percent(share: float) -> str:
    return f"{share:.0%}" if math.isfinite(share) else "–"
