"""The example of each hook in the documentation is a plugin that works."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alref import Reference
from alref.cli import run_command
from alref.llm.messages import QuestionEvent
from alref.plugins import hookspecs
from alref.plugins.discovery import import_file
from alref.plugins.manager import PluginManager
from alref.testing import ExporterContract, ProtocolContract, RunnerContract, make_moving_square, write_frames
from alref.testing.runner import SLOW_TESTS, build_contract, run_checks
from support.benchmark_fixtures import mevis
from support.scripted import Script
from test_docs import TEXT

HOOKS = [name for name in vars(hookspecs) if name.startswith(("register_", "stage_", "question_"))]
EXAMPLES = dict(re.findall(r"### `(\w+)`\n\n```python\n.*?\n```\n.*?```python\n(.*?)```", TEXT["hooks.md"], re.DOTALL))


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PluginManager]:
    """Return what loads the example of a hook, from a file in the current folder."""
    monkeypatch.chdir(tmp_path)

    def load(hook: str) -> PluginManager:
        Path("mine.py").write_text(EXAMPLES[hook])
        return PluginManager([], files=[Path("mine.py")])

    return load


def find_failures(contract: type, cls: type) -> list[str]:
    return [
        f"{each.test}: {each.reason}"
        for each in run_checks(contract, cls, SLOW_TESTS)
        if each.state not in ("passed", "skipped")
    ]


def test_every_hook_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(HOOKS)


@pytest.mark.parametrize(
    ("hook", "count"),
    [
        ("register_unifiers", 1),
        ("register_reasoners", 3),
        ("register_proposers", 1),
        ("register_propagators", 1),
        ("register_trackers", 1),
    ],
)
def test_components_keep_their_contract(hook: str, count: int, load: Callable[[str], PluginManager]) -> None:
    registered = load(hook).components
    assert len(registered) == count
    for each in registered:
        cls: Any = each.cls
        contract = build_contract(cls, make_component=lambda _, cls=cls: cls(cls.Options()))
        assert find_failures(contract, cls) == []


def test_an_export_format_keeps_its_contract(load: Callable[[str], PluginManager]) -> None:
    cls = load("register_exporters").get_exporter("boxes-table")
    assert find_failures(type("Contract", (ExporterContract,), {"make_exporter": lambda _: cls(cls.Options())}), cls) == []


def test_a_logger_keeps_its_contract(load: Callable[[str], PluginManager]) -> None:
    load("register_loggers")
    assert run_command(["plugins", "check", "chat", "--plugin", "mine.py"]) == 0


def test_a_protocol_keeps_its_contract(load: Callable[[str], PluginManager]) -> None:
    cls = load("register_metrics").get_protocol("recall")
    assert find_failures(type("Contract", (ProtocolContract,), {"make_protocol": lambda _: cls()}), cls) == []


def test_a_dataset_is_found_and_read(load: Callable[[str], PluginManager], tmp_path: Path) -> None:
    mevis(tmp_path / "films")
    dataset = load("register_datasets").get_dataset("films")(tmp_path / "films", "valid_u")
    assert all(dataset.read_references(video) for video in dataset.list_videos())
    assert run_command(["data", "check", "films", "films", "--split", "valid_u", "--plugin", "mine.py"]) == 0


def test_a_command_is_added(
    load: Callable[[str], PluginManager], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load("register_commands")
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    assert run_command(["plugins", "install", "mine.py"]) == 0
    capsys.readouterr()
    assert run_command(["count", str(write_frames(make_moving_square(3)[0], tmp_path / "clip"))]) == 0
    assert capsys.readouterr().out.split() == ["3"]


def test_a_runner_keeps_its_contract(load: Callable[[str], PluginManager]) -> None:
    cls = load("register_runners").get_runner("same-process")
    assert find_failures(type("Contract", (RunnerContract,), {"make_runner": lambda _: cls(jobs=1)}), cls) == []


@pytest.mark.parametrize("hook", ["stage_started", "stage_advanced", "stage_finished"])
def test_an_observer_sees_every_stage(
    hook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(EXAMPLES[hook])
    with Script().pipeline() as pipeline:
        pipeline.plugins.add_observer(import_file(Path("mine.py")))
        result = pipeline.run(make_moving_square(2)[0], [Reference(text="the red square")])
    assert not result.warnings
    told = Path("seconds.csv").read_text() if hook == "stage_finished" else capsys.readouterr().err
    assert "scripted" in told


def test_an_observer_sees_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(EXAMPLES["question_answered"])
    event = QuestionEvent(
        key="k", stage="spatial", component="openai", phrase="the dog", messages=(), answer=None, parsed=None, source="model"
    )
    import_file(Path("mine.py")).question_answered(event)
    assert json.loads(Path("questions.jsonl").read_text())["phrase"] == "the dog"
