"""Measurements beside a training that change nothing in it: detections, and each loss's share of the gradient."""

import time

from teachkit.analysis.gradients import GradientShare, gradient_share
from teachkit.errors import UserError
from teachkit.feed.detector import Detector
from teachkit.learn.trainer import Trainer
from teachkit.punish.criterion import Criterion
from teachkit.structures import Batch
from teachkit.watch.timeline.timeline import Found, rows_of

MOST_BOXES = 20  # of a class in one picture: a wild detector would cover it
REST = 30  # times as long as detecting takes, so that a slow machine does not only detect


class Probes:
    """pictures: on which objects are detected; probe: the frozen batch on which the gradients are measured."""

    def __init__(self, trainer: Trainer, pictures: Batch, probe: Batch) -> None:
        if not isinstance(trainer.model, Detector) or not isinstance(trainer.criterion, Criterion):
            raise TypeError("a session needs a trainer with a Detector and a Criterion of teachkit")
        self.model, self.criterion = trainer.model, trainer.criterion
        self.pictures, self.probe = pictures, probe
        self.found: Found = []
        self.share: GradientShare | None = None
        self.detection_wanted = True
        self._next_detection = 0.0

    def detection_due(self) -> bool:
        return self.detection_wanted and time.perf_counter() >= self._next_detection

    def detect(self) -> Found:
        """What the weights as they are find on each picture."""
        began = time.perf_counter()
        self.detection_wanted = False
        try:
            self.found = [rows_of(one) for one in self.model.detect(self.pictures.images, limit=MOST_BOXES)]
        except UserError:  # weights that are no numbers any more: the run says so, and can be rescued
            self.found = [[] for _ in range(len(self.pictures))]
        now = time.perf_counter()
        self._next_detection = now + REST * (now - began)
        return self.found

    def measure_share(self) -> dict[str, float]:
        """Each loss's share of the gradient, 0–1, with the weights in force. The angles are kept in `share`."""
        self.share = gradient_share(self.model, self.criterion, self.probe)
        return self.share.shares(self.criterion.weights)
