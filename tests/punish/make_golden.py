"""Makes golden.npz: the losses and gradients of Ultralytics' v8DetectionLoss on the inputs of golden_cases.py.

Ultralytics is AGPL: it is run here as a peer to measure against, in an environment of its own, and nothing else of the
project knows it. From the root of the project:

    python -m venv peer && peer/bin/pip install "ultralytics==8.4.*"
    peer/bin/python -m tests.punish.make_golden
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from ultralytics import __version__
from ultralytics.cfg import get_cfg
from ultralytics.utils.loss import v8DetectionLoss

from tests.punish.golden_cases import CASES, Case, Inputs, make_inputs

TARGET = Path(__file__).with_name("golden.npz")
GREATEST = 32767  # gradients are kept as int16 parts of their largest entry


class Answer(NamedTuple):
    """losses [3]: box, cls, dfl; gradients of cls to the class logits, of box and of dfl to the box logits."""

    losses: np.ndarray
    gradients: list[np.ndarray]


def peer_model(case: Case) -> nn.Module:
    """The little of a model that the peer's criterion asks for."""
    head = nn.Module()
    head.nc, head.reg_max, head.no = case.classes, case.bins, case.classes + 4 * case.bins
    head.stride = torch.tensor(case.strides, dtype=torch.float32)
    model = nn.Module()
    model.model = nn.ModuleList([head])
    model.model.register_parameter("says_where", nn.Parameter(torch.zeros(1)))
    model.stride, model.args = head.stride, get_cfg()
    return model


def ask_peer(case: Case, inputs: Inputs) -> Answer:
    cls_logits = torch.tensor(inputs.cls_logits, requires_grad=True)
    box_logits = torch.tensor(inputs.box_logits, requires_grad=True)
    height, width = case.size
    predictions = {
        "boxes": box_logits.flatten(2).transpose(1, 2),
        "scores": cls_logits.transpose(1, 2),
        "feats": [torch.zeros(len(case.objects), 1, height // stride, width // stride) for stride in case.strides],
    }
    boxes = np.concatenate(inputs.boxes)
    sides, centres = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    truth = {
        "batch_idx": torch.tensor(np.repeat(np.arange(len(case.objects)), case.objects)).float(),
        "cls": torch.tensor(np.concatenate(inputs.labels)).float()[:, None],
        "bboxes": torch.tensor(np.concatenate([centres, sides], 1) / np.float32([width, height] * 2)),
    }
    model = peer_model(case)
    gains = torch.tensor([model.args.box, model.args.cls, model.args.dfl])
    weighted, _ = v8DetectionLoss(model)(predictions, truth)
    box, cls, dfl = losses = weighted / gains / len(case.objects)
    gradients = [
        torch.autograd.grad(loss, logits, retain_graph=True, materialize_grads=True, allow_unused=True)[0].numpy()
        for loss, logits in ((cls, cls_logits), (box, box_logits), (dfl, box_logits))
    ]
    return Answer(losses.detach().numpy(), gradients)


def mirrored(case: Case, inputs: Inputs) -> Inputs:
    """Left and right exchanged: the same losses, unless the order of the anchor points decided between equals."""
    order, start = [], 0
    for stride in case.strides:
        rows, columns = case.size[0] // stride, case.size[1] // stride
        order.append(start + np.arange(rows * columns).reshape(rows, columns)[:, ::-1].ravel())
        start += rows * columns
    order = np.concatenate(order)
    boxes = [(one * [-1, 1, -1, 1] + [case.size[1], 0] * 2)[:, [2, 1, 0, 3]] for one in inputs.boxes]
    return Inputs(
        inputs.cls_logits[:, order],
        inputs.box_logits[:, order][:, :, [2, 1, 0, 3]],
        inputs.anchor_points,
        inputs.stride_of_point,
        [one.astype(np.float32) for one in boxes],
        inputs.labels,
    )


def ties_decide(case: Case) -> bool:
    inputs = make_inputs(case)
    return not np.allclose(ask_peer(case, inputs).losses, ask_peer(case, mirrored(case, inputs)).losses, rtol=1e-6)


def main() -> None:
    kept: dict[str, np.ndarray] = {"ultralytics": np.array(__version__)}
    for number, case in enumerate(CASES):
        if ties_decide(case) != case.ties:
            raise SystemExit(f"case {number}: ties decide something, or nothing, against what the case says")
        answer = ask_peer(case, make_inputs(case))
        if any(case.objects) and not answer.losses.all():
            raise SystemExit(f"case {number} says nothing about boxes: no point overlaps any")
        kept[f"{number}_losses"] = answer.losses
        for name, gradient in zip(("cls", "box", "dfl"), answer.gradients, strict=True):
            largest = np.abs(gradient).max()
            kept[f"{number}_{name}_largest"] = largest
            kept[f"{number}_{name}_gradient"] = np.rint(gradient / max(largest, 1e-30) * GREATEST).astype(np.int16)
    np.savez_compressed(TARGET, **kept)
    print(f"{len(CASES)} cases of Ultralytics {__version__} in {TARGET}, {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
