"""Pixels as they should be, and broken files refused: a corrupt PNG, a truncated JPEG, EXIF rotation, unusual modes."""

import os
import random
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torchvision.io import decode_image

from teachkit.feed.pictures import PictureError, picture_size, read_picture
from tests.feed.folders import picture

ORIENTATION = ExifTags.Base.Orientation


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def packed(image: Image.Image, form: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


# On its way out, but the one decoder at hand that is not Pillow.
@pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_pixels_equal_those_of_torchvision(tmp_path: Path, suffix: str) -> None:
    file = picture(tmp_path / f"a.{suffix}", size=(30, 41))
    pixels = read_picture(file)
    assert pixels.dtype == torch.uint8
    assert pixels.is_contiguous()
    torch.testing.assert_close(pixels, decode_image(str(file)), atol=1 if suffix == "jpg" else 0, rtol=0)


@pytest.mark.parametrize("suffix", ["bmp", "gif", "ppm", "tif", "webp"])
def test_other_common_forms_are_read(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.new("RGB", (6, 4), (250, 120, 10)).save(file)
    pixels = read_picture(file)
    assert pixels.shape == (3, 4, 6)
    assert np.abs(pixels[:, 2, 3].numpy().astype(int) - [250, 120, 10]).max() <= 2


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_the_size_is_that_of_the_decoded_picture(tmp_path: Path, suffix: str) -> None:
    file = picture(tmp_path / f"a.{suffix}", size=(30, 41))
    assert picture_size(file) == (30, 41) == tuple(read_picture(file).shape[1:])


@pytest.mark.parametrize("size", [(30, 40), (1, 1), (1, 9), (9, 1)])
def test_the_tensor_may_be_written_to(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = read_picture(picture(tmp_path / "a.png", size=size))
    pixels += 1  # of a read-only array torch would have warned


# A corrupt PNG


def test_no_flipped_bit_of_a_png_goes_unnoticed(tmp_path: Path) -> None:
    sound = packed(Image.fromarray(noise(24, 24)), "PNG")
    file = tmp_path / "a.png"
    dice = random.Random(0)
    for place in dice.sample(range(8 * len(sound)), 300):
        broken = bytearray(sound)
        broken[place // 8] ^= 1 << place % 8
        file.write_bytes(broken)
        for read in (read_picture, picture_size):
            with pytest.raises(PictureError, match=r"a\.png:1: "):
                read(file)
        assert file.read_bytes() == broken


@pytest.mark.parametrize(
    "breaks",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:20],
        lambda content: content[:-12],  # the end mark alone
        lambda content: b"",
        lambda content: b"<html>404 not found</html>",
        lambda content: content[:100] + bytes(40) + content[140:],
    ],
)
def test_a_broken_png_is_named_in_one_line(tmp_path: Path, breaks: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(breaks(packed(Image.fromarray(noise(24, 24)), "PNG")))
    with pytest.raises(PictureError) as caught:
        read_picture(file)
    assert str(caught.value) == f"{file}:1: {caught.value.reason}"
    assert caught.value.file == file
    assert "\n" not in str(caught.value)


# A truncated JPEG


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 3, 40, 0.5, 0.9])
def test_a_truncated_jpeg_is_refused_and_left_as_it_is(tmp_path: Path, progressive: bool, lost: float) -> None:
    content = packed(Image.fromarray(noise(64, 64)), "JPEG", progressive=progressive)
    file = tmp_path / "a.jpg"
    file.write_bytes(content[: -lost if lost >= 1 else int(len(content) * (1 - lost))])
    before = file.read_bytes(), file.stat().st_mtime_ns
    with pytest.raises(PictureError, match=r"a\.jpg:1: "):
        read_picture(file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


# EXIF rotation

# What a camera does to the upright picture before it stores it with this orientation: EXIF 2.3, tag 0x0112.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_upright_in_all_eight_orientations(tmp_path: Path, form: str, orientation: int) -> None:
    upright = np.kron(noise(3, 4), np.ones((16, 16, 1), np.uint8))  # in blocks of 16, that JPEG keeps
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    file = tmp_path / "a.picture"
    stored.save(file, form, exif=exif, **({"quality": 100, "subsampling": 0} if form == "JPEG" else {"lossless": True}))
    pixels = read_picture(file)
    assert tuple(pixels.shape[1:]) == picture_size(file) == (48, 64)
    difference = np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - upright)
    assert difference.max() <= (6 if form == "JPEG" else 0)


def test_an_orientation_behind_the_pixels_of_a_png_counts_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = packed(Image.fromarray(noise(20, 30)), "PNG", exif=exif)
    start = content.index(b"eXIf") - 4
    end = start + 12 + struct.unpack(">I", content[start : start + 4])[0]
    moved = content[:start] + content[end:-12] + content[start:end] + content[-12:]
    file = tmp_path / "a.png"
    file.write_bytes(moved)
    assert tuple(read_picture(file).shape[1:]) == picture_size(file) == (30, 20)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(noise(20, 30)).save(tmp_path / "a.png", exif=exif)
    assert tuple(read_picture(tmp_path / "a.png").shape[1:]) == picture_size(tmp_path / "a.png") == (20, 30)


# 16-bit, grey, palette, RGBA, CMYK


def deep_png(pixels: np.ndarray, colour_type: int) -> bytes:
    """16-bit PNG, by the specification, since Pillow writes none in colour. pixels: [h, w, channels]."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def assert_pixels(tmp_path: Path, content: bytes, wanted: np.ndarray, tolerance: int = 0) -> None:
    """wanted: [h, w, 3]."""
    file = tmp_path / "a.picture"
    file.write_bytes(content)
    difference = read_picture(file).permute(1, 2, 0).numpy().astype(int) - wanted
    assert np.abs(difference).max() <= tolerance


GREY16 = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)  # black to white in 256 steps
STEPS = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)


@pytest.mark.parametrize(
    "content",
    [
        packed(Image.fromarray(GREY16), "PNG"),
        packed(Image.fromarray(GREY16), "TIFF"),
        b"P5 16 16 65535\n" + GREY16.astype(">u2").tobytes(),
        deep_png(GREY16[..., None], colour_type=0),
        deep_png(np.repeat(GREY16[..., None], 3, 2), colour_type=2),
    ],
    ids=["png", "tiff", "pgm", "png by hand", "png in colour"],
)
def test_sixteen_bits_keep_their_greys_instead_of_turning_white(tmp_path: Path, content: bytes) -> None:
    assert_pixels(tmp_path, content, STEPS)


def test_grey_is_the_same_in_all_three_channels(tmp_path: Path) -> None:
    assert_pixels(tmp_path, packed(Image.fromarray(STEPS[..., 0]), "PNG"), STEPS)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    assert_pixels(tmp_path, packed(Image.fromarray(STEPS[..., 0] > 99), "PNG"), np.where(STEPS > 99, 255, 0))


@pytest.mark.parametrize("form", ["PNG", "GIF", "BMP"])
def test_a_palette_gives_its_colours(tmp_path: Path, form: str) -> None:
    image = Image.fromarray(noise(16, 16)).quantize(32)
    assert_pixels(tmp_path, packed(image, form), np.array(image.convert("RGB")))


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.round((rgb * (alpha / 255.0)) + 255 * (1 - alpha / 255.0))


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    colours, alpha = noise(16, 16), STEPS[..., :1]
    rgba = Image.fromarray(np.concatenate([colours, alpha], 2))
    assert_pixels(tmp_path, packed(rgba, "PNG"), over_white(colours, alpha), tolerance=1)
    grey_alpha = Image.fromarray(np.concatenate([colours[..., :1], alpha], 2))
    assert_pixels(tmp_path, packed(grey_alpha, "PNG"), over_white(colours[..., :1], alpha), tolerance=1)


def test_a_grey_of_sixteen_bits_that_stands_for_transparent_shows_white(tmp_path: Path) -> None:
    assert_pixels(tmp_path, packed(Image.fromarray(GREY16), "PNG", transparency=257), np.where(STEPS == 1, 255, STEPS))


def test_a_colour_that_stands_for_transparent_shows_white(tmp_path: Path) -> None:
    pixels = np.full((4, 4, 3), (10, 200, 30), np.uint8)
    pixels[1:3] = (255, 0, 255)
    wanted = np.where(pixels == (255, 0, 255), 255, pixels)
    image = Image.fromarray(pixels)
    assert_pixels(tmp_path, packed(image, "PNG", transparency=(255, 0, 255)), wanted)
    palette = image.quantize(2)
    place = int(np.array(palette)[1, 1])
    assert_pixels(tmp_path, packed(palette, "PNG", transparency=place), wanted)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (20, 40, 200), (255, 255, 255), (0, 0, 0)])
def test_printing_inks_give_the_colour_they_print(tmp_path: Path, form: str, colour: tuple[int, int, int]) -> None:
    inks = tuple(255 - value for value in colour)
    image = Image.new("CMYK", (16, 16), (*inks, 0))
    assert_pixels(tmp_path, packed(image, form), np.full((16, 16, 3), colour), tolerance=3)


@pytest.mark.parametrize(
    "pixels", [np.full((4, 4), 70_000, np.int32), np.full((4, 4), -1, np.int32), np.full((4, 4), 0.5, np.float32)]
)
def test_pixels_without_an_agreed_white_are_refused(tmp_path: Path, pixels: np.ndarray) -> None:
    file = tmp_path / "a.tif"
    file.write_bytes(packed(Image.fromarray(pixels), "TIFF"))
    with pytest.raises(PictureError, match=r"a\.tif:1: .*32-bit .*save it with 8 or 16 bits"):
        read_picture(file)


# Hostile files


def test_a_page_description_is_refused_even_under_another_name(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (6, 4)).save(file, format="EPS")  # Pillow would start another program on it
    with pytest.raises(PictureError, match=r"a\.png:1: is not a picture in a form known here"):
        read_picture(file)


@pytest.mark.parametrize("pixels", [100_000_000, 400_000_000])
def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path, pixels: int) -> None:
    file = tmp_path / "a.png"
    small = packed(Image.new("1", (8, 8)), "PNG")
    head = small[12:16] + struct.pack(">II", pixels // 10_000, 10_000) + small[24:29]
    file.write_bytes(small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:])
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as for a user, for whom Pillow only warns of the smaller
        for read in (read_picture, picture_size):
            with pytest.raises(PictureError, match=r"a\.png:1: is larger than [0-9,]+ pixels: make it smaller"):
                read(file)


def test_a_pipe_called_png_does_not_keep_us_waiting(tmp_path: Path) -> None:

    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"a\.png:1: .*no such file"):
        read_picture(tmp_path / "a.png")
