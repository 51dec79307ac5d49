"""Settings for a demonstration. Each is named after what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from teachkit.structures import LossWeights


@dataclass(frozen=True)
class Preset:
    """rate: factor of the usual rate, None to leave it; weights: factors of the usual loss weights, 1 where missing."""

    hint: str
    rate: float | None = None
    weights: Mapping[str, float] = field(default_factory=dict)

    def settings(self, usual_rate: float, usual_weights: LossWeights) -> dict[str, float]:
        """The values for `Control.set`, by name."""
        weights = {name: usual * self.weights.get(name, 1.0) for name, usual in usual_weights.as_dict().items()}
        return weights if self.rate is None else {"lr": usual_rate * self.rate, **weights}


PRESETS = {
    "Good": Preset("the usual rate and weights", rate=1),
    "Too low": Preset("a hundredth of the usual rate", rate=1 / 100),
    "Too high": Preset("a hundred times the usual rate", rate=100),
    "No box loss": Preset("the weight of the box loss is 0", weights={"box": 0}),
    "No class loss": Preset("the weight of the class loss is 0", weights={"cls": 0}),
    "DFL only": Preset("the weights of box and class loss are 0", weights={"box": 0, "cls": 0}),
    "Class only": Preset("the weights of box and DFL loss are 0", weights={"box": 0, "dfl": 0}),
    "All weights × 10": Preset("ten times each of the three weights", weights={"box": 10, "cls": 10, "dfl": 10}),
}
