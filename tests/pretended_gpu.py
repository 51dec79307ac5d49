"""A GPU for machines without one: its tensors say that they lie there, and are computed on the processor.

What a real one refuses is refused here: tensors of two devices in one operation, and NumPy without a copy. Torch calls
such a device a Python backend for its "privateuse1"; the interface is new and may change.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_iter, tree_map

NAME = "pretended"
POSSIBLE = hasattr(backend_registration, "_setup_privateuseone_for_python_backend")
MAY_MIX = ("aten::copy_", "aten::_to_copy", "aten::index")  # index: on a GPU, by indices on the processor
_tensor = torch.tensor


def register() -> torch.device:
    """Once in a process, and before its first backward pass, at which torch counts its devices."""
    if not hasattr(torch, NAME):
        backend_registration._setup_privateuseone_for_python_backend(NAME)
        module = getattr(torch, NAME)
        module.is_initialized, module.get_amp_supported_dtype = lambda: True, lambda: [torch.bfloat16]
    return torch.device(NAME, 0)


class There(Tensor):
    """A tensor on the pretended GPU. held: the same on the processor."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: Tensor) -> "There":
        return Tensor._make_wrapper_subclass(
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=torch.device(NAME, 0)
        )

    def __init__(self, held: Tensor) -> None:
        self.held = held

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, args, kwargs or {})

    def __repr__(self) -> str:  # type: ignore[override]
        return f"{self.held!r} on {NAME}"

    def tolist(self) -> Any:  # torch's own refuses subclasses
        return self.detach().cpu().tolist()

    def new_tensor(self, data: Any, **settings: Any) -> Tensor:
        return tensor(data, **{"device": self.device, "dtype": self.dtype} | settings)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy: Tensor = There(self.held.detach().clone())
        if isinstance(self, torch.nn.Parameter):
            copy = torch.nn.Parameter(copy, self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:  # saved as what it holds
        return self.detach().cpu().__reduce_ex__(protocol)


class Everything(TorchDispatchMode):
    """Within it, tensors can be made there, too."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return compute(function, args, kwargs or {})


def tensor(data: Any, *, device: Any = None, requires_grad: bool = False, **settings: Any) -> Tensor:
    """torch.tensor, which no mode sees."""
    made = _tensor(data, **settings)
    return (made if device is None else made.to(device)).requires_grad_(requires_grad)


def compute(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [one for one in tree_iter((args, kwargs)) if isinstance(one, Tensor)]
    name, device = function._schema.name, kwargs.get("device")
    there = any(isinstance(one, There) for one in tensors)
    here = any(not isinstance(one, There) and one.ndim for one in tensors)
    if there and here and (name not in MAY_MIX or (name == "aten::index" and not isinstance(args[0], There))):
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")
    if device is not None or name == "aten::copy_":
        there = torch.device(args[0].device if device is None else device).type == NAME
        kwargs = kwargs if device is None else kwargs | {"device": torch.device("cpu"), "pin_memory": None}
    bare = tree_map(lambda one: one.held if isinstance(one, There) else one, (args, kwargs))
    result = function(*bare[0], **bare[1])
    if not there:
        return result
    result = tree_map(lambda one: There(one) if isinstance(one, Tensor) and not isinstance(one, There) else one, result)
    return return_and_correct_aliasing(function, args, kwargs, result)
