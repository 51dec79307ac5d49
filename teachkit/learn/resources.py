"""Time since the process began, memory in use, and memory that a backward pass needs."""

import time
from typing import Any

import psutil
import torch
from torch import Tensor, nn

MEGABYTE = 2**20
_process = psutil.Process()
# The wall clock may be set while we run: it is read once, the rest is counted by a clock that only goes forward.
_age_at_import, _imported = time.time() - _process.create_time(), time.perf_counter()


def process_seconds() -> float:
    """Seconds since the operating system started this process."""
    return _age_at_import + time.perf_counter() - _imported


def usage(device: torch.device) -> dict[str, Any]:
    """rss_mb of this process; on a CUDA GPU also gpu_mb, the largest so far, and gpu_percent, measured by NVML."""
    found: dict[str, Any] = {"rss_mb": round(_process.memory_info().rss / MEGABYTE, 1)}
    if device.type == "cuda":
        found["gpu_mb"] = round(torch.cuda.max_memory_allocated(device) / MEGABYTE, 1)
        try:
            found["gpu_percent"] = torch.cuda.utilization(device)
        except Exception:  # NVML has errors of its own, as on a part of a GPU: a figure less, not a reason to stop
            found["gpu_percent"] = None
    return found


def kept_for_backward(model: nn.Module, images: Tensor) -> int:
    """Bytes that a forward pass keeps for the backward pass: outputs of layers, without weights. images: a batch.

    Memory that several layers keep counts once. The model is left in training mode.
    """
    weights = {one.data_ptr() for one in model.state_dict().values()}
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            sizes[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(images)
    return sum(sizes.values())
