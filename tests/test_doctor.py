from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from alref.cli import run_command
from alref.models.weights import Weights
from alref.plugins import manager as plugins_module
from support.fake_hub import FakeHub, run_fake_hub
from support.scripted import Script, announcing


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub, and install a propagator and a reasoner that load a model of it beside the components that are there."""
    _, reasoner, _, propagator = Script().classes()
    load = {"name": "heavy", "weights": lambda stage: [Weights("someone/tiny")]}
    made = [type("Heavy", (base,), load) for base in (reasoner, propagator)]
    installed = plugins_module.entry_points

    def found(group: str) -> list[object]:
        baseline = [entry for entry in installed(group=group) if entry.name in ("baseline", "whisper")]
        return [*baseline, announcing("heavy", reasoners=made[:1], propagators=made[1:])]

    monkeypatch.setattr(plugins_module, "entry_points", found)
    monkeypatch.setenv("COLUMNS", "300")
    with run_fake_hub(monkeypatch, tmp_path) as hub:
        hub.models["someone/tiny"] = {"config.json": b"{}", "model.safetensors": b"\x02" + bytes(7) + b"{}"}
        yield hub


def rows(capsys: pytest.CaptureFixture[str], part: str) -> list[str]:
    assert run_command(["doctor"]) == 0
    return [line for line in capsys.readouterr().out.splitlines() if part in line]


def test_weights_that_are_missing_are_said_with_the_command_and_without_the_network(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    said = rows(capsys, "weights missing")
    assert any("alref models pull --propagator heavy" in line for line in said)
    assert any("alref models pull --reasoner heavy" in line for line in said)
    assert hub.requests == []


def test_weights_that_are_here_are_ready(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    Weights("someone/tiny").fetch_files()
    assert all("ready" in line for line in rows(capsys, "heavy"))


def test_the_default_pipeline_is_ready_without_weights_for_speech(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert rows(capsys, "alref demo")


def test_where_models_are_kept_and_whether_the_network_is_used(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows(capsys, hub.address) == rows(capsys, str(tmp_path / "hub")) != []
    assert not rows(capsys, "HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert rows(capsys, "HF_HUB_OFFLINE")
    assert rows(capsys, str(tmp_path / "home" / "weights"))


def test_the_settings_for_the_processor_are_said(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert rows(capsys, "OMP_WAIT_POLICY")


def test_a_component_that_breaks_is_its_own_row(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(stage: object) -> list[Weights]:
        raise KeyError("size")

    monkeypatch.setattr("alref.components.base.Stage.weights", broken)
    assert any("KeyError: 'size'" in line for line in rows(capsys, "broken"))
