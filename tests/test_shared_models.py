"""A component in several slots: one class, and one loaded model where the options that the model depends on agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import alref
from alref import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Candidates, FrameMasks, PivotBox, PivotFrame
from support.scripted import announcing


class BothOptions(alref.StageOptions):
    """Options of both."""

    model: str = "small"
    words: str = "short"


class Both(alref.ModelStage[list[str]], alref.Proposer, alref.Propagator):
    """Proposes and propagates with one model."""

    name = "both"
    needs = ()
    Options = BothOptions
    loaded: list[list[str]] = []

    def problems(self) -> list[Any]:
        return []

    def weights(self) -> list[Any]:
        return []

    def load(self) -> None:
        self.shared_model.acquire(self, lambda: self.load_model(Path()))

    def load_model(self, folder: Path) -> list[str]:
        self.loaded.append([])
        return self.loaded[-1]

    def propose(self, video: Any, pivots: list[PivotFrame]) -> list[Candidates]:
        return []

    def propagate(self, video: Any, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        yield from ()


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> PluginManager:
    monkeypatch.setattr(Both, "loaded", [])
    return PluginManager([announcing("both", proposers=[Both], propagators=[Both])])


def load_both(plugins: PluginManager, **propagator: str) -> list[alref.Stage]:
    """Load both slots, and return their components, with the model of the first already released."""
    pipeline = Pipeline(plugins=plugins, proposer="both", propagator={"use": "both", **propagator})
    stages = [pipeline._stages[slot] for slot in ("proposer", "propagator")]
    for stage in stages:
        stage.load()
    return stages


def test_a_class_in_several_hooks_is_one_component(plugins: PluginManager) -> None:
    (component,) = plugins.components
    assert component.slots == ["proposer", "propagator"]


@pytest.mark.parametrize(("options", "objects", "models"), [({}, 1, 1), ({"words": "long"}, 2, 1), ({"model": "large"}, 2, 2)])
def test_slots_share_a_model_whose_options_agree(
    options: dict[str, str], objects: int, models: int, plugins: PluginManager
) -> None:
    stages = load_both(plugins, **options)
    assert len(set(stages)) == objects
    assert len(Both.loaded) == models


def test_a_shared_model_is_released_with_its_last_user(plugins: PluginManager) -> None:
    first, second = load_both(plugins, words="long")
    assert isinstance(first, Both)
    assert isinstance(second, Both)
    first.close()
    assert second.model is Both.loaded[0]
    with pytest.raises(alref.ContractError):
        _ = first.model
    second.close()
    first.close()
    with pytest.raises(alref.ContractError):
        _ = second.model
    first.load()
    assert first.model is Both.loaded[1]
