"""The still twin of a cockpit: its curves and pictures as one PNG, drawn without pyplot."""

import math

from matplotlib.axes import Axes

from teachkit.watch.cockpit.marks import word
from teachkit.watch.cockpit.session import Lab
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import LOSSES, PALETTE, NotebookFigure, draw_box, show_image


def still_of(lab: Lab) -> bytes:
    """PNG of 1,100 × 400 px."""
    figure = NotebookFigure(figsize=(11, 4), alt="")
    losses, *pictures = figure.subplots(1, 1 + len(lab.pictures), width_ratios=[1.6, *[1] * len(lab.pictures)])
    _draw_losses(losses, lab)
    for index, axes in enumerate(pictures):
        _draw_picture(axes, lab, index)
    figure.suptitle("Training cockpit, as it stood when this page was saved", fontsize=12)
    return figure.png()


def _draw_losses(axes: Axes, lab: Lab) -> None:
    rows = lab.story.curves["steps"].since(0)
    steps = [float(step or 0) for step in rows["step"]]
    for name, (colour, dash, _) in LOSSES.items():
        losses = [math.nan if loss is None else loss for loss in rows[name]]
        axes.plot(steps, losses, color=colour, linestyle=dash, linewidth=2, label=word(name))
    if steps:
        axes.set_yscale("log")
    axes.set(title="losses, unweighted", xlabel="step", ylabel="loss")
    axes.legend(loc="upper right")
    axes.grid(color="#d5dbe3")


def _draw_picture(axes: Axes, lab: Lab, index: int) -> None:
    show_image(axes, lab.pictures.images[index])
    axes.set_axis_off()
    for box in lab.pictures.ground_truth.image(index)[0].tolist():
        draw_box(axes, box, "white", dashed=True)
    found = lab.gauges.found[index]
    for *box, _, _ in found:
        draw_box(axes, box, PALETTE[4])
    write_names(axes, [(box, f"{lab.classes[int(one)]} {score:.2f}", PALETTE[4]) for *box, one, score in found])
