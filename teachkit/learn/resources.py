"""Threads, time since the process began, memory in use, and memory that a backward pass needs."""

import ctypes
import os
import time
from contextlib import suppress
from typing import Any

import psutil
import torch
from torch import Tensor, nn

MEGABYTE = 2**20
MOST_USEFUL = 8  # a small detector on small pictures gains nothing from more
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGEST_KEPT, MOST_KEPT = 32 * MEGABYTE, 128 * MEGABYTE  # of one tensor, glibc takes no more; at the heap's end
_process = psutil.Process()
# The wall clock may be set while we run: it is read once, the rest is counted by a clock that only goes forward.
_age_at_import, _imported = time.time() - _process.create_time(), time.perf_counter()


def choose_threads(cores: int | None = None) -> int:
    """One less than the cores, at most 8: threads wait for each other at every layer, and so for the busiest core.

    cores: physical cores that this process may use. OMP_NUM_THREADS takes precedence.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return max(1, min(MOST_USEFUL, (usable_cores() if cores is None else cores) - 1))


def usable_cores() -> int:
    """Physical cores, or fewer where this process is confined to some of them."""
    allowed = len(_process.cpu_affinity()) if hasattr(_process, "cpu_affinity") else (os.cpu_count() or 1)
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def use_threads(count: int) -> None:
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def keep_freed_memory() -> None:
    """Lets this process keep what a step frees for the next one, where the C library is glibc.

    Given back to the system, as is usual, its pages come back one by one and have to be cleared each time. Whoever has
    set one of glibc's MALLOC_ variables is obeyed.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(AttributeError, OSError, TypeError):  # another C library; Windows has none of that name
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


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
