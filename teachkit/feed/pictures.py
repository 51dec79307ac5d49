"""Decodes image files to RGB tensors, by Pillow.

Pillow raises an error on a broken file, where torchvision's decoder has been seen to end the process.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from teachkit.errors import UserError

Image.init()  # else only five forms are registered
# Of what Pillow knows, the forms that say so in their first bytes: TGA can be anything, EPS is run by another program.
FORMATS = sorted(
    {"AVIF", "BMP", "DDS", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "PSD", "QOI", "SUN", "TIFF", "WEBP"}
    & Image.OPEN.keys()
)
SUFFIXES = frozenset({suffix for suffix, form in Image.registered_extensions().items() if form in FORMATS} | {".mpo"})
MOST_BYTES = 2**30  # more than MAX_IMAGE_PIXELS take without any compression
SIDES_SWAPPED = (5, 6, 7, 8)  # EXIF orientations that turn the image by 90°


class PictureError(UserError):
    """An image that cannot be decoded: file and reason; str() is `file:1: reason`."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}:1: {reason}")
        self.file = file
        self.reason = reason


def read_picture(path: Path) -> Tensor:
    """uint8 [3, h, w] RGB, upright by its EXIF tag, the first frame. PictureError if it cannot be decoded.

    Transparent pixels become white. Of 16 bits the upper 8 are kept.
    """
    with _opened(path) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        pixels = np.asarray(_rgb(image))  # [h, w, 3]
    # numpy transposes three times as fast as torch. Always a copy, since Pillow's own array is read-only.
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())  # [3, h, w]


def begins_as_picture(path: Path) -> bool:
    """By its first bytes, whatever it is called."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    accepts = (Image.OPEN[form][1] for form in FORMATS if form != "DIB")  # which could be any number
    return len(start) == 16 and any(accept and accept(start) is True for accept in accepts)


def orientation(path: Path) -> int:
    """EXIF's 1 … 8: how the picture lies in its file; 1 where nothing is said. PictureError as `picture_size`."""
    with _opened(path) as image:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) px of the upright image, without decoding pixels if the format allows. PictureError as above."""
    with _opened(path) as image:
        if image.format == "TIFF":  # Pillow turns these itself, at a moment that depends on its version
            ImageOps.exif_transpose(image, in_place=True)
        width, height = image.size
        turned = image.getexif().get(ExifTags.Base.Orientation) in SIDES_SWAPPED
    return (width, height) if turned else (height, width)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The open image. Any error of a broken file, within the block too, becomes a PictureError."""
    try:
        if not path.is_file():  # reading a named pipe would block forever
            raise FileNotFoundError("there is no such file")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES / 2**20:g} MB")
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if content.startswith(b"\x89PNG"):
                # Decoding does not read the checksums of the pixels: flipped bits could pass as other pixels.
                Image.open(BytesIO(content), formats=FORMATS).verify()
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(path, f"is larger than {Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller") from None
    except Image.UnidentifiedImageError:
        raise PictureError(path, "is not a picture in a form known here, or its head is broken") from None
    except Exception as error:  # Pillow's decoders raise nearly any exception on broken files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(path, f"cannot be decoded: {reason}") from None


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _upper_eight_bits(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("32-bit pictures have no agreed white; save it with 8 or 16 bits")
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(page, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _upper_eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits, as Pillow does for 16-bit colour. Its own conversion of grey clips to white instead."""
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit pictures have no agreed white; save it with 8 or 16 bits")
    upper = (values >> 8).astype(np.uint8)
    return Image.fromarray(np.where(values == image.info.get("transparency", -1), np.uint8(255), upper))
