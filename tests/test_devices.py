from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("torch")

import torch

from alref.errors import MissingError
from alref.models import devices

Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Pretend that torch sees these devices, and what they can do."""

    def pretend(*, cuda: bool = False, mps: bool = False, bfloat16: bool = True) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: bfloat16 or including_emulation)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
        monkeypatch.setattr("torch.backends.mps.is_macos_or_newer", lambda major, minor: bfloat16)

    return pretend


@pytest.mark.parametrize(
    ("here", "best"), [({"cuda": True, "mps": True}, "cuda"), ({"cuda": True}, "cuda"), ({"mps": True}, "mps"), ({}, "cpu")]
)
def test_the_best_device_is_taken(machine: Machine, here: dict[str, bool], best: str) -> None:
    machine(**here)
    assert devices.resolve_device("auto") == best
    assert devices.resolve_device(best) == best
    assert devices.resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_here_is_said_before_and_refused_after(machine: Machine, device: str) -> None:
    machine()
    (problem,) = devices.find_device_problems(device)
    assert f"torch {torch.__version__} sees no {device}" in problem.message
    assert "--device cpu" in problem.hint
    with pytest.raises(MissingError, match=device):
        devices.resolve_device(device)


@pytest.mark.parametrize(
    ("here", "device", "dtype", "value"),
    [
        ({}, "cpu", "float16", "float32"),
        ({}, "auto", "float16", "float32"),
        ({"cuda": True, "bfloat16": False}, "auto", "bfloat16", "float16"),
        ({"mps": True, "bfloat16": False}, "mps", "bfloat16", "float32"),
    ],
)
def test_numbers_that_a_device_does_not_have(
    machine: Machine, here: dict[str, bool], device: str, dtype: str, value: str
) -> None:
    machine(**here)
    (problem,) = devices.find_device_problems(device, dtype)
    assert (problem.option, problem.value) == ("dtype", value)


@pytest.mark.parametrize(
    ("here", "dtypes"),
    [
        ({}, ["auto", "float32", "bfloat16"]),
        ({"cuda": True, "bfloat16": False}, ["auto", "float32", "float16"]),
        ({"cuda": True}, ["auto", "float32", "float16", "bfloat16"]),
        ({"mps": True}, ["auto", "float32", "float16", "bfloat16"]),
    ],
)
def test_numbers_that_a_device_has_are_no_problem(machine: Machine, here: dict[str, bool], dtypes: list[str]) -> None:
    machine(**here)
    assert [devices.find_device_problems("auto", dtype) for dtype in dtypes] == [[]] * len(dtypes)


@pytest.mark.parametrize(
    ("here", "wanted"),
    [({"cuda": True}, "bfloat16"), ({"cuda": True, "bfloat16": False}, "float32"), ({"mps": True}, "float32"), ({}, "float32")],
)
def test_auto_is_half_precision_only_where_it_is_sound(machine: Machine, here: dict[str, bool], wanted: str) -> None:
    machine(**here)
    assert devices.resolve_dtype("auto", "auto") is getattr(torch, wanted)


def test_numbers_that_are_asked_for_by_name_are_given() -> None:
    assert [devices.resolve_dtype(name, "cpu") for name in ("float32", "bfloat16")] == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_are_computed_in_the_type_asked_for(dtype: torch.dtype) -> None:
    square = torch.eye(3)
    with devices.autocast("cpu", dtype):
        assert (square @ square).dtype == dtype
    assert (square @ square).dtype == torch.float32


def test_the_processors_own_error_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**45)
    assert devices.is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB)"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:75] . DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"
        ),
        MemoryError(),
    ],
)
def test_full_memory_is_known(error: BaseException) -> None:
    assert devices.is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory")])
def test_other_errors_are_not_full_memory(error: BaseException) -> None:
    assert not devices.is_out_of_memory(error)


def test_memory_that_is_full_is_said_in_words_and_other_errors_pass() -> None:
    with (
        pytest.raises(MissingError, match="it does not fit: a smaller one"),
        devices.translate_memory_errors("it does not fit: a smaller one"),
    ):
        raise MemoryError
    with (
        pytest.raises(RuntimeError, match="an illegal instruction"),
        devices.translate_memory_errors("it does not fit: a smaller one"),
    ):
        raise RuntimeError("CUDA error: an illegal instruction was encountered")


def test_weights_are_converted_once_and_give_what_autocast_gives() -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 8, 3), torch.nn.GELU(), torch.nn.ConvTranspose2d(8, 4, 2), torch.nn.Flatten(2)]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(25, 6), torch.nn.LayerNorm(6)).eval()
    given = torch.randn(2, 3, 6, 6)
    with torch.inference_mode(), devices.autocast("cpu", torch.bfloat16):
        expected = model(given)
        devices.convert_weights(model, torch.bfloat16)
        assert torch.equal(model(given), expected)
    assert {weight.dtype for weight in model[4].parameters()} == {torch.bfloat16}
    assert {weight.dtype for weight in model[5].parameters()} == {torch.float32}
