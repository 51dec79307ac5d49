"""How much of each loss arrives at each part of the detector, as bars."""

from collections.abc import Mapping

from teachkit.watch.figures.plots import LOSSES, Picture

HATCHES = {"box": "", "cls": "///", "dfl": "..."}
WIDTH = 0.26  # of a bar; three of them stand at each part


def signal_picture(signal: Mapping[str, Mapping[str, float]]) -> Picture:
    """signal: part → loss → length of its gradient, from `signal_by_part`. A loss that does not arrive is written 0."""
    told = "; ".join(
        f"{part}: {', '.join(name for name, size in arrived.items() if size) or 'none'}"
        for part, arrived in signal.items()
    )
    picture = Picture(figsize=(9, 2.8), alt=f"Which losses arrive at which part of the detector. {told}")
    axes = picture.subplots()
    for place, name in enumerate(LOSSES):
        at = [part + (place - 1) * WIDTH for part in range(len(signal))]
        sizes = [arrived[name] for arrived in signal.values()]
        axes.bar(at, sizes, WIDTH, color=LOSSES[name][0], hatch=HATCHES[name], edgecolor="white", label=name)
        for x, size in zip(at, sizes, strict=True):
            if not size:
                axes.text(x, 0, "0", ha="center", va="bottom", color=LOSSES[name][0], weight="bold")
    axes.set(ylabel="length of the gradient")
    axes.set_xticks(range(len(signal)), list(signal))
    axes.legend(title="raw loss", loc="upper left")
    return picture
