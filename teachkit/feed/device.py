"""The device that torch computes on: a CUDA GPU, else Apple's GPU, else the CPU."""

from typing import Any

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
    """Whether a CUDA GPU, or a processor with AMX or AVX-512, computes in bfloat16 natively, without emulation."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Of a version of torch that cannot say, nothing is expected.
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
