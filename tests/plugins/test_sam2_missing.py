from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from alref.components.options import build_options
from alref.errors import AlrefError, ConfigError, MissingError
from alref.models import devices
from alref_sam2 import EdgeTam, Sam2, Sam2FamilyPropagator, Sam3Tracker
from support.fake_hub import FakeHub
from support.propagation import boxes, counted, made, save_all
from support.tiny_sam2 import save_sam2

NAME = "someone/tiny"


pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type[Sam2FamilyPropagator], Path]:
    return save_all(tmp_path_factory.mktemp("trackers"))


@pytest.fixture
def copied(folders: dict[type[Sam2FamilyPropagator], Path], tmp_path: Path) -> Path:
    """Copy a SAM 2, to spoil it."""
    return Path(shutil.copytree(folders[Sam2], tmp_path / "copied"))


def one_problem(component: Sam2FamilyPropagator) -> str:
    (problem,) = component.problems()
    assert "\n" not in str(problem)
    return problem.assign_slot("propagator").describe()


def failure(component: Sam2FamilyPropagator, kind: type[AlrefError]) -> str:
    with pytest.raises(kind) as caught:
        component.load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(folder: Path, **values: Any) -> None:
    """Write other values into the configuration."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_missing_library_is_named_with_its_extra(
    folders: dict[type[Sam2FamilyPropagator], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alref.utils.libraries.find_spec", lambda name: None if name == "transformers" else object())
    assert one_problem(made(Sam2, folders[Sam2])) == "needs transformers: pip install 'alref[sam2]'"


@pytest.mark.parametrize("cls", [Sam2, EdgeTam, Sam3Tracker])
def test_weights_are_named_before_they_are_there(cls: type[Sam2FamilyPropagator]) -> None:
    component = cls(cls.Options())
    (weights,) = component.weights()
    assert weights.model == component.options.model
    assert weights.files == ("config.json", "model.safetensors")
    assert weights.license
    assert component.options.model in component.problems()[0].message


def test_gated_weights_say_how_to_get_access(hub: FakeHub, folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    hub.hold(NAME, folders[Sam3Tracker])
    hub.gated = hub.closed = True
    assert "hf auth login" in one_problem(Sam3Tracker(build_options(Sam3Tracker.Options, {"model": NAME}, "propagator")))


def test_a_model_of_the_hub_is_fetched_and_follows(hub: FakeHub, folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    hub.hold(NAME, folders[Sam2])
    component = Sam2(build_options(Sam2.Options, {"model": NAME}, "propagator"), "cpu")
    assert component.problems() == []
    component.load()
    assert len(list(component.propagate(counted(2), boxes([0], frames=2)))) == 2


@pytest.mark.parametrize(
    ("cls", "other", "way_out"), [(Sam2, EdgeTam, "--propagator edgetam"), (EdgeTam, Sam3Tracker, "--propagator sam3-tracker")]
)
def test_a_model_of_another_family_is_sent_to_its_component(
    cls: type[Sam2FamilyPropagator],
    other: type[Sam2FamilyPropagator],
    way_out: str,
    folders: dict[type[Sam2FamilyPropagator], Path],
) -> None:
    component = made(cls, folders[other])
    assert way_out in one_problem(component)
    assert way_out in failure(component, ConfigError)


def test_a_model_that_follows_nothing_is_refused(copied: Path) -> None:
    changed(copied, model_type="bert")
    message = one_problem(made(Sam2, copied))
    assert all(word in message for word in (str(copied), "bert", "sam2_video"))
    assert "--propagator" not in message


def test_a_size_that_cannot_be_encoded_is_refused_with_the_nearest_that_can(
    folders: dict[type[Sam2FamilyPropagator], Path],
) -> None:
    assert one_problem(made(Sam2, folders[Sam2], image_size=500)).endswith("got 500: -o propagator.image_size=512")
    assert one_problem(made(Sam3Tracker, folders[Sam3Tracker], image_size=512)).endswith("-o propagator.image_size=518")
    assert made(Sam2, folders[Sam2], image_size=512).problems() == []


@pytest.mark.parametrize(("cls", "size"), [(Sam2, 64), (EdgeTam, 64), (Sam3Tracker, 56)])
def test_the_size_of_pictures_is_a_choice(
    cls: type[Sam2FamilyPropagator], size: int, folders: dict[type[Sam2FamilyPropagator], Path]
) -> None:
    component = made(cls, folders[cls], image_size=size)
    component.load()
    sizes: list[int] = []
    model: Any = component.model
    model.network.model.vision_encoder.register_forward_pre_hook(lambda module, args: sizes.append(args[0].shape[-1]))
    assert len(list(component.propagate(counted(2), boxes([0], frames=2)))) == 2
    assert sizes == [size, size]


def test_the_device_and_its_numbers_are_checked(folders: dict[type[Sam2FamilyPropagator], Path]) -> None:
    device = "cuda" if not torch.cuda.is_available() else "mps"
    component = Sam2(build_options(Sam2.Options, {"model": str(folders[Sam2])}, "propagator"), device)
    assert f"sees no {device} here" in one_problem(component)
    failure(component, MissingError)


def test_compiling_for_the_processor_needs_a_compiler(
    folders: dict[type[Sam2FamilyPropagator], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "C++ compiler" in one_problem(made(Sam2, folders[Sam2], compile=True))


def test_the_encoder_is_compiled_where_asked(
    folders: dict[type[Sam2FamilyPropagator], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert [problem.option for problem in devices.find_compiler_problems("cuda")] == ["compile"]
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    assert devices.find_compiler_problems("cuda") == []
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda call, **given: compiled.append(call) or call)
    for asked in (False, True):
        made(Sam2, folders[Sam2], compile=asked).load()
    assert [type(call.__self__).__name__ for call in compiled] == ["Sam2VisionModel"]  # type: ignore[attr-defined]


def test_weights_that_are_not_all_there_are_never_made_up(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    lost = "memory_encoder.projection.weight"
    save_file({name: tensor for name, tensor in tensors.items() if name != lost}, copied / "model.safetensors")
    assert lost in failure(made(Sam2, copied), ConfigError)


def test_weights_of_another_size_are_refused(copied: Path, tmp_path: Path) -> None:
    other = save_sam2(tmp_path / "other", num_maskmem=5)
    shutil.copy(other / "model.safetensors", copied)
    said = failure(made(Sam2, copied), ConfigError)
    assert "memory_temporal_positional_encoding" in said


def test_truncated_weights_are_refused(copied: Path) -> None:
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:10000])
    assert "model.safetensors" in one_problem(made(Sam2, copied))
    failure(made(Sam2, copied), MissingError)


def test_a_folder_without_weights_is_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    assert "has no model.safetensors" in one_problem(made(Sam2, copied))


def test_a_checkpoint_of_nothing_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"weight": torch.zeros(2)}}, tmp_path / "odd.pt")
    component = made(Sam2, tmp_path / "odd.pt")
    assert component.problems() == []
    assert "odd.pt" in failure(component, ConfigError)


def test_edgetam_says_that_its_backbone_is_in_timm(folders: dict[type[Sam2FamilyPropagator], Path], tmp_path: Path) -> None:
    assert made(EdgeTam, folders[EdgeTam]).problems() == []
    copied = Path(shutil.copytree(folders[EdgeTam], tmp_path / "edgetam"))
    vision = json.loads((copied / "config.json").read_text())["vision_config"]
    changed(copied, vision_config={**vision, "backbone_config": {"model_type": "timm_wrapper", "architecture": "repvit_m1"}})
    try:
        import timm  # noqa: F401
    except (ImportError, OSError, RuntimeError):
        assert "timm" in one_problem(made(EdgeTam, copied))
    else:
        pytest.skip("timm is here")


def test_a_checkpoint_under_a_published_name_must_be_the_authors_file(tmp_path: Path) -> None:
    path = tmp_path / "sam2.1_hiera_tiny.pt"
    torch.save({"model": {}}, path)
    (problem,) = Sam2(Sam2.Options(model=str(path))).problems()
    assert "SHA-256" in problem.message
