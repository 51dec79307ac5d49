"""Figures of the training cycle: training and validation, data faults, errors of counts, precision and recall."""

from collections.abc import Mapping, Sequence

import numpy as np

from teachkit.experiments.data_faults import final_values
from teachkit.learn.log import Record
from teachkit.scoring.counting import THRESHOLDS
from teachkit.scoring.precision import RECALLS, PrecisionRecall
from teachkit.structures import LOSS_NAMES
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.plots import NotebookFigure


def mean_of_epochs(records: Sequence[Record], name: str) -> list[float]:
    """The mean of a training loss over the steps of each closed epoch. Epoch records hold the validation losses."""
    epochs = [record["epoch"] for record in records if record["kind"] == "epoch"]
    steps = [record for record in records if record["kind"] == "step"]
    return [float(np.mean([step[name] for step in steps if step["epoch"] == epoch])) for epoch in epochs]


def of_epochs(records: Sequence[Record], name: str) -> list[float]:
    """One column of the epoch records, such as map50 or val_total."""
    return [record[name] for record in records if record["kind"] == "epoch"]


def after_the_best(records: Sequence[Record]) -> dict[str, float]:
    """What happens after the epoch in which the total validation loss was lowest, as shares.

    → {"training": change of the total training loss from there to the end, "exam box", "exam cls", "exam dfl": by how
    much each validation loss ends above its own lowest value}.
    """
    training, validation = mean_of_epochs(records, "total"), of_epochs(records, "val_total")
    of_loss = {name: of_epochs(records, f"val_{name}") for name in LOSS_NAMES}
    change = {"training": training[-1] / training[int(np.argmin(validation))] - 1}
    return change | {f"exam {name}": values[-1] / min(values) - 1 for name, values in of_loss.items()}


def training_and_validation(runs: Mapping[str, Sequence[Record]]) -> NotebookFigure:
    """The class loss of each run in training and on validation, and its mAP50, over epochs."""
    figure = NotebookFigure(
        figsize=(11, 3.7), alt=f"Training and validation class loss of {len(runs)} runs, and their mAP50, by epoch"
    )
    losses, scores = figure.subplots(1, 2, width_ratios=[1.6, 1])
    for place, (label, records) in enumerate(runs.items()):
        colour = PALETTE[place]
        training, validation = mean_of_epochs(records, "cls"), of_epochs(records, "val_cls")
        epochs = np.arange(1, len(training) + 1)
        losses.plot(epochs, training, color=colour, linewidth=1.2, label=f"{label}: training")
        losses.plot(epochs, validation, color=colour, linestyle="--", linewidth=2.2, label=f"{label}: validation")
        lowest = int(np.argmin(validation))
        losses.plot(epochs[lowest], validation[lowest], color=colour, marker="v", markersize=9, linestyle="none")
        scores.plot(epochs, of_epochs(records, "map50"), color=colour, linestyle="--", linewidth=2)
    # A first epoch is far above all others, and would press them flat.
    losses.set(title="class loss (triangle: the lowest on validation)", xlabel="epoch", ylabel="loss", ylim=(0, 8))
    scores.set(title="mAP50 on validation", xlabel="epoch", ylim=(0, 1))
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    handles, labels = losses.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(runs), fontsize=9, frameon=False)
    return figure


def faults_side_by_side(runs: Sequence[Record]) -> NotebookFigure:
    """mAP50 and validation losses by the fault in the training data. runs: of `train_with_fault`.

    A bar is the mean of the runs with that fault, each dot is a run.
    """
    faults = list(dict.fromkeys(run["fault"] for run in runs))
    panels = {
        "map50": "exam: mAP50",
        "val_box": "exam: box loss",
        "val_cls": "exam: class loss",
        "val_dfl": "exam: DFL",
    }
    figure = NotebookFigure(
        figsize=(9.5, 5), alt=f"mAP50 and losses in the exam, one bar for each of: {', '.join(faults)}"
    )
    for axes, (name, title) in zip(figure.subplots(2, 2, sharey=True).flat, panels.items(), strict=True):
        for place, fault in enumerate(faults):
            values = final_values(runs, fault, name)
            axes.barh(place, np.mean(values), color=PALETTE[0] if place else "#8a96a5")
            axes.plot(values, [place] * len(values), "o", color="black", markersize=4)
        axes.set(title=title, yticks=range(len(faults)), yticklabels=faults)
        axes.grid(axis="x", alpha=0.3)
    axes.invert_yaxis()  # shared by all four
    return figure


def count_error_by_threshold(errors: Mapping[str, Sequence[float]]) -> NotebookFigure:
    """Mean absolute error of a count at each threshold. errors: name → what `scoring.count_errors` gives."""
    figure = NotebookFigure(figsize=(8, 3.2), alt=f"Error of the count by score threshold: {', '.join(errors)}")
    axes = figure.subplots()
    for (name, values), style in zip(errors.items(), ("o-", "s--", "^:"), strict=False):
        axes.plot(THRESHOLDS, values, style, color=PALETTE[len(axes.lines)], label=name)
    axes.set(xlabel="score threshold", ylabel="mean absolute error,\nobjects a picture", xlim=(0, 1), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def precision_recall(curve: PrecisionRecall, title: str = "", threshold: float | None = None) -> NotebookFigure:
    """Precision over recall as detections are added, best first, and the staircase whose area is AP.

    threshold: a score; the point of the detections above it is marked.
    """
    recall, precision, scores = (np.asarray(one) for one in curve)
    figure = NotebookFigure(
        figsize=(6.4, 3.6), alt=f"Precision against recall, {title}, and the staircase whose mean is AP"
    )
    axes = figure.subplots()
    staircase = [float(precision[recall >= one].max(initial=0)) for one in RECALLS]
    axes.fill_between(RECALLS, staircase, step="pre", alpha=0.18, color=PALETTE[0], linewidth=0)
    axes.step(RECALLS, staircase, where="pre", color=PALETTE[0], linewidth=2, label="still to be had (AP: its mean)")
    marker = "o" if len(recall) < 30 else ""
    axes.plot(recall, precision, color=PALETTE[1], linestyle="--", marker=marker, label="answers let in, best first")
    if threshold is not None and (scores >= threshold).any():
        last = int((scores >= threshold).sum()) - 1
        axes.plot(recall[last], precision[last], "D", color="black", markersize=8, label=f"confidence ≥ {threshold:g}")
    axes.set(xlabel="recall: share of the objects found", ylabel="precision: share of the answers right")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05))
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9, loc="lower left")
    return figure
