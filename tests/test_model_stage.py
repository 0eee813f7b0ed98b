"""The life of a component with a model, by the component that the documentation shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import alref
from support.fake_hub import FakeHub
from support.tiny_hub import NAME, run_tiny_hub, safetensors
from test_docs import code


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with run_tiny_hub(monkeypatch, tmp_path) as hub:
        yield hub


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the class of the documentation; its model is what it is loaded with."""
    runtime = SimpleNamespace(Model=lambda *given: given)
    monkeypatch.setitem(sys.modules, "alref_follower", SimpleNamespace(_runtime=runtime))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "alref_follower._runtime", runtime)  # type: ignore[arg-type]
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(code("writing-a-plugin.md", "python")[1], namespace)
    return namespace["Follower"]


def write_model(folder: Path, config: str) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(safetensors())
    return folder


def make_component(follower: Any, model: object, **options: Any) -> Any:
    return follower(follower.Options(model=str(model), **options), "cpu")


def test_a_model_is_loaded_once_and_released(follower: Any, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", '{"model_type": "sam2_video"}')
    component = make_component(follower, folder, dtype="float32")
    with pytest.raises(alref.ContractError, match="load"):
        _ = component.model
    assert component.problems() == []
    component.load()
    assert component.model == (folder, "float32", "cpu")
    component.close()
    with pytest.raises(alref.ContractError, match="load"):
        _ = component.model


@pytest.mark.parametrize("config", ['{"model_type": "bert"}', "{}", "[]", "no JSON"])
def test_a_model_of_another_type_is_a_problem_and_an_error(follower: Any, config: str, tmp_path: Path) -> None:
    component = make_component(follower, write_model(tmp_path / "model", config))
    [problem] = component.problems()
    assert (problem.option, problem.value) == ("model", "NAME")
    with pytest.raises(alref.ConfigError) as caught:
        component.load()
    assert caught.value.problems == [problem]


def test_a_model_on_the_hub_is_of_another_type_before_it_is_fetched(follower: Any, hub: FakeHub) -> None:
    hub.models[NAME]["config.json"] = json.dumps({"model_type": "bert"}).encode()
    [problem] = make_component(follower, NAME).problems()
    assert "bert" in problem.message
    assert hub.downloads("config.json")
    assert not hub.downloads("model.safetensors")


def test_a_model_is_fetched_from_the_hub(follower: Any, hub: FakeHub) -> None:
    hub.models[NAME]["config.json"] = b'{"model_type": "sam2_video"}'
    component = make_component(follower, NAME)
    assert component.problems() == []
    component.load()
    assert (component.model[0] / "model.safetensors").is_file()


def test_a_number_type_that_the_device_lacks_is_a_problem(follower: Any, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", '{"model_type": "sam2_video"}')
    [problem] = make_component(follower, folder, dtype="float16").problems()
    assert problem.option == "dtype"


class Counter(alref.ModelStage[bytes], alref.Proposer):
    """Loads a file without torch."""

    name = "counter"
    needs = ()
    devices = ("cpu",)

    class Options(alref.StageOptions):
        model: str = "small"

    def weights(self) -> list[alref.Weights]:
        model = getattr(self.options, "model", "")
        return [alref.Weights(model, included={"small": Path(__file__)})]

    def load_model(self, file: Path) -> bytes:
        return file.read_bytes()

    def propose(self, video: alref.Video, pivots: list[alref.PivotFrame]) -> list[alref.Candidates]:
        return []


def test_a_model_that_is_not_of_torch_asks_nothing_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    component = Counter(Counter.Options(), "cpu")
    assert component.problems() == []
    component.load()
    assert component.model == Path(__file__).read_bytes()
    component.close()
    [problem] = Counter(Counter.Options(model=str(tmp_path / "absent.onnx"))).problems()
    assert problem.option == "model"
