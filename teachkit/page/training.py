"""What the live page trains: the small setting, cut into graphs where the trainer looks at the numbers in between."""

from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from teachkit.analysis.gradients import loss_gradients
from teachkit.experiments import recorded
from teachkit.experiments.small import BATCH_SIZE, NECK, SIDE, WIDTHS
from teachkit.feed.decode import eval_mode
from teachkit.feed.detector import Detector
from teachkit.feed.scenes import CLASSES
from teachkit.learn.optimizer import DEFAULTS, make_optimizer, parameters_of
from teachkit.page.trace import Program, Tensors
from teachkit.punish.assigner import TaskAlignedAssigner
from teachkit.punish.criterion import Criterion
from teachkit.structures import LOSS_NAMES, Assignment, Batch, GroundTruth, LossWeights, Predictions

MOST_OBJECTS = 4  # in a picture of the small setting: a graph has fixed shapes


class NotingAssigner(TaskAlignedAssigner):
    """Can be traced, and keeps its last assignment, for whoever draws it."""

    last: Assignment
    fixed_shapes = True

    def __call__(self, predictions: Predictions, ground_truth: GroundTruth) -> Assignment:
        self.last = super().__call__(predictions, ground_truth)
        return self.last


def training_program(seed: int = 0) -> Program:
    """The graphs gradient, shares, predict, average, and adamw and sgd, each a part of a step or of a look at it.

    Named tensors: model.…, average.… and gradient.… by the detector's own names; the optimizers' states likewise;
    images, boxes, labels, mask of a batch; weights [3], lr, decay; what came out: box, cls, dfl, total, grad_norm,
    positive, products [3, 3], found.boxes, found.scores. seed: of the first weights.
    """
    program = Program()
    state = named("model", small_model(seed))
    program.tensors |= {name: one.detach().clone() for name, one in state.items()}
    trace_gradient(program)
    trace_shares(program)
    trace_prediction(program, small_model(), example_batch()[0].images)
    trace_average(program)
    for optimizer in DEFAULTS:
        trace_update(program, optimizer)
    return program


def small_model(seed: int = 0) -> Detector:
    """In float32 and contiguous, as a page computes."""
    model = Detector(len(CLASSES), device="cpu", widths=WIDTHS, neck=NECK, seed=seed)
    model.half_precision = False
    return model.to(memory_format=torch.contiguous_format)


def named(prefix: str, model: nn.Module) -> Tensors:
    """Parameters and statistics by name, these very tensors; the norms' count of batches has no effect."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {f"{prefix}.{name}": one for name, one in tensors.items() if one.is_floating_point()}


def example_batch() -> tuple[Batch, Tensors]:
    """Of the right shapes; what is in it leaves no trace in a graph."""
    boxes = torch.tensor([8.0, 8.0, 40.0, 40.0]).repeat(BATCH_SIZE, MOST_OBJECTS, 1)
    labels = torch.zeros(BATCH_SIZE, MOST_OBJECTS, dtype=torch.int64)
    truth = GroundTruth(boxes, labels, labels == 0)
    batch = Batch(torch.zeros(BATCH_SIZE, 3, SIDE, SIDE), truth, [""] * BATCH_SIZE)
    return batch, {"images": batch.images, "boxes": truth.boxes, "labels": truth.labels, "mask": truth.mask}


def trace_gradient(program: Program) -> None:
    """Feed and punish, and the gradient of the weighted total: all of a step up to where it may be refused."""
    model, assigner, (batch, fed) = small_model(), NotingAssigner(), example_batch()
    criterion = Criterion(assigner=assigner)
    weights = torch.tensor(list(LossWeights().as_dict().values()))
    parameters = dict(model.named_parameters())

    def step() -> Tensors:
        # Feed
        predictions = model(batch.images)

        # Punish
        losses = criterion(predictions, batch.ground_truth)

        losses.weights = cast(Any, SimpleNamespace(**dict(zip(LOSS_NAMES, weights.unbind(), strict=True))))
        gradients = torch.autograd.grad(losses.total, list(parameters.values()))
        values = {name: getattr(losses, name) for name in (*LOSS_NAMES, "total")}
        values |= {"grad_norm": nn.utils.get_total_norm(gradients), "positive": assigner.last.positive}
        return values | dict(zip((f"gradient.{name}" for name in parameters), gradients, strict=True))

    program.trace("gradient", step, named("model", model) | fed | {"weights": weights})


def trace_shares(program: Program) -> None:
    """products: of the three losses' gradients on the features, each with each."""
    model, criterion, (batch, fed) = small_model(), Criterion(assigner=NotingAssigner()), example_batch()

    def measure() -> Tensors:
        rows = torch.stack(list(loss_gradients(model, criterion, batch).values()))  # [3, F]
        return {"products": rows @ rows.T}

    program.trace("shares", measure, named("model", model) | fed)


def trace_prediction(program: Program, model: Detector, images: Tensor) -> None:
    """found.boxes [B, A, 4] px within the picture, found.scores [B, A, C]: what is left is threshold and NMS."""
    from torchvision import ops  # half a second to load

    size = (images.shape[2], images.shape[3])

    def predict() -> Tensors:
        with torch.no_grad(), eval_mode(model):
            predictions = model(images)
        boxes = ops.clip_boxes_to_image(predictions.boxes.detach(), size)
        return {"found.boxes": boxes, "found.scores": predictions.scores.detach()}

    program.trace("predict", predict, named("model", model) | {"images": images})


def recorded_program(name: str) -> tuple[Program, dict[str, Any]]:
    """The graph predict of a recorded detector, of one picture; and its side in px and its classes."""
    model, classes = recorded.detector(name)
    model.half_precision = False
    program, (side, _) = Program(), cast(tuple[int, int], model.image_size)
    trace_prediction(program, model.to(memory_format=torch.contiguous_format), torch.zeros(1, 3, side, side))
    return program, {"side": side, "classes": classes}


def trace_average(program: Program) -> None:
    """average.… drawn nearer to model.…, as `AveragedWeights` does: by 1 − decay."""
    model, decay = small_model(), torch.tensor(0.0)
    current = named("model", model)
    averaged = {name.replace("model", "average", 1): torch.zeros_like(one) for name, one in current.items()}

    @torch.no_grad()
    def draw_nearer() -> Tensors:
        for ours, theirs in zip(averaged.values(), current.values(), strict=True):
            ours.lerp_(theirs, 1 - decay)
        return {}

    program.trace("average", draw_nearer, current | averaged | {"decay": decay})


def trace_update(program: Program, name: str) -> None:
    """The optimizer's step, with lr as it stands; its state begins with zeros."""
    model, lr = small_model(), torch.tensor(DEFAULTS[name][0])
    optimizer = make_optimizer(name, model)
    gradients = {parameter: torch.zeros_like(parameter) for parameter in model.parameters()}
    state = first_state(optimizer, gradients, lr)
    inputs = {f"{name}.lr": lr}
    for key, parameter in model.named_parameters():
        inputs |= {f"model.{key}": parameter, f"gradient.{key}": gradients[parameter]}
        inputs |= {f"{name}.{what}.{key}": one for what, one in state[parameter].items()}

    def update() -> Tensors:
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        optimizer.step()
        return {}

    program.trace(name, update, inputs)


def first_state(
    optimizer: Optimizer, gradients: dict[nn.Parameter, Tensor], lr: Tensor
) -> dict[Tensor, dict[str, Tensor]]:
    """What the optimizer remembers of each parameter, as zeros: a step makes it."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    for parameter in parameters_of(optimizer):
        parameter.grad = gradients[parameter]
    optimizer.step()
    for memory in optimizer.state.values():
        for one in memory.values():
            one.zero_()
    return optimizer.state
