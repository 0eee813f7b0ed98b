from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub")

from pydantic import Field

from alref.cli import run_command
from alref.components.base import StageOptions
from alref.models.weights import Weights
from alref.plugins import manager as plugins_module
from support.fake_hub import FakeHub, disable_hub, run_fake_hub
from support.scripted import Script, announcing

SEER, MASKS = "someone/seer", "someone/masks"
SLOTS = ["--unifier", "scripted", "--tagger", "scripted", "--transcriber", "scripted", "--locator", "scripted"]
SLOTS += ["--proposer", "scripted"]
LIGHT = [*SLOTS, "--reasoner", "scripted", "--propagator", "scripted"]
HEAVY = [*SLOTS, "--reasoner", "heavy", "--propagator", "heavy"]
TENSORS = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"


class HeavyOptions(StageOptions):
    """Options of both heavy components."""

    model: str = Field(MASKS, description="name on the hub, or a folder")


def heavy(address: str) -> EntryPoint:
    """Return a plugin of a reasoner and a propagator that load models of the hub, and a checkpoint at an address."""
    _, reasoner, _, propagator = Script().classes()

    class Seer(reasoner):  # type: ignore[misc, valid-type]
        name = "heavy"

        def weights(self) -> list[Weights]:
            return [Weights(SEER)]

    class Masker(propagator):  # type: ignore[misc, valid-type]
        name = "heavy"
        Options = HeavyOptions

        def weights(self) -> list[Weights]:
            digest = hashlib.sha256(b"lone").hexdigest()
            urls = {"tiny": f"{address}/lone.pt"}
            lone = Weights("tiny", option="backbone", urls=urls, sha256={"lone.pt": digest}, license="BSD-3")
            return [Weights(self.options.model), lone]

    return announcing("heavy", reasoners=[Seer], propagators=[Masker])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub that holds what the heavy components need; nothing else is installed but the scripted ones."""
    with run_fake_hub(monkeypatch, tmp_path) as hub:
        monkeypatch.setattr(plugins_module, "entry_points", lambda group: [*Script().entries, heavy(hub.address)])
        hub.models[SEER] = hub.models[MASKS] = {"config.json": b"{}", "model.safetensors": TENSORS}
        hub.models["lone/files"] = {"lone.pt": b"lone"}
        yield hub


def listed(capsys: pytest.CaptureFixture[str], *flags: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert run_command(["models", *HEAVY, "--json", *flags]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_what_a_configuration_needs_is_listed(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    seer, masks, lone = listed(capsys)
    assert (seer["slots"], seer["component"], seer["model"]) == (["temporal", "spatial"], "heavy", SEER)
    assert (masks["size"], masks["license"], masks["path"], masks["problems"]) == (12, "apache-2.0", None, [])
    assert (lone["model"], lone["option"], lone["size"], lone["license"]) == ("tiny", "backbone", 4, "BSD-3")


def test_the_list_for_people_ends_with_the_next_command(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", *HEAVY]) == 0
    printed = capsys.readouterr().out
    assert "someone/masks" in printed
    assert "alref models pull" in printed


def test_pull_fetches_what_is_missing_and_only_that(hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", "pull", *HEAVY]) == 0
    assert f"heavy, tiny: {tmp_path / 'home' / 'weights' / 'lone.pt'}" in capsys.readouterr().out
    rows = listed(capsys)
    assert [Path(row["path"]).exists() for row in rows] == [True, True, True]
    assert run_command(["models", *HEAVY]) == 0
    assert "alref models pull" not in capsys.readouterr().out
    before = len(hub.requests)
    assert run_command(["models", "pull", *HEAVY]) == 0
    assert len(hub.requests) == before


def test_what_cannot_be_fetched_keeps_nothing_else_away(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    del hub.models[SEER]
    hub.models["lone/files"]["lone.pt"] = b"another"
    assert run_command(["models", "pull", *HEAVY]) == 5
    first, second = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "heavy" in first
    assert SEER in first
    assert "heavy" in second
    assert f"{hub.address}/lone.pt" in second
    assert [row["path"] is None for row in listed(capsys)] == [True, False, True]


def test_a_folder_that_lacks_files_is_named_with_its_option(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "part").mkdir()
    _, masks, _ = listed(capsys, "-o", f"propagator.model={tmp_path / 'part'}")
    assert masks["path"] is None
    (problem,) = masks["problems"]
    assert (problem["slot"], problem["option"]) == ("propagator", "model")
    assert "config.json" in problem["message"]
    assert problem["hint"].endswith("-o propagator.model=FOLDER")


def test_a_library_that_is_missing_is_said(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alref.components.base.Stage.needs", ("nowhere",))
    assert all("nowhere" in row["problems"][0]["message"] for row in listed(capsys))
    assert run_command(["models", "pull", *HEAVY]) == 5
    error = capsys.readouterr().err
    assert "heavy" in error
    assert "nowhere" in error


def test_offline_is_said_for_each(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disable_hub(monkeypatch, tmp_path)
    assert run_command(["models", "pull", *HEAVY]) == 5
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all("HF_HUB_OFFLINE" in line for line in errors)


def test_a_mirror_and_a_cache_of_ones_own_are_used(hub: FakeHub, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    hub.models[SEER]["tokenizer.json"] = b"{}"
    alref = Path(sys.executable).with_name("alref")
    arguments = [alref, "models", "pull", "--reasoner", "transformers", "-o", f"reasoner.model={SEER}"]
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "own"), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment)
    assert f"transformers, {SEER}: {tmp_path / 'own' / 'hub'}" in done.stdout, done.stderr
    again = subprocess.run(arguments, capture_output=True, text=True, env={**environment, "HF_HUB_OFFLINE": "1"})
    assert f"transformers, {SEER}: {tmp_path / 'own' / 'hub'}" in again.stdout


@pytest.mark.parametrize("action", ["list", "pull"])
def test_a_configuration_without_models_says_so(hub: FakeHub, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["models", action, *LIGHT]) == 0
    assert "no models" in capsys.readouterr().out
    assert hub.requests == []


def test_the_command_starts_without_heavy_libraries() -> None:
    code = "import sys; import alref.cli.models; print({'torch', 'huggingface_hub', 'transformers', 'av'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_only_what_a_run_with_these_flags_needs_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*flags: str) -> list[str]:
        assert run_command(["models", "--json", *flags]) == 0
        return [row["component"] for row in json.loads(capsys.readouterr().out)]

    assert listed() == []
    assert listed("--spoken") == ["whisper"]
    assert listed("--unifier", "beats", "--preset", "baseline") == ["beats"]
    assert listed("--tagger", "beats", "--propagator", "sam2", "--spoken") == ["beats", "whisper", "grounding-dino", "sam2"]
