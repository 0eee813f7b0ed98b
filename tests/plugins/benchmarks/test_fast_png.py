"""The quick decoder of masks gives the pixels of Pillow, or leaves a file to it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alref.media.draw import build_color_map
from alref_benchmarks.datasets.fast_png import decode_png
from alref_benchmarks.datasets.mask_files import read_gray_mask, read_mask, read_objects

Pixels = npt.NDArray[np.uint8]
STRATEGIES = (cv2.IMWRITE_PNG_STRATEGY_DEFAULT, cv2.IMWRITE_PNG_STRATEGY_FILTERED, cv2.IMWRITE_PNG_STRATEGY_RLE)
FILTERS = (cv2.IMWRITE_PNG_FILTER_NONE, cv2.IMWRITE_PNG_FILTER_SUB, cv2.IMWRITE_PNG_FILTER_UP, cv2.IMWRITE_PNG_FILTER_PAETH)


def draw(seed: int) -> Pixels:
    """Shapes that may touch the edges, of a few values, on an image of any size."""
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(1, 70, 2))
    image = np.zeros((height, width), np.uint8)
    for _ in range(random.integers(0, 4)):
        center, axes = random.integers(0, 70, 2), random.integers(1, 30, 2)
        value = int(random.choice([1, 2, 7, 128, 255]))
        cv2.ellipse(image, center.tolist(), axes.tolist(), float(random.uniform(0, 180)), 0, 360, value, -1)
    return image


def encode_by_pillow(image: Pixels, palette: bool) -> bytes:
    file, made = io.BytesIO(), Image.fromarray(image)
    if palette:
        made.putpalette(build_color_map().tobytes())
    made.save(file, "PNG")
    return file.getvalue()


def encode_in_ways(image: Pixels, seed: int) -> Iterator[bytes]:
    yield encode_by_pillow(image, False)
    yield encode_by_pillow(image, True)
    flags = (cv2.IMWRITE_PNG_STRATEGY, STRATEGIES[seed % 3], cv2.IMWRITE_PNG_FILTER, FILTERS[seed % 4])
    yield cv2.imencode(".png", image, flags)[1].tobytes()


def filter_rows(image: Pixels, kinds: list[int]) -> bytes:
    """Encode an image with the given filter on each row, as the PNG specification says."""
    rows = []
    wide = np.pad(image.astype(np.int64), ((1, 0), (1, 0)))
    for row, kind in enumerate(kinds, 1):
        left, up, corner = wide[row, :-1], wide[row - 1, 1:], wide[row - 1, :-1]
        guess = left + up - corner
        near = np.abs(np.stack([guess - left, guess - up, guess - corner])).argmin(axis=0)
        predicted = [0 * up, left, up, (left + up) // 2, np.choose(near, [left, up, corner])][kind]
        rows.append(bytes([kind]) + (wide[row, 1:] - predicted).astype(np.uint8).tobytes())
    chunks = [
        (b"IHDR", pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(rows))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


@pytest.mark.parametrize("seed", range(60))
def test_pixels_are_those_of_pillow(seed: int) -> None:
    image = draw(seed)
    for data in encode_in_ways(image, seed):
        found = decode_png(data)
        assert found is not None
        assert (found.values == image).all()


@pytest.mark.parametrize("seed", range(30))
def test_every_mixture_of_filters_is_undone_or_left(seed: int) -> None:
    image = draw(seed + 100)
    kinds = np.random.default_rng(seed).choice(5, len(image), p=[0.3, 0.2, 0.3, 0.01, 0.19]).tolist()
    data = filter_rows(image, kinds)
    assert (np.asarray(Image.open(io.BytesIO(data))) == image).all()
    found = decode_png(data)
    assert (found is None) == (3 in kinds)
    assert found is None or (found.values == image).all()


@pytest.mark.parametrize("value", [1, 127, 128, 129, 255])
@pytest.mark.parametrize("size", [(1, 1), (9, 63), (40, 64), (30, 200)])
def test_two_values_are_unfiltered_together(value: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(value)
    for _ in range(20):
        image = np.kron(random.random(size) < random.random(), np.ones((1, 3))).astype(np.uint8) * np.uint8(value)
        found = decode_png(filter_rows(image, random.choice([0, 1, 2, 4], len(image)).tolist()))
        assert found is not None
        assert (found.values == image).all()


def test_a_third_value_that_two_differences_lead_to_is_kept() -> None:
    image = np.array([[7, 7], [14, 14], [7, 0]], np.uint8)
    found = decode_png(filter_rows(image, [0, 2, 2]))
    assert found is not None
    assert (found.values == image).all()


def test_photographs_are_left_to_the_usual_decoder() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 120), np.uint8)
    assert decode_png(filter_rows(noise, [4] * 120)) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-20],
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: data.replace(b"IEND", b"IENX"),
        lambda data: b"",
        lambda data: data[:40],
    ],
    ids=["cut", "flipped", "no end", "empty", "no data"],
)
def test_damaged_files_are_left(spoil: Callable[[bytes], bytes]) -> None:
    assert decode_png(spoil(encode_by_pillow(draw(1), True))) is None


@pytest.mark.parametrize("kind", ["RGB", "LA", "16 bits", "1 bit", "transparent", "interlaced"])
def test_other_kinds_are_left(kind: str) -> None:
    image, file = Image.fromarray(draw(3)), io.BytesIO()
    if kind == "transparent":
        image.save(file, "PNG", transparency=0)
    elif kind == "interlaced":
        data = bytearray(encode_by_pillow(draw(3), False))
        data[28] = 1
        data[29:33] = pack(">I", zlib.crc32(data[12:29]))
        file.write(data)
    else:
        image.convert({"16 bits": "I;16", "1 bit": "1"}.get(kind, kind)).save(file, "PNG")
    assert decode_png(file.getvalue()) is None


@pytest.mark.parametrize(
    "color", [(0, 0, 0), (1, 0, 0), (0, 0, 3), (2, 2, 2), (0, 0, 17), (90, 0, 0), (255, 255, 255)], ids=str
)
def test_a_color_of_a_palette_is_read_as_by_opencv(color: tuple[int, int, int], tmp_path: Path) -> None:
    image = Image.fromarray((draw(5) > 0).astype(np.uint8))
    image.putpalette(bytes([0, 0, 0, *color]))
    path = tmp_path / "mask.png"
    image.save(path)
    gray, mask, numbers = read_gray_mask(path), read_mask(path), read_objects(path)
    expected = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert expected is not None
    assert np.array_equal(gray, expected != 0)  # type: ignore[arg-type]
    assert np.array_equal(mask, np.asarray(image.convert("RGB")).any(axis=2))  # type: ignore[arg-type]
    assert np.array_equal(numbers, np.asarray(image))  # type: ignore[arg-type]
