"""The static image of a cockpit: its curves and its pictures in one PNG."""

import math

from matplotlib.axes import Axes

from teachkit.watch.cockpit.session import Session
from teachkit.watch.figures.colours import class_styles
from teachkit.watch.figures.names import write_names
from teachkit.watch.figures.plots import LOSSES, NotebookFigure, draw_box, show_image
from teachkit.watch.timeline.marks import word


def static_image_of(session: Session) -> bytes:
    """The session's losses and pictures as a PNG of 1,100 × 400 px."""
    figure = NotebookFigure(figsize=(11, 4), alt="")
    losses, *pictures = figure.subplots(1, 1 + len(session.pictures), width_ratios=[1.6, *[1] * len(session.pictures)])
    _draw_losses(losses, session)
    for index, axes in enumerate(pictures):
        _draw_picture(axes, session, index)
    figure.suptitle("Training cockpit, as it stood when this page was saved", fontsize=12)
    return figure.png()


def _draw_losses(axes: Axes, session: Session) -> None:
    rows = session.timeline.curves["steps"].since(0)
    steps = [float(step or 0) for step in rows["step"]]
    for name, (colour, dash, _) in LOSSES.items():
        losses = [math.nan if loss is None else loss for loss in rows[name]]
        axes.plot(steps, losses, color=colour, linestyle=dash, linewidth=2, label=word(name))
    axes.set_yscale("log")
    if not steps:
        axes.set(xlim=(0, 100), ylim=(0.1, 10))  # of a run that has not begun
    axes.set(title="losses, unweighted", xlabel="step", ylabel="loss")
    axes.legend(loc="upper right")
    axes.grid(color="#d5dbe3")


def _draw_picture(axes: Axes, session: Session, index: int) -> None:
    show_image(axes, session.pictures.images[index])
    axes.set_axis_off()
    for box in session.pictures.ground_truth.image(index)[0].tolist():
        draw_box(axes, box, "white", dashed=True)
    found = session.probes.found[index]
    colours = [style.colour for style in class_styles(session.classes)]
    for *box, label, _ in found:
        draw_box(axes, box, colours[int(label)])
    names = [(box, f"{session.classes[int(one)]} {score:.2f}", colours[int(one)]) for *box, one, score in found]
    write_names(axes, names)
