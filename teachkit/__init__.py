"""teachkit: feed, punish, learn.

for epoch in range(epochs):
    for batch in training_data:
        # Feed
        predictions = model(batch.images)

        # Punish
        losses = criterion(predictions, batch.ground_truth)

        # Learn
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
"""

import os
import platform
import sys
from importlib import import_module
from typing import Any

if sys.version_info < (3, 11):  # noqa: UP036 - pip would say so, but a checkout runs without pip
    raise ImportError(f"teachkit needs Python 3.11 or later, and this is {platform.python_version()}: {sys.executable}")

# Strict determinism needs it, and torch looks only once: at its first product of matrices on a GPU.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

# Each public name and the module it lives in. A name is loaded when it is first asked for (PEP 562), so that
# `import teachkit` costs nothing and brings neither torch nor the notebook's libraries with it.
_HOME = {
    "Batch": "structures",
    "GroundTruth": "structures",
    "Predictions": "structures",
    "Detections": "structures",
    "Assignment": "structures",
    "LossWeights": "structures",
    "Losses": "structures",
    "Detector": "feed.detector",
    "load_data": "feed.loader",
    "load_model": "learn.checkpoint",
    "TaskAlignedAssigner": "punish.assigner",
    "Criterion": "punish.criterion",
    "Trainer": "learn.trainer",
    "Scores": "scoring",
    "score": "scoring",
    "Cockpit": "watch.cockpit.cockpit",
    "TrainingMonitor": "watch.motion.monitor",
    "RunsSideBySide": "watch.widgets.runs_side_by_side",
    "DFLPlayground": "watch.widgets.dfl",
    "HiddenEdgePlayground": "watch.widgets.hidden_edge",
    "IoUPlayground": "watch.widgets.iou",
    "LossWeightsPlayground": "watch.widgets.loss_weights",
    "OptimizerPlayground": "watch.widgets.optimizer",
    "ThresholdPlayground": "watch.widgets.threshold",
    "AugmentPlayground": "watch.widgets.augment",
    "DataQualityPlayground": "watch.widgets.data_quality",
    "PatiencePlayground": "watch.widgets.patience",
    "BatchPlayground": "watch.widgets.batch_size",
    "SearchPlayground": "watch.widgets.search",
    "LearningRatePlayground": "watch.widgets.learning_rate",
    "ErrorsBrowser": "watch.widgets.errors_browser",
    "LabelBrowser": "watch.widgets.label_browser",
    "AnchorPointPlayground": "watch.widgets.anchor_point",
    "AssignerPlayground": "watch.widgets.assigner",
    "ConfidencePlayground": "watch.widgets.confidence",
    "CheatPlayground": "watch.challenges.cheat",
    "JudgePlayground": "watch.challenges.judge",
    "DoctorPlayground": "watch.challenges.doctor",
    "DescentPlayground": "watch.motion.descent",
    "TrainingFilm": "watch.motion.film",
    "UserError": "errors",
}

__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'teachkit' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(import_module(f"teachkit.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
