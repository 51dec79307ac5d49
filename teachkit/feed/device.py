"""The device that torch computes on: a CUDA GPU, else Apple's GPU, else the CPU."""

import torch

from teachkit.errors import UserError


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """`"auto"` picks cuda, then mps, then cpu. UserError if the named device is not on this machine."""
    if str(name) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"device {str(name)!r} cannot be used here ({reason}): take auto, cpu, cuda or mps") from None
    return device


def native_bfloat16(device: torch.device) -> bool:
    """Whether a CUDA GPU computes in bfloat16 natively, without emulation."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
