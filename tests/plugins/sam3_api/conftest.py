"""Fixtures of the tests of the hosted SAM 3.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alref.testing import ArrayVideo
from support.hosted_sam3 import HEIGHT, LENGTH, MADE, MASKS, WIDTH
from support.sam3_server import KEY, Sam3Server, format_records, serve_sam3


@pytest.fixture
def video() -> ArrayVideo:
    frames = np.random.default_rng(0).integers(0, 256, (LENGTH, HEIGHT, WIDTH, 3)).astype(np.uint8)
    return ArrayVideo(frames)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MODEL_API_KEY", KEY)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *places, **more: None)
    yield
    while MADE:
        MADE.pop().close()


@pytest.fixture
def service() -> Iterator[Sam3Server]:
    """Run a service that finds both objects of any noun but ``zebra``, and those that a prompt names."""

    def answer(text: str) -> list[str]:
        if text == "zebra":
            return []
        if text.startswith("<"):
            masks = {1: MASKS[4], 2: MASKS[7]}
            return format_records({number: masks[number] for number in masks if re.search(rf"[>,]{number}<", text)})
        return format_records(MASKS)

    with serve_sam3(answer) as server:
        yield server
