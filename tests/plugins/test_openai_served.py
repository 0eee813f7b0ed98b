"""A real server: ``transformers serve`` with a tiny model of random weights, which says nothing that can be read."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from alref.cli import run_command
from alref.llm.replay import read_trace
from alref.output.run_folder import load_result
from alref.plugins import manager as plugins_module
from alref.testing import make_moving_square, write_frames
from support.llm_run import TEXTS, ServerScript, arguments

NEEDED = ("openai", "transformers", "torch", "accelerate", "fastapi", "uvicorn")
MISSING = [name for name in NEEDED if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"transformers serve needs {', '.join(MISSING)}")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    from support.tiny_models import vision_model

    return vision_model(tmp_path / "model")


@pytest.fixture
def base_url(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    command = [Path(sys.executable).with_name("transformers"), "serve", model, "--host=127.0.0.1", "--port=0", "--device=cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as server:
        assert server.stderr is not None
        lines: list[str] = []
        for line in server.stderr:
            lines.append(line)
            if "running on" in line:
                break
        reading = Thread(target=server.stderr.read)
        reading.start()
        address = re.search(r"http://[\d.:]+", lines[-1] if lines else "")
        assert address, "".join(lines)
        yield f"{address[0]}/v1"
        server.terminate()
        reading.join()


def test_a_run_from_the_command_line_to_the_result(
    base_url: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    script = ServerScript()
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: script.entries)
    clip = write_frames(make_moving_square(frames=4, size=(32, 48), side=8)[0], tmp_path / "clip")
    small = {"image_size": 224, "max_tokens": 16, "max_questions": 1}
    asked = {"use": "openai", "base_url": base_url, "model": model, "answers": tmp_path / "answers.sqlite", **small}
    assert run_command(arguments(clip, tmp_path / "out", asked)) == 0
    result = load_result(tmp_path / "out")
    assert {record.source for record in [*result.pivots, *result.boxes]} == {"fallback"}
    assert len(result.tracks) == len(TEXTS)
    answers = [event.answer for event in read_trace(tmp_path / "out" / "trace.jsonl")]
    assert all(answer and str(model) in answer.model and answer.completion_tokens for answer in answers)
    assert len(answers) >= 2 * len(TEXTS)
