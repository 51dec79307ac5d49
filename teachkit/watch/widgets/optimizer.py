"""Five update rules on one surface, from one start."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from teachkit.analysis.surfaces import RULES, SURFACES, Point, Surface, path
from teachkit.watch.figures.colours import PALETTE
from teachkit.watch.figures.plots import NotebookFigure
from teachkit.watch.frontend.bundle import front_end
from teachkit.watch.widgets.playground import Playground, between, one_of, rounded

MOST_STEPS = 200
FARTHEST = 5.0  # of a start, along x and along y
# colour, dash, marker and letter of each rule, so that none is told from another by colour alone
STYLES = {
    "sgd": (PALETTE[0], "-", "o", "S"),
    "momentum": (PALETTE[1], "--", "s", "M"),
    "adam": (PALETTE[2], "-.", "^", "A"),
    "uncorrected": (PALETTE[3], ":", "o", "U"),
    "adamw": (PALETTE[7], (0, (8, 3, 2, 3)), "s", "W"),
}


class OptimizerPlayground(Playground):
    """Paths of SGD, momentum, Adam with and without bias correction, and AdamW down a surface of two weights.

    surface: "bowl", "valley" or "saddle"; x, y: the start, −5 … 5; lr: for all; momentum, beta1, beta2, decay: as in
    torch.optim; steps: 1 … 200. UserError if a value is out of its range.
    """

    _esm = front_end("widgets/optimizer.js")
    _css = front_end("widgets/optimizer.css")
    title = "Same slope, different stride: update rules"
    words = "Paths of five update rules down a surface of two weights, from one start"
    levers: Mapping[str, Callable[[Any], Any]] = {
        "surface": one_of("surface", SURFACES),
        "x": between("x", -FARTHEST, FARTHEST),
        "y": between("y", -FARTHEST, FARTHEST),
        "lr": between("lr", 1e-4, 2),
        "momentum": between("momentum", 0, 0.99),
        "beta1": between("beta1", 0, 0.99),
        "beta2": between("beta2", 0, 0.9999),
        "decay": between("decay", 0, 1),
        "steps": rounded("steps", 1, MOST_STEPS),
    }

    def __init__(self, surface: str = "bowl", **values: Any) -> None:
        x, y = SURFACES[one_of("surface", SURFACES)(surface)].start
        usual = {"x": x, "y": y, "lr": 0.05, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999, "decay": 0.01, "steps": 60}
        super().__init__(**(usual | {"surface": surface} | values))

    def set(self, **values: Any) -> None:
        """Another surface brings its own start along."""
        chosen = values.get("surface")
        if isinstance(chosen, str) and chosen in SURFACES and chosen != self.values["surface"]:
            x, y = SURFACES[chosen].start
            values = {"x": x, "y": y, **values}
        super().set(**values)

    @property
    def surface(self) -> Surface:
        return SURFACES[self.values["surface"]]

    def paths(self) -> dict[str, list[Point]]:
        """rule → start and the point after each step; shorter where it has diverged."""
        now = self.values
        knobs = {name: now[name] for name in ("momentum", "beta1", "beta2", "decay")}
        start = (now["x"], now["y"])
        return {rule: path(self.surface, rule, start, now["steps"], now["lr"], **knobs) for rule in RULES}

    def setup(self) -> tuple[dict[str, Any], list[bytes]]:
        content = {
            "rules": [[name, words, STYLES[name][3]] for name, words in RULES.items()],
            "surfaces": [[name, one.name, one.x, one.y, one.minima] for name, one in SURFACES.items()],
            "most_steps": MOST_STEPS,
            "farthest": FARTHEST,
        }
        return content, [heights(one) for one in SURFACES.values()]

    def numbers(self) -> dict[str, Any]:
        """rules: name → points, first (length of the first step), loss at the end, diverged (the step, or None)."""
        rules = {}
        for name, points in self.paths().items():
            lost = len(points) <= self.values["steps"]
            first = float(np.hypot(*np.subtract(points[1], points[0]))) if len(points) > 1 else None
            rules[name] = {
                "points": [[round(x, 5), round(y, 5)] for x, y in points],
                "first": first,
                "loss": None if lost else self.surface.loss(*points[-1]),
                "diverged": len(points) if lost else None,
            }
        ends = ", ".join(
            f"{RULES[name]} {'diverged' if one['diverged'] else format(one['loss'], '.3g')}"
            for name, one in rules.items()
        )
        words = f"Loss after {self.values['steps']} steps at rate {self.values['lr']:g}: {ends}."
        return {"rules": rules, "start_loss": self.surface.loss(self.values["x"], self.values["y"]), "words": words}

    def figure(self) -> NotebookFigure:
        figure = NotebookFigure(figsize=(8.5, 4), alt=f"{self.words}. {self.numbers()['words']}")
        axes = figure.subplots()
        draw_heights(axes, self.surface)
        for name, points in self.paths().items():
            colour, dash, marker, letter = STYLES[name]
            across, up = zip(*points, strict=True)
            axes.plot(across, up, color=colour, linestyle=dash, marker=marker, markevery=10, markersize=5,
                      label=f"{letter}  {RULES[name]}")  # fmt: skip
        axes.plot([self.values["x"]], [self.values["y"]], "kX", markersize=10, label="start")
        axes.plot(*zip(*self.surface.minima, strict=True), "k*", markersize=12, linestyle="none", label="lowest")
        axes.set(xlim=self.surface.x, ylim=self.surface.y, xlabel="weight 1", ylabel="weight 2",
                 title=f"{self.surface.name}, rate {self.values['lr']:g}, {self.values['steps']} steps")  # fmt: skip
        axes.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        return figure


def draw_heights(axes: Axes, surface: Surface) -> None:
    """Lines of equal loss, closer together near the lowest points; the darker, the lower."""
    x, y = np.meshgrid(np.linspace(*surface.x, 161), np.linspace(*surface.y, 121))
    loss = np.vectorize(surface.loss)(x, y)
    loss = loss - loss.min()
    levels = loss.max() * np.linspace(0, 1, 15) ** 3
    axes.contourf(x, y, loss, levels=levels, cmap="Blues_r", alpha=0.35)
    axes.contour(x, y, loss, levels=levels, colors="#8a96a5", linewidths=0.7)


def heights(surface: Surface) -> bytes:
    """The surface alone, PNG, edge to edge."""
    figure = NotebookFigure(figsize=(8, 5), alt=surface.name, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    draw_heights(axes, surface)
    axes.set(xlim=surface.x, ylim=surface.y)
    return figure.png()
