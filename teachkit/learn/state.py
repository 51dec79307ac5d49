"""The state of a run: each part has its own, and a run that loads them all continues bit for bit."""

import warnings
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from teachkit.errors import UserError
from teachkit.learn.resources import choose_threads
from teachkit.untrusted import misfit

MOST_THREADS = 1024
LATER: dict[str, Any] = {"validation": {}}  # parts that earlier versions did not save
UNFIT = (RuntimeError, ValueError, LookupError, TypeError, AttributeError)  # what a state of other make raises


class Part(Protocol):
    """A part of a run that owns state. state_dict: a copy that no later step changes, tensors and plain values only."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


def capture(parts: dict[str, Part]) -> dict[str, Any]:
    return {name: part.state_dict() for name, part in parts.items()}


def restore(parts: dict[str, Part], state: dict[str, Any]) -> None:
    """Loads each part. UserError if the state does not fit one of them; all parts are then as they were."""
    before = capture(parts)
    if isinstance(state, dict):
        state = {name: part for name, part in LATER.items() if name in parts} | state
    try:
        _check(before, state)
        _load(parts, state)
    except Exception as error:
        _load(parts, before)  # torch loads the weights that fit before it finds one that does not
        if isinstance(error, UserError) or not isinstance(error, UNFIT):
            raise
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"this state is of another model ({reason}): build the trainer as it was then") from None


def _check(before: dict[str, Any], state: dict[str, Any]) -> None:
    """ValueError where a value is of another type. What a later version has more is warned of, and left out."""
    if wrong := misfit(before, state):
        raise ValueError(wrong)
    for name, part in before.items():
        more = set(state[name]) - set(part)
        if more:
            warnings.warn(f"the state was made by another version: left out: {', '.join(sorted(more))}", stacklevel=5)


def _load(parts: dict[str, Part], state: dict[str, Any]) -> None:
    for name, part in parts.items():
        part.load_state_dict(state[name])


def cloned(tree: Any) -> Any:
    """A copy of nested dicts, lists and tuples, tensors included."""
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: cloned(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(cloned(value) for value in tree)
    return tree


@torch.no_grad()
def copy_all(to: list[Tensor], values: list[Tensor]) -> None:
    """Copies each value into its tensor. One call of torch's costs a third of forty."""
    if to:  # torch wants at least one
        torch._foreach_copy_(to, values)


class Machine:
    """What the last digits of a result depend on: threads, device, version of torch, and its random generators.

    threads: None chooses, and a loaded state then changes them; ranks: how many share each batch.
    """

    def __init__(self, model: nn.Module, threads: int | None = None, ranks: int = 1) -> None:
        self._model, self._chosen, self.ranks = model, threads is None, ranks
        self.threads = threads or choose_threads()

    @property
    def device(self) -> torch.device:
        return next(self._model.parameters()).device

    def state_dict(self) -> dict[str, Any]:
        return {**self._description(), "random": random_state(self.device)}

    def _description(self) -> dict[str, Any]:
        device = self.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
        found = {"threads": self.threads, "device": f"{device.type} ({name})", "torch": str(torch.__version__)}
        return found | {"ranks": self.ranks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A warning names each difference that may change results."""
        if not 1 <= state["threads"] <= MOST_THREADS:
            raise ValueError(f"{state['threads']} threads")
        if self._chosen:
            self.threads = state["threads"]
        words = {"threads": "{} thread(s), now {}", "device": "the device {}, now {}", "torch": "torch {}, now {}"}
        words["ranks"], state = "{} rank(s), now {}", {"ranks": 1} | state  # states from before they were kept have one
        for what, now in self._description().items():
            if state[what] != now:
                difference = words[what].format(state[what], now)
                warnings.warn(
                    f"the state was made with {difference}: results may differ in the last digits", stacklevel=5
                )
        set_random_state(state["random"], self.device)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Of torch's global generators, which dropout uses. The loader has random numbers of its own."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_state(states: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
