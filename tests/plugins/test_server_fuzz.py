"""Replies of servers that are wrong in random ways; ``support.server_fuzz`` tries as many as one likes."""

from __future__ import annotations

import pytest

pytest.importorskip("openai")

from support.server_fuzz import run_fuzz


@pytest.mark.parametrize("seed", [0, 88, 456])
def test_a_wrong_reply_ends_in_a_result_or_a_documented_error(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST", "OLLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    report = run_fuzz(6, seed)
    assert report.faults == []
    assert sum(report.codes.values()) == 6
