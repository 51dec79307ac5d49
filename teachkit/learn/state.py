"""All that a run consists of, as a copy: loaded again, it goes on bit for bit as if nothing had been."""

import warnings
from copy import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from teachkit.errors import UserError
from teachkit.learn.control import Rate
from teachkit.learn.optimizer import make_optimizer, name_of

if TYPE_CHECKING:
    from teachkit.learn.trainer import Trainer

State = dict[str, Any]
UNFIT = (RuntimeError, ValueError, LookupError, TypeError, AttributeError)  # what a state of other make raises

COUNTERS = (
    "step_number",
    "first_step",
    "last_step",
    "closed_epochs",
    "parts",
    "skips",
    "clipped",
    "train_seconds",
    "diverged",
    "started",
)


def cloned(tree: Any) -> Any:
    """The same nest of dicts, lists and tuples, its tensors copied."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: cloned(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(cloned(value) for value in tree)
    return tree


def capture(trainer: "Trainer") -> State:
    """Independent of the live tensors; holds only tensors and plain values, so that it can be saved without pickle."""
    return {
        "model": cloned(dict(trainer.model.state_dict())),
        "ema": {"model": cloned(dict(trainer.ema.state_dict())), "count": int(trainer.averaged.n_averaged)},
        "optimizer": {
            "name": name_of(trainer.optimizer),
            "base_rates": list(trainer.base_rates),
            "state": cloned(trainer.optimizer.state_dict()),
        },
        "control": trainer.control.state_dict(),
        "in_force": {"rate": asdict(trainer.rate), "weights": copy(trainer.weights)},
        "passes": cloned(trainer.passes.state_dict()),
        "trend": trainer.trend.state_dict(),
        "goal": trainer.goal.state_dict(),
        "counters": {name: getattr(trainer, name) for name in COUNTERS},
        "random": random_state(trainer.device),
        "machine": machine(trainer.device, trainer.threads),
    }


def restore(trainer: "Trainer", state: State) -> None:
    """UserError if the state is of another model, optimizer or data: the trainer is then as it was.

    A warning names what makes results differ.
    """
    before, optimizer = capture(trainer), trainer.optimizer
    try:
        _load(trainer, state)
    except Exception as error:
        trainer.optimizer = optimizer
        _load(trainer, before)  # torch loads the weights that fit before it finds one that does not
        if isinstance(error, UserError) or not isinstance(error, UNFIT):
            raise
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"this state is of another model ({reason}): build the trainer as it was then") from None
    if trainer.saver is not None:
        trainer.saver.continues = True


def _load(trainer: "Trainer", state: State) -> None:
    if not trainer.threads_given:
        trainer.threads = state["machine"]["threads"]
    for difference in differences(state["machine"], machine(trainer.device, trainer.threads)):
        warnings.warn(f"the state was made with {difference}: results may differ in the last digits", stacklevel=4)
    trainer.passes.load_state_dict(cloned(state["passes"]))
    if state["optimizer"]["name"] != name_of(trainer.optimizer):
        trainer.optimizer = make_optimizer(state["optimizer"]["name"], trainer.model)
    trainer.model.load_state_dict(state["model"])
    trainer.ema.load_state_dict(state["ema"]["model"])
    # cloned, because the optimizer goes on with the very tensors that it is given
    trainer.optimizer.load_state_dict(cloned(state["optimizer"]["state"]))
    trainer.base_rates = list(state["optimizer"]["base_rates"])
    trainer.averaged.n_averaged.fill_(state["ema"]["count"])
    _put_in_force(trainer, state["in_force"])
    trainer.control.load_state_dict(state["control"])
    trainer.trend.load_state_dict(state["trend"])
    trainer.goal.load_state_dict(state["goal"])
    for name in COUNTERS:
        setattr(trainer, name, state["counters"][name])
    set_random_state(state["random"], trainer.device)


def _put_in_force(trainer: "Trainer", in_force: dict[str, Any]) -> None:
    """Settings of the last step; what was asked for since then comes with the next, and is recorded there."""
    trainer.rate, trainer.weights = Rate(**in_force["rate"]), copy(in_force["weights"])
    trainer.control.put_in_force(trainer.weights or {})


def random_state(device: torch.device) -> dict[str, Tensor]:
    """torch's global generators: of dropout, for one. The loader needs none, its numbers follow from the place."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def machine(device: torch.device, threads: int) -> dict[str, Any]:
    """On what the last digits of a result depend."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return {"threads": threads, "device": f"{device.type} ({name})", "torch": str(torch.__version__)}


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    words = {"threads": "{} threads, now {}", "device": "the device {}, now {}", "torch": "torch {}, now {}"}
    return [words[key].format(then[key], now[key]) for key in words if then[key] != now[key]]
