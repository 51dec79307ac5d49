"""One edge of a box: its true place, the detector's shares over the bins, and the DFL between them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from teachkit.boxes import expected_bin
from teachkit.errors import UserError
from teachkit.feed.detector import FIRST_SLOPE
from teachkit.punish.losses import LAST_BIN_MARGIN, beyond_bins, dfl_loss, dfl_target
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of, rounded

BINS, STRIDE = 16, 8  # of the course's detector: bins 0 … 15, eight pixels each at its finer stride
LEAST_SHARE = 1e-6  # softmax gives every bin a little, and the logarithm of nothing is infinite
LOW, HIGH = -2.0, 18.0  # how far past both ends the edge may be dragged, in strides
SHAPES = {
    "hand": "drawn by hand",
    "untrained": "as an untrained detector",
    "even": "even over all bins",
    "wide": "even and wide around k + ½",
    "two": "half on k, half on k + 1",
    "peak": "nearly all on k",
    "target": "exactly the target",
}


def shares_of(shape: str, k: int, target: Tensor, drawn: Tensor) -> Tensor:
    """The detector's share of each bin. target, drawn: [R] → [R], sum 1."""
    bins = torch.arange(BINS, dtype=torch.float64)
    shares = {
        "hand": drawn,
        "untrained": (-FIRST_SLOPE * bins).softmax(-1),
        "even": torch.ones_like(bins),
        "wide": ((bins - k - 0.5).abs() < min(k, BINS - 2 - k) + 1).double(),
        "two": ((bins == k) | (bins == k + 1)).double(),
        "peak": (bins == k).double() * 0.97 + (bins != k).double() * 0.03 / (BINS - 1),
        "target": target,
    }[shape]
    shares = (shares / shares.sum()).clamp(min=LEAST_SHARE)
    return shares / shares.sum()


def bars_of(value: Any) -> list[float]:
    """A lever that takes a height for each bin. Only the ratios count."""
    good = isinstance(value, list | tuple) and len(value) == BINS
    good = good and all(isinstance(one, int | float) and not isinstance(one, bool) for one in value)
    if not good or not all(math.isfinite(one) and one >= 0 for one in value) or not 0 < sum(value) < math.inf:
        raise UserError(f"bars must be {BINS} numbers ≥ 0, not all of them 0, not {value!r}")
    return [float(one) / sum(value) for one in value]


class DFLPlayground(Playground):
    """The edge is dragged, in strides; target bins, predicted bins, loss, its floor and the expectation follow.

    place: the edge's true distance, −2 … 18; shape: a name of SHAPES; k: the bin that some shapes are built around;
    bars: heights of all 16 bins, which makes the shape "hand". Loss and floor are in nats.
    """

    _esm = front_end("widgets/dfl.js")
    _css = front_end("widgets/dfl.css")
    title = "One edge and its bins: DFL"
    words = "The bins of one edge: its two-bin target beside what the detector believes, with the DFL loss"
    levers: Mapping[str, Callable[[Any], Any]] = {
        "place": between("place", LOW, HIGH),
        "shape": one_of("shape", SHAPES),
        "k": rounded("k", 0, BINS - 2),
        "bars": bars_of,
    }

    def __init__(
        self, place: float = 4.3, shape: str = "untrained", k: int = 4, bars: list[float] | None = None
    ) -> None:
        """UserError if a value is out of its range."""
        drawn = {} if bars is None else {"bars": bars, "shape": "hand"}
        super().__init__(**({"place": place, "shape": shape, "k": k, "bars": [1.0] * BINS} | drawn))

    def set(self, **values: Any) -> None:
        """New bars set the shape to "hand". The shape "hand" without bars starts from the current shares."""
        if "bars" in values:
            values = {"shape": "hand", **values}
        elif values.get("shape") == "hand":
            values = {**values, "bars": self.shares.tolist()}
        super().set(**values)

    @property
    def distance(self) -> Tensor:
        """The edge's true distance from the anchor point, 0-d float64, strides."""
        return torch.tensor(self.values["place"], dtype=torch.float64)

    @property
    def shares(self) -> Tensor:
        """[R] float64: the detector's share of each bin."""
        drawn = torch.tensor(self.values["bars"], dtype=torch.float64)
        return shares_of(self.values["shape"], self.values["k"], dfl_target(self.distance, BINS), drawn)

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        return {"bins": BINS, "stride": STRIDE, "low": LOW, "high": HIGH, "shapes": list(SHAPES.items())}, []

    def numbers(self) -> dict[str, Any]:
        """target, shares: [R]; used: the place that the target is made for; loss, floor: nats; expected: strides."""
        logits = self.shares.log()
        target = dfl_target(self.distance, BINS)
        loss = float(dfl_loss(logits, self.distance))
        floor = float(-torch.special.xlogy(target, target).sum()) + 0.0  # no −0
        expected = float(expected_bin(logits))
        used = float(self.distance.clamp(0, BINS - 1 - LAST_BIN_MARGIN))
        return {
            "target": target.tolist(),
            "shares": self.shares.tolist(),
            "loss": loss,
            "floor": floor,
            "above": max(0.0, loss - floor),
            "expected": expected,
            "off": expected - self.values["place"],
            "used": used,
            "beyond": bool(beyond_bins(self.distance, BINS)),
            "clamping": self.clamping(used),
            "words": f"DFL {loss:.2f}, of which {floor:.2f} cannot be avoided. The detector expects {expected:.2f}, "
            f"the edge is at {self.values['place']:.2f}. {self.clamping(used)}".strip(),
        }

    def clamping(self, used: float) -> str:
        """A sentence about an edge outside of the bins; empty for an edge inside."""
        place = self.values["place"]
        if place < 0:
            return (
                f"The edge lies {-place:.2f} strides on the other side of the anchor point. No bin says that: "
                "the target is bin 0 alone, and DFL teaches a wrong place."
            )
        if used < place:
            reach = "A larger stride, or more bins, would reach it." if place > BINS - 1 else "It costs nothing to see."
            return (
                f"{place:.2f} is past the farthest target there is: it is moved to {used:.2f}, where bin {BINS - 2} "
                f"gets .01 and bin {BINS - 1} gets .99. {reach}"
            )
        return ""

    def figure(self) -> NotebookFigure:
        now = self.numbers()
        figure = NotebookFigure(figsize=(8.5, 3.4), alt=f"{self.words}. {now['words']}")
        axes = figure.subplots()
        bins = range(BINS)
        axes.bar([one - 0.2 for one in bins], now["target"], 0.4, color="white", edgecolor=PALETTE[1], hatch="///")
        axes.bar([one + 0.2 for one in bins], now["shares"], 0.4, color=PALETTE[0])
        axes.axvline(self.values["place"], color=PALETTE[1], linestyle="--")
        axes.plot([now["expected"]], [-0.035], marker="^", color=PALETTE[0], clip_on=False, zorder=5)
        axes.legend(["true edge", "expected edge", "target (hatched)", "predicted (solid)"], fontsize=9)
        axes.set(
            xlim=(LOW, HIGH), ylim=(0, 1), xticks=list(bins), ylabel="share", xlabel="bin = distance in strides",
            title=f"DFL {now['loss']:.2f} = floor {now['floor']:.2f} + {now['above']:.2f} that can still be learned",
        )  # fmt: skip
        return figure
