"""Letterboxing: an image of any size is scaled to fit a canvas and centred on grey. Boxes are mapped both ways."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 — the name everybody knows

from teachkit.boxes import cut

GREY = 128


@dataclass(frozen=True)
class Letterbox:
    """Where an image lies on its canvas. Each size is (height, width) px; left, top: px of grey before the image."""

    picture: tuple[int, int]
    canvas: tuple[int, int]
    scaled: tuple[int, int]
    left: int
    top: int

    @classmethod
    def fit(cls, picture: tuple[int, int], canvas: tuple[int, int]) -> "Letterbox":
        """The largest scale at which the image fits the canvas. picture, canvas: (height, width) px."""
        scale = min(canvas[0] / picture[0], canvas[1] / picture[1])
        height, width = (max(1, round(side * scale)) for side in picture)
        return cls(picture, canvas, (height, width), (canvas[1] - width) // 2, (canvas[0] - height) // 2)

    def image(self, image: Tensor) -> Tensor:
        """uint8 [3, h, w] → uint8 [3, H, W]. The same tensor if it fits already."""
        if self.scaled != self.picture:
            image = F.interpolate(image[None], self.scaled, mode="bilinear", antialias=True)[0]
        if self.scaled == self.canvas:
            return image
        canvas = torch.full((3, *self.canvas), GREY, dtype=torch.uint8)
        canvas[:, self.top : self.top + self.scaled[0], self.left : self.left + self.scaled[1]] = image
        return canvas

    def boxes(self, boxes: Tensor) -> Tensor:
        """[..., 4] px of the image → px of the canvas."""
        return boxes * self._scales(boxes) + self._shifts(boxes)

    def undo(self, boxes: Tensor) -> Tensor:
        """[..., 4] px of the canvas → px of the image, clipped to it."""
        return cut((boxes - self._shifts(boxes)) / self._scales(boxes), self.picture)

    def _scales(self, like: Tensor) -> Tensor:
        down, across = self.scaled[0] / self.picture[0], self.scaled[1] / self.picture[1]
        return like.new_tensor([across, down, across, down])

    def _shifts(self, like: Tensor) -> Tensor:
        return like.new_tensor([self.left, self.top, self.left, self.top])
