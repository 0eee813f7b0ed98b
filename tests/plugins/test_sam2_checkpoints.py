"""Checkpoints of SAM 2's authors: known by their tensors, renamed without a rest, refused when they are something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Sam2VideoModel

from alref.errors import ConfigError
from alref_sam2 import _checkpoints
from alref_sam2._original import SIZE_LETTERS
from support.sam2_official import Shapes, golden, predictor, seeded, shapes_of
from support.tiny_sam2 import save_sam2

Tensors = dict[str, torch.Tensor]
LATER = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.weight", "obj_ptr_tpos_proj.bias")
"""What SAM 2.1 has and SAM 2 has not."""


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    """Make the tensors of a checkpoint of SAM 2.1, tiny."""
    return seeded(golden()[0])


@pytest.fixture(scope="module")
def unfilled() -> Sam2VideoModel:
    with torch.device("meta"):
        return Sam2VideoModel(_checkpoints.build_config(_checkpoints.SIZES[0], sam21=True))


def saved(tensors: Tensors, folder: Path) -> Path:
    torch.save({"model": tensors}, folder / "model.pt")
    return folder / "model.pt"


def as_second(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name not in LATER}


def total(tensors: Iterable[torch.Tensor]) -> list[float]:
    """Add up each tensor, and sort the sums: what names do not change."""
    return sorted(float(tensor.double().sum()) for tensor in tensors)


def block(number: int, width: int) -> Shapes:
    return {f"image_encoder.trunk.blocks.{number}.norm2.weight": (width,)}


@pytest.mark.parametrize("change", [dict, as_second], ids=["2.1", "2"])
def test_every_tensor_finds_its_place(tensors: Tensors, tmp_path: Path, change: Callable[[Tensors], Tensors]) -> None:
    given = change(tensors)
    model = _checkpoints.load_original(saved(given, tmp_path))
    assert not model.training
    points = torch.cat([given[f"sam_prompt_encoder.point_embeddings.{kind}.weight"] for kind in range(4)])
    waves = given["sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
    alone = [tensor for name, tensor in given.items() if "point_embeddings" not in name]
    assert total(model.state_dict().values()) == total([*alone, points, waves])
    assert torch.equal(model.prompt_encoder.point_embed.weight, points)
    assert model.config.enable_occlusion_spatial_embedding is (change is dict)
    assert model.config.enable_temporal_pos_encoding_for_object_pointers is (change is dict)


def test_a_checkpoint_without_the_authors_wrapping_is_read(tensors: Tensors, unfilled: Sam2VideoModel, tmp_path: Path) -> None:
    torch.save(tensors, tmp_path / "bare.pt")
    config, found = _checkpoints.read_checkpoint(tmp_path / "bare.pt")
    assert config.vision_config.backbone_config.blocks_per_stage == [1, 2, 7, 2]
    assert found.keys() == unfilled.state_dict().keys()


@pytest.mark.parametrize("size", _checkpoints.SIZES, ids=lambda size: size.name)
def test_the_size_is_told_by_the_tensors(size: _checkpoints.ModelSize) -> None:
    widths = [size.width << stage for stage, count in enumerate(size.blocks) for _ in range(count)]
    shapes: Shapes = {"image_encoder.trunk.pos_embed": (1, size.width, 7, 7)}
    for number, width in enumerate(widths):
        shapes |= block(number, width)
    found = _checkpoints.detect_size({name: torch.empty(shape) for name, shape in shapes.items()}, Path("any.pt"))
    assert found == size


def test_another_size_is_refused(tensors: Tensors, tmp_path: Path) -> None:
    larger = {**tensors, **seeded(block(12, 768))}
    with pytest.raises(ConfigError, match=r"model\.pt .*tiny, small, base-plus, large"):
        _checkpoints.load_original(saved(larger, tmp_path))


def test_a_file_that_is_cut_off_is_refused(tensors: Tensors, tmp_path: Path) -> None:
    path = saved(tensors, tmp_path)
    path.write_bytes(path.read_bytes()[:1000000])
    with pytest.raises(ConfigError, match=r"model\.pt "):
        _checkpoints.load_original(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x02."])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(ConfigError, match=r"model\.pt "):
        _checkpoints.load_original(tmp_path / "model.pt")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Path("anything")}, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match=r"model\.pt "):
        _checkpoints.load_original(tmp_path / "model.pt")


@pytest.mark.parametrize("content", [[1, 2], {"model": {"weight": torch.zeros(2)}}, {"model": 3}])
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ConfigError, match=r"model\.pt .*SAM 2\.1"):
        _checkpoints.load_original(tmp_path / "model.pt")


def test_a_checkpoint_of_edgetam_is_told(tmp_path: Path) -> None:
    path = saved({"image_encoder.trunk.body.stem.conv1.c.weight": torch.zeros(1), "maskmem_tpos_enc": torch.zeros(1)}, tmp_path)
    with pytest.raises(ConfigError, match=r"model\.pt .*--propagator edgetam"):
        _checkpoints.load_original(path)


def test_weights_of_the_library_are_not_taken_for_those_of_the_authors(tmp_path: Path) -> None:
    model = Sam2VideoModel.from_pretrained(save_sam2(tmp_path))
    with pytest.raises(ConfigError, match=r"\.pt\b"):
        _checkpoints.load_original(saved(model.state_dict(), tmp_path))


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("memory_encoder.out_proj.bias", None, "memory_encoder.projection.bias should be (64,) and is absent"),
        ("somebody.weight", (2,), "somebody.weight should be absent and is (2,)"),
        ("no_obj_ptr", (1, 128), "no_object_pointer should be (1, 256) and is (1, 128)"),
        ("sam_prompt_encoder.point_embeddings.3.weight", None, "prompt_encoder.point_embed.weight should be (4, 256)"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    tensors: Tensors, unfilled: Sam2VideoModel, name: str, shape: tuple[int, ...] | None, said: str
) -> None:
    changed = {each: tensor for each, tensor in tensors.items() if each != name} | (seeded({name: shape}) if shape else {})
    with pytest.raises(ConfigError, match=r"\b1 of 469\b") as caught:
        _checkpoints.load_tensors(unfilled, _checkpoints.rename_tensors(changed), Path("model.pt"))
    assert said in str(caught.value)


@pytest.mark.parametrize("size", _checkpoints.SIZES, ids=lambda size: size.name)
def test_the_authors_own_models_fit(size: _checkpoints.ModelSize) -> None:
    pytest.importorskip("sam2", reason="the authors' package sam2 is not installed")
    version = "sam2" if size.name == "small" else "sam2.1"
    theirs: Tensors = predictor(f"configs/{version}/{version}_hiera_{SIZE_LETTERS[size.name]}.yaml", 1024).state_dict()
    assert _checkpoints.detect_size(theirs, Path("any.pt")) == size
    with torch.device("meta"):
        ours = Sam2VideoModel(_checkpoints.build_config(size, _checkpoints.is_sam21(theirs)))
    assert shapes_of(ours.state_dict().items()) == shapes_of(_checkpoints.rename_tensors(theirs).items())
