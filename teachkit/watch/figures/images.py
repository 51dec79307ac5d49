"""Images as bytes: a PNG file, and the pixels that a browser's canvas takes as they are."""

import io

import torch
from PIL import Image
from torch import Tensor


def png(image: Tensor) -> bytes:
    """image: [3, H, W] float in 0–1 → a PNG file."""
    pixels = image.detach().mul(255).round().byte().permute(1, 2, 0).cpu().numpy()  # [H, W, 3]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def as_bytes(image: Tensor) -> Tensor:
    """image: [3, H, W], float in 0–1 or uint8 → the same as uint8 on the CPU."""
    image = image.detach().cpu()
    return image if image.dtype == torch.uint8 else (image.clamp(0, 1) * 255).round().to(torch.uint8)


def rgba(image: Tensor) -> bytes:
    """image: [3, H, W] uint8 → H · W · 4 bytes, which a canvas takes without decoding."""
    opaque = torch.full_like(image[:1], 255)
    return torch.cat([image, opaque]).permute(1, 2, 0).contiguous().numpy().tobytes()  # [H, W, 4]
