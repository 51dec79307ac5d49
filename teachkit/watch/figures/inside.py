"""Figures of the inside of a detector: anchor points, the decoding of a box, score maps, the bins of an edge.

Pure functions: tensors in, a figure out. A anchor points, R bins; boxes are xyxy px.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from teachkit.scoring import Reliability
from teachkit.structures import Predictions
from teachkit.watch.figures.colours import NO_CLASS, PALETTE
from teachkit.watch.figures.plots import LOSSES, NotebookFigure, show_image

SIDES = ("left", "top", "right", "bottom")  # the names that lessons give to the four distances
HATCHES = {"box": "", "cls": "///", "dfl": "..."}
BAR = 0.26  # width of a bar; the three losses stand side by side at each part of the detector


def anchor_map(image: Tensor, predictions: Predictions) -> NotebookFigure:
    """The anchor points over the picture, a panel for each stride. image: [3, H, W] in 0–1."""
    kinds = predictions.strides.unique().tolist()
    figure = NotebookFigure(
        figsize=(3.6 * len(kinds), 3.9), alt="Anchor points over a picture, a panel for each stride", photo=True
    )
    for axes, stride in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        points = predictions.anchor_points[predictions.strides == stride]
        show_image(axes, image)
        axes.plot(*points.T.tolist(), "o", color="white", markeredgecolor="black", markersize=4, linestyle="none")
        axes.set_title(f"stride {stride:g} px: {len(points)} anchor points", fontsize=10)
        axes.set(xlabel="x, px", ylabel="y, px")
    return figure


def decoded(image: Tensor, predictions: Predictions, point: int, title: str = "") -> NotebookFigure:
    """An anchor point, its four distances and the box that they make. predictions: of this picture alone (B = 1).

    A box that reaches out of the picture is shown whole, on grey.
    """
    figure = NotebookFigure(figsize=(4.6, 4.6), alt=f"{title}: an anchor point, four distances and the box", photo=True)
    draw_decoded(figure.subplots(), image, predictions, point, title)
    return figure


def draw_decoded(axes: Axes, image: Tensor, predictions: Predictions, point: int, title: str) -> None:
    x, y = predictions.anchor_points[point].tolist()
    x1, y1, x2, y2 = predictions.boxes[0, point].tolist()
    stride = float(predictions.strides[point])
    show_image(axes, image)
    height, width = image.shape[-2:]
    if min(x1, y1, width - x2, height - y2) < 0:
        axes.set(xlim=(min(0, x1 - 5), max(width, x2 + 5)), ylim=(max(height, y2 + 5), min(0, y1 - 5)))
        axes.set_facecolor("#8a96a5")
    for colour, line in (("black", 4), (NO_CLASS, 2)):
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=line))
    ends = {"left": (x1, y), "top": (x, y1), "right": (x2, y), "bottom": (x, y2)}
    for (name, end), strides in zip(ends.items(), ((x - x1), (y - y1), (x2 - x), (y2 - y)), strict=True):
        axes.annotate("", end, (x, y), arrowprops={"arrowstyle": "->", "color": "white", "lw": 1.8})
        axes.text(
            *end, f"{name} {strides / stride:.1f}", fontsize=9, ha="center", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
        )  # fmt: skip
    axes.plot([x], [y], "o", color="white", markeredgecolor="black", markersize=7)
    axes.set_title(f"{title}\n({x:g}, {y:g}), distances in strides of {stride:g} px", fontsize=10)
    axes.set(xlabel="x, px", ylabel="y, px")


def score_maps(image: Tensor, predictions: Predictions, classes: Sequence[str], title: str = "") -> NotebookFigure:
    """The scores of each class at the anchor points of the finest stride, brightest where it is surest. B = 1."""
    finest = predictions.strides == predictions.strides.min()
    height, width = image.shape[-2:]
    stride = int(predictions.strides.min())
    scores = predictions.scores[0, finest].detach().T.unflatten(1, (height // stride, width // stride))
    figure = NotebookFigure(
        figsize=(2.3 * (len(classes) + 1) + 0.6, 2.8), alt=f"{title}: the scores of each class as a map", photo=True
    )
    row = figure.subplots(1, len(classes) + 1)
    show_image(row[0], image)
    for axes, name, score in zip(row[1:], classes, scores, strict=True):
        drawn = axes.imshow(score.numpy(), vmin=0, vmax=1, cmap="cividis", extent=(0, width, height, 0))
        axes.set_title(f"{name}: up to {float(score.max()):.2f}", fontsize=9, parse_math=False)
    for axes in row:
        axes.set(xticks=[], yticks=[])
    figure.colorbar(drawn, ax=row, label="score", shrink=0.75)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def bin_bars(
    panels: Mapping[str, Tensor], target: Tensor | None = None, distance: float | None = None
) -> NotebookFigure:
    """The bins of an edge, a panel for each moment. panels: title → shares [R]; target: [R]; distance: strides."""
    alt = f"Shares of an edge's bins: {', '.join(panels)}"
    if target is not None:
        alt += "; the target is hatched"
    figure = NotebookFigure(figsize=(3.1 * len(panels) + 0.4, 2.7), alt=alt)
    for axes, (title, shares) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True
    ):
        bins = range(len(shares))
        aside = 0.2 if target is not None else 0
        axes.bar([one + aside for one in bins], shares.tolist(), 0.4 + 2 * (0.2 - aside), color=PALETTE[0])
        if target is not None:
            heights = target.tolist()
            axes.bar([one - aside for one in bins], heights, 0.4, color="white", edgecolor=PALETTE[1], hatch="///")
        expected = sum(one * share for one, share in enumerate(shares.tolist()))
        axes.plot([expected], [-0.03], "^", color=PALETTE[0], clip_on=False, markersize=8)
        if distance is not None:
            axes.axvline(distance, color=PALETTE[1], linestyle="--", linewidth=1.5)
        axes.set(ylim=(0, 1), xticks=range(0, len(shares), 3), xlabel="bin, in strides")
        axes.set_title(f"{title}\nexpected edge {expected:.2f}", fontsize=9, parse_math=False)
    figure.axes[0].set_ylabel("share")
    return figure


def threshold_curve(
    thresholds: Sequence[float], found: Sequence[int], extra: Sequence[int], objects: int
) -> NotebookFigure:
    """Objects found and extra boxes against the score threshold; objects: how many there are to be found."""
    alt = "Objects found and extra boxes against the score threshold"
    figure = NotebookFigure(figsize=(6.4, 3), alt=alt)
    axes = figure.subplots()
    axes.plot(thresholds, found, color=PALETTE[0], marker="o", label="objects found")
    axes.plot(thresholds, extra, color=PALETTE[1], marker="s", linestyle="--", label="extra boxes")
    axes.axhline(objects, color="#55606e", linestyle=":", label=f"objects there are: {objects}")
    axes.set(xlabel="score threshold", ylabel="count", xlim=(0, 1), ylim=(0, 1.25 * objects))
    axes.grid(alpha=0.3)
    figure.legend(fontsize=9, loc="outside upper center", ncols=3)
    return figure


def reliability_diagram(piles: Reliability) -> NotebookFigure:
    """The share of right answers in each pile against its mean score. Points are as large as their piles."""
    figure = NotebookFigure(figsize=(4.6, 4.2), alt="Reliability: the share of right answers against their mean score")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#55606e", linestyle="--", label="right as often as it says")
    axes.plot(piles.scores, piles.right, color=PALETTE[0], label="this detector")
    axes.scatter(piles.scores, piles.right, piles.sizes.clip(12), color=PALETTE[0], edgecolor="white", zorder=3)
    axes.set(xlabel="mean score of the pile", ylabel="share of right answers", xlim=(0, 1), ylim=(-0.03, 1.05))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9, loc="upper left")
    return figure


def floor_bars(moments: Mapping[str, tuple[float, float]]) -> NotebookFigure:
    """DFL at several moments, split at its floor. moments: name → (floor, DFL), nats."""
    figure = NotebookFigure(figsize=(7, 2.9), alt=f"DFL and its floor at: {', '.join(moments)}")
    axes = figure.subplots()
    floors, wholes = zip(*moments.values(), strict=True)
    above = [whole - floor for floor, whole in moments.values()]
    axes.bar(list(moments), floors, 0.55, color="#c9d1da", edgecolor="#55606e", hatch="...", label="floor")
    axes.bar(list(moments), above, 0.55, bottom=floors, color=PALETTE[2], label="above the floor: can be learned")
    for at, whole in enumerate(wholes):
        axes.text(at, whole + 0.03, f"{whole:.2f}", ha="center", fontsize=9)
    axes.set(ylabel="DFL, nats", ylim=(0, 1.18 * max(wholes)))
    axes.legend(fontsize=9)
    return figure


def signal_bars(signal: Mapping[str, Mapping[str, float]]) -> NotebookFigure:
    """How much of each loss arrives at each part of the detector. A loss that does not arrive is written 0.

    signal: part → loss → length of its gradient, as `analysis.error_signal.signal_by_part` gives it.
    """
    arriving = "; ".join(
        f"{part}: {', '.join(name for name, size in arrived.items() if size) or 'none'}"
        for part, arrived in signal.items()
    )
    figure = NotebookFigure(figsize=(9, 2.8), alt=f"Which losses arrive at which part of the detector:\n{arriving}")
    axes = figure.subplots()
    for place, name in enumerate(LOSSES):
        at = [part + (place - 1) * BAR for part in range(len(signal))]
        sizes = [arrived[name] for arrived in signal.values()]
        axes.bar(at, sizes, BAR, color=LOSSES[name][0], hatch=HATCHES[name], edgecolor="white", label=name)
        for x, size in zip(at, sizes, strict=True):
            if not size:
                axes.text(x, 0, "0", ha="center", va="bottom", color=LOSSES[name][0], weight="bold")
    axes.set(ylabel="length of the gradient")
    axes.set_xticks(range(len(signal)), list(signal))
    axes.legend(title="raw loss", loc="upper left")
    return figure


def nudging_errors(nudges: Sequence[float], errors: Sequence[float], loss: float) -> NotebookFigure:
    """How far a slope found by nudging is off, against the size of the nudge, with what theory expects of either end.

    errors: |nudged slope − gradient|; loss: the nudged one. The rounding error of a float32 loss of that size, over the
    nudge, falls; the error of the straight line, of the third order (drawn through the point at 0.03), rises.
    """
    figure = NotebookFigure(figsize=(7, 3.4), alt="Error of a nudged slope against the nudge: high at both ends")
    axes = figure.subplots()
    rounding = [2**-24 * loss / nudge for nudge in nudges]
    near = min(range(len(nudges)), key=lambda place: abs(nudges[place] - 0.03))
    bent = [errors[near] * (nudge / nudges[near]) ** 2 for nudge in nudges]
    axes.plot(nudges, errors, color=PALETTE[0], marker="o", label="measured")
    axes.plot(nudges, rounding, color=PALETTE[1], linestyle="--", label="rounding: 1 / ε")
    axes.plot(nudges, bent, color=PALETTE[2], linestyle="-.", label="the line is bent: ε²")
    axes.set(xscale="log", yscale="log", xlabel="nudge ε", ylabel="error of the slope")
    axes.set_ylim(max(1e-6, min(filter(None, errors)) / 3), 3 * max(*errors, rounding[0]))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)
    return figure
