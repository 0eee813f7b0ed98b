"""What a transcriber promises."""

from __future__ import annotations

import wave
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alref.components.base import Transcriber
from alref.errors import InputError
from alref.media.video import Video
from alref.pipeline import contracts
from alref.pipeline.references import recording
from alref.records import Recording, Reference, Transcript
from alref.testing.contract import Task, Truth
from alref.testing.errors import refused
from alref.testing.stage import StageContract

RATE = 16_000


class TranscriberContract(StageContract):
    """What a transcriber promises. Override ``component`` and ``recording``."""

    def component(self) -> Transcriber:
        """Return the transcriber to test."""
        raise NotImplementedError("return the transcriber to test")

    def recording(self) -> Recording:
        """Return a spoken sentence."""
        raise NotImplementedError("return a recording to test with")

    def transcribed(self, spoken: Recording) -> list[Transcript]:
        """Return what it writes down, checked against the contract."""
        with self.at_work() as component:
            said: list[Transcript] = component.transcribe(self.video()[0], Reference(id="1", spoken=spoken))
        _check(said)
        return said

    def tasks(self, video: Video, truth: Truth) -> list[Task]:
        """Return the task to write down the recording."""
        reference = Reference(id="1", spoken=self.recording())
        return [*super().tasks(video, truth), Task("transcribe", (reference,), _check)]

    def test_writes_down_what_is_said_in_order(self) -> None:
        """It writes down what is said, sentence after sentence, with the id of the reference.

        Make each ``Transcript`` with ``reference=reference.id``; override ``recording`` for one that the model understands.
        """
        said = self.transcribed(self.recording())
        assert any(each.text.strip() for each in said), f"expected words, got {said!r}"
        starts = [each.span[0] for each in said if each.span]
        assert starts == sorted(starts), f"expected sentences in order, got starts {starts}"

    def test_takes_a_recording_without_words(self) -> None:
        """It works on a recording in which nobody speaks.

        Return an empty list where nothing is said.
        """
        with TemporaryDirectory() as folder:
            self.transcribed(recording(_silence(Path(folder) / "silence.wav")))

    def test_refuses_a_file_that_holds_no_sound(self) -> None:
        """A recording that cannot be read is an InputError that names the file.

        Read the file with ``alref.media``, and catch no error around it.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder) / "broken.wav"
            path.write_bytes(b"this is no sound")
            with refused(InputError, path.name):
                self.transcribed(Recording(path=path, fingerprint="00"))


def _check(output: Any) -> None:
    contracts.each_is(output, Transcript)
    contracts.transcripts(output, ["1"])


def _silence(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * RATE))
    return path
