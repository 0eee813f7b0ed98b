"""The contract of a transcriber."""

from __future__ import annotations

import wave
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alref.components.base import Transcriber
from alref.errors import InputError
from alref.media.video import Video
from alref.pipeline import contracts
from alref.pipeline.references import read_recording
from alref.records import Recording, Reference, Transcript
from alref.testing.contract import Task, TrueMasks, expect_nothing
from alref.testing.errors import assert_raises
from alref.testing.stage import StageContract

RATE = 16_000


class TranscriberContract(StageContract):
    """The contract of a transcriber. Override ``make_component`` and ``make_recording``."""

    def make_component(self) -> Transcriber:
        """Return the transcriber to test."""
        raise NotImplementedError("return the transcriber to test")

    def make_recording(self) -> Recording:
        """Return a recording of a spoken sentence."""
        raise NotImplementedError("return a recording to test with")

    def transcribe_recording(self, spoken: Recording) -> list[Transcript]:
        """Return the transcripts, checked against the contract."""
        with self.load_component() as component:
            transcripts: list[Transcript] = component.transcribe(self.make_video()[0], Reference(id="1", spoken=spoken))
        _check_transcripts(transcripts)
        return transcripts

    def build_tasks(self, video: Video, truth: TrueMasks) -> list[Task]:
        """Return a task that transcribes the recording."""
        reference = Reference(id="1", spoken=self.make_recording())
        return [*super().build_tasks(video, truth), Task("transcribe", (reference,), _check_transcripts)]

    def test_transcribes_speech_in_order(self) -> None:
        """It transcribes speech into sentences in order, with the id of the reference.

        Make each ``Transcript`` with ``reference=reference.id``; override ``make_recording`` with speech that the model
        understands.
        """
        transcripts = self.transcribe_recording(self.make_recording())
        assert any(each.text.strip() for each in transcripts), f"expected words, got {transcripts!r}"
        starts = [each.span[0] for each in transcripts if each.span]
        assert starts == sorted(starts), f"expected sentences in order, got starts {starts}"

    @expect_nothing
    def test_takes_a_recording_without_words(self) -> None:
        """It works on a recording without speech.

        Return an empty list if nothing is spoken.
        """
        with TemporaryDirectory() as folder:
            self.transcribe_recording(read_recording(_write_silence(Path(folder) / "silence.wav")))

    @expect_nothing
    def test_refuses_a_file_without_audio(self) -> None:
        """A recording that cannot be read raises InputError with the name of the file.

        Read the file with ``alref.media``, and do not catch its errors.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder) / "broken.wav"
            path.write_bytes(b"this is no sound")
            with assert_raises(InputError, path.name):
                self.transcribe_recording(Recording(path=path, fingerprint="00"))


def _check_transcripts(output: Any) -> None:
    contracts.check_list_of(output, Transcript)
    contracts.check_transcripts(output, ["1"])


def _write_silence(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * RATE))
    return path
