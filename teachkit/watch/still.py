"""The still twin of a cockpit: its curves and pictures as one PNG, drawn without pyplot."""

import io
import math
from typing import TYPE_CHECKING

from teachkit.watch.lab import Lab

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {"box": ("#0072B2", "-"), "class": ("#D55E00", "--"), "DFL": ("#009E73", "-.")}


def still_of(lab: Lab) -> bytes:
    """PNG of 1,100 × 400 px."""
    from matplotlib.figure import Figure  # half a second to load, and only a shown widget needs it

    figure = Figure(figsize=(11, 4), dpi=100, layout="constrained")
    losses, *pictures = figure.subplots(1, 1 + len(lab.pictures), width_ratios=[1.6, *[1] * len(lab.pictures)])
    _draw_losses(losses, lab)
    for index, axes in enumerate(pictures):
        _draw_picture(axes, lab, index)
    figure.suptitle("Training cockpit, as it stood when this page was saved", fontsize=12)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_losses(axes: "Axes", lab: Lab) -> None:
    rows = lab.story.curves["steps"].since(0)
    steps = [float(step or 0) for step in rows["step"]]
    for (label, (colour, dash)), name in zip(STYLES.items(), ("box", "cls", "dfl"), strict=True):
        losses = [math.nan if loss is None else loss for loss in rows[name]]
        axes.plot(steps, losses, color=colour, linestyle=dash, linewidth=2, label=label)
    if steps:
        axes.set_yscale("log")
    axes.set(title="losses, unweighted", xlabel="step", ylabel="loss")
    axes.legend(loc="upper right")
    axes.grid(color="#d5dbe3")


def _draw_picture(axes: "Axes", lab: Lab, index: int) -> None:
    from matplotlib.patches import Rectangle

    from teachkit.watch.names import write_names

    axes.imshow(lab.pictures.images[index].permute(1, 2, 0).cpu().numpy())
    axes.set_axis_off()
    for x1, y1, x2, y2 in lab.pictures.ground_truth.image(index)[0].tolist():
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="white", linestyle="--"))
    found = lab.gauges.found[index]
    for x1, y1, x2, y2, *_ in found:
        axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="#E69F00", linewidth=2))
    write_names(axes, [(box, f"{lab.classes[int(one)]} {score:.2f}", "#E69F00") for *box, one, score in found])
