"""Figures of predicted boxes and true boxes: with their loss, along a slide, and as a loss moves them."""

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from teachkit.analysis.sliding_box import MEASURES, STOPS, slid
from teachkit.boxes import ciou
from teachkit.watch.figures.colours import NO_CLASS, PALETTE
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import NotebookFigure, draw_box, show_image

# colour and dash of each loss
LINES = {"iou": (PALETTE[1], "--"), "giou": (PALETTE[2], "-."), "diou": (PALETTE[3], ":"), "ciou": (PALETTE[0], "-")}


def boxes_with_loss(images: Sequence[Tensor], pairs: Sequence[tuple[Tensor, Tensor]], title: str) -> NotebookFigure:
    """Each predicted box, solid, over the true one, dashed, with its CIoU loss. images: [3, H, W]; pairs: [n, 4] px."""
    alt = f"{title}: predicted boxes are solid, true boxes are dashed, with the CIoU loss of each pair"
    figure = NotebookFigure(figsize=(2.6 * len(images), 2.9), alt=alt, photo=True)
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(1, len(images), squeeze=False)[0]
    for axes, image, (predicted, target) in zip(grid, images, pairs, strict=True):
        axes.axis("off")
        show_image(axes, image)
        for box, true_box in zip(predicted.tolist(), target.tolist(), strict=True):
            draw_box(axes, true_box, "white", dashed=True)
            draw_box(axes, box, NO_CLASS)
        losses = (1 - ciou(predicted, target)).tolist()
        write_names(axes, [(one, f"{loss:.2f}", "white") for one, loss in zip(predicted.tolist(), losses, strict=True)])
    return figure


def along_slide(truth: Sequence[float], box: Sequence[float], slide: str, low: float, high: float) -> NotebookFigure:
    """The four losses as a box is slid. truth, box: xyxy px; slide: "across", "down" or "wide", from low to high px."""
    names = {"across": "left edge of the predicted box", "down": "its top edge", "wide": "its width"}
    figure = NotebookFigure(
        figsize=(7.5, 2.9), alt=f"The four losses against {names[slide]}, from {low:g} to {high:g} px"
    )
    _curves(figure.subplots(), truth, box, slide, low, high)
    figure.axes[0].set(xlabel=f"{names[slide]}, px", ylabel="loss")
    return figure


def _curves(axes: Axes, truth: Sequence[float], box: Sequence[float], slide: str, low: float, high: float) -> None:
    at = torch.linspace(low, high, STOPS, dtype=torch.float64)
    target = torch.tensor(truth, dtype=torch.float64)
    for key, (name, measure) in reversed(MEASURES.items()):  # CIoU below: where it is DIoU, both are seen
        colour, dash = LINES[key]
        losses = 1 - measure(slid(box, slide, at), target)
        axes.plot(
            at.tolist(),
            losses.tolist(),
            color=colour,
            linestyle=dash,
            linewidth=4 if key == "ciou" else 2,
            label=f"{name} loss",
        )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)


def paths(trails: dict[str, Tensor], truth: Tensor, every: int = 50) -> NotebookFigure:
    """How each loss moved the same box: its start, its place after each `every` steps, and its end.

    trails: name of the loss → [steps + 1, 4] px of a picture of 128 × 128; truth: [4] px.
    """
    alt = f"How the same box moves under {', '.join(trails)}, from its start to its end; the true box is dashed"
    figure = NotebookFigure(figsize=(2.8 * len(trails), 2.9), alt=alt)
    for axes, (name, trail) in zip(figure.subplots(1, len(trails), squeeze=False)[0], trails.items(), strict=True):
        axes.set(xlim=(0, 128), ylim=(128, 0), xticks=[], yticks=[], aspect="equal", facecolor="#dfe6ee")
        axes.set_title(f"{name} loss", fontsize=10)
        for x1, y1, x2, y2 in trail[every:-1:every].tolist():
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="#8a96a5", linewidth=0.8))
        draw_box(axes, trail[0].tolist(), PALETTE[1])
        draw_box(axes, trail[-1].tolist(), PALETTE[0])
        draw_box(axes, truth.tolist(), "white", dashed=True)
        moved = bool((trail[-1] != trail[0]).any())
        for box, word in ((trail[0], "start" if moved else "start and end"), (trail[-1], "end" if moved else "")):
            axes.text(box[0].item() + 3, box[3].item() - 3, word, fontsize=9)
        axes.text(truth[0].item(), truth[1].item() - 3, "truth", fontsize=9)
    return figure


def falling(losses: Sequence[float], name: str) -> NotebookFigure:
    """One loss, step by step, on an axis that begins at 0."""
    figure = NotebookFigure(figsize=(6, 2.6), alt=f"The {name} over {len(losses)} steps")
    axes = figure.subplots()
    axes.plot(range(1, len(losses) + 1), losses, color=PALETTE[0], marker="o", markersize=3)
    axes.set(xlabel="step", ylabel=name, ylim=(0, 1.05 * max(losses)))
    axes.grid(alpha=0.3)
    return figure
