"""Run a contract on a component."""

from __future__ import annotations

import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from alref.pipeline.references import read_recording
from alref.records import Recording
from alref.testing import StageContract, TranscriberContract, make_buzzing_video
from alref.testing.runner import CheckOutcome, run_checks


class Spoken(TranscriberContract):
    """The contract of a transcriber, with the frames' own sound for a voice."""

    folder: Path

    def make_recording(self) -> Recording:
        path = self.folder / "spoken.wav"
        sound = make_buzzing_video(0.5, (0.0, 0.5)).read_audio(16_000)
        assert sound is not None
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((sound.samples.clip(-1, 1) * 32767).astype("int16").tobytes())
        return read_recording(path)


def check(contract: type[StageContract], cls: type[Any], options: Any = None, **more: Any) -> list[CheckOutcome]:
    """Run all checks of a contract on a component."""
    given = {"make_component": lambda self: cls(options or cls.Options()), **more}
    return list(run_checks(type(contract.__name__, (contract,), given), cls, {}))


def list_failures(found: Iterable[CheckOutcome]) -> dict[str, str]:
    """Return the checks that failed, with the reason of each."""
    return {each.test: each.reason for each in found if each.state == "failed"}
