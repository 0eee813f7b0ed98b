"""Workers and commands that are killed, and a store that refuses: the end is that of an undisturbed batch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("openai")
pytest.importorskip("s3fs")
if sys.platform != "linux":
    pytest.skip("looks for processes in /proc", allow_module_level=True)

from support.batch_chaos import ANSWER, UNDER_WAY, Chaos, count_questions
from support.batches import write_videos
from support.llm_server import serving
from support.s3_server import run_s3_server

VIDEOS, EVENTS = 12, 3


def test_the_end_is_that_of_an_undisturbed_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    names = [f"v{number:02d}" for number in range(VIDEOS)]
    videos = write_videos(tmp_path / "videos", names)
    with serving(ANSWER) as llm, run_s3_server(monkeypatch) as bucket:
        whole = Chaos(videos, tmp_path / "whole", llm, jobs=1)
        whole.run_undisturbed()
        asked = count_questions(llm)
        llm.asked.clear()
        chaos = Chaos(videos, tmp_path / "chaos", llm, bucket, jobs=1, seconds=0.4)
        chaos.run_disturbed(EVENTS, pause=0.4)
        assert chaos.done_to["worker"] + chaos.done_to["command"] >= 1
        results = chaos.read_results()
        assert results == whole.read_results()
        assert len(results) == len(names)
        lost = UNDER_WAY * chaos.jobs * chaos.done_to.total()  # a command whose store refuses ends and is started again
        computed, questions = chaos.count_computed(), count_questions(llm)
        assert questions.keys() == asked.keys()
        assert computed.total() - len(names) <= lost
        assert questions.total() - asked.total() <= lost
        assert chaos.open_store().list_objects("claims") == []
        assert chaos.open_store().list_objects("failed") == []
