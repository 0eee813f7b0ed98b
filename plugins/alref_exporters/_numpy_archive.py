"""Write a NumPy archive frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from alref import FinishedRun
from alref.components.finished_run import MaskCrop


def write_archive(run: FinishedRun, path: Path) -> None:
    """Write the packed masks (T, P, H, ceil(W / 8)), and what belongs to them."""
    tracks = [each.track for each in run.objects]
    arrays: dict[str, npt.NDArray[Any]] = {
        "width": np.array(run.width),
        "times": np.array(run.times, np.float64),
        "ids": np.array([each.id for each in run.objects], np.int64),
        "names": np.array([each.name for each in run.objects], np.str_),
        "categories": np.array([each.category for each in run.objects], np.str_),
        "references": np.array([track.phrase.reference for track in tracks], np.str_),
        "scores": np.array([track.scores for track in tracks], np.float32).reshape(len(tracks), len(run)).T,
    }
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with _open_member(archive, name) as file:
                npy.write_array(file, array, allow_pickle=False)
        shape = len(run), len(tracks), run.height, -(-run.width // 8)
        with _open_member(archive, "masks") as file:
            npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            empty = bytes(shape[2] * shape[3])
            for frame in run.read_frames():
                for each in run.objects:
                    crop = frame.crops.get(each.id)
                    file.write(_pack_mask(crop, shape[2:]) if crop else empty)


def _pack_mask(crop: MaskCrop, shape: tuple[int, ...]) -> bytes:
    """Pack the box of a mask, from a multiple of eight pixels on; the rest is zero."""
    start = crop.left - crop.left % 8
    part = np.pad(crop.mask, ((0, 0), (crop.left - start, 0)))
    packed, bits = np.zeros(shape, np.uint8), np.packbits(part, axis=1)
    packed[crop.top : crop.bottom, start // 8 : start // 8 + bits.shape[1]] = bits
    return packed.tobytes()


@contextmanager
def _open_member(archive: ZipFile, name: str) -> Iterator[IO[bytes]]:
    """Yield an array of the archive to write to, with a fixed date, so that equal runs give equal files."""
    info = ZipInfo(f"{name}.npy")
    info.compress_type = ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as file:
        yield file
