"""Load a complete Whisper model, and transcribe recordings of any length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

from alref import Audio, TimeSpan
from alref.audio.loudness import SILENCE_THRESHOLD, compute_loudness
from alref.models import devices
from alref.models.transformers_loading import hide_library_output, load_complete_model, translate_model_errors
from alref_whisper.languages import get_language_code, list_languages

if TYPE_CHECKING:
    from alref_whisper import WhisperOptions

NO_SPEECH_THRESHOLD, LOGPROB_THRESHOLD = 0.6, -1.0
"""Thresholds for a window of 30 seconds without speech: its probability, and the mean log-probability of the words, as in
section 4.5 of arXiv 2212.04356."""
TEMPERATURE = 0.0
"""Temperature: always the likeliest token, so that results are reproducible."""


class WhisperTranscriber:
    """A Whisper model on a device. Raises MissingError or ConfigError if it cannot be loaded."""

    def __init__(self, folder: Path, options: WhisperOptions, device: str) -> None:
        resolved = devices.resolve_device(device)
        with translate_model_errors(
            folder, resolved, alternative="-o transcriber.model=NAME", smaller="a smaller transcriber.model"
        ):
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            self._feature_extractor = WhisperFeatureExtractor.from_pretrained(folder)
            self._model = load_complete_model(WhisperForConditionalGeneration, folder).to(resolved)
        self._languages = list_languages(folder)
        self._requested_language = get_language_code(options.language) if options.language else None
        self._dtype = devices.resolve_dtype(options.dtype, resolved)

    def transcribe_audio(self, audio: Audio) -> tuple[str, list[tuple[str, TimeSpan]]]:
        """Return the language code, and each sentence with its start and end in seconds; both empty for silence.

        ``audio`` has the sample rate of the model. Raises MissingError if memory is too small.
        """
        if compute_loudness(audio).max(initial=-np.inf) < SILENCE_THRESHOLD:
            return "", []
        device = self._model.device
        full = f"the speech does not fit into the memory of {device}: a smaller model"
        with (
            devices.translate_memory_errors(full),
            torch.inference_mode(),
            hide_library_output(),
            devices.autocast(device.type, self._dtype),
        ):
            heard = self._compute_spectrogram(audio)
            language = self._detect_language(heard)
            parts = self._generate_sentences(heard, language)
        end = len(audio.samples) / audio.rate
        return language, [
            (text, (audio.start + first, audio.start + min(last, end))) for text, first, last in parts if first < end
        ]

    def _compute_spectrogram(self, audio: Audio) -> torch.Tensor:
        """Return the spectrogram float32 (1, M, T) of the recording, padded with silence to a whole number of windows."""
        window = self._feature_extractor.n_samples
        samples = np.pad(audio.samples, (0, -len(audio.samples) % window))
        made = self._feature_extractor(
            samples, sampling_rate=audio.rate, truncation=False, padding="longest", return_tensors="pt"
        )
        heard: torch.Tensor = made["input_features"].to(self._model.device)
        return heard

    def _detect_language(self, spectrogram: torch.Tensor) -> str:
        """Return the code of the language in the options, or else of the language spoken at the beginning."""
        if self._requested_language or len(self._languages) == 1:
            return self._requested_language or self._languages[0]
        token = int(self._model.detect_language(spectrogram)[0])
        spoken = {number: name for name, number in self._model.generation_config.lang_to_id.items()}
        return str(spoken[token]).strip("<|>")

    def _generate_sentences(self, spectrogram: torch.Tensor, language: str) -> list[tuple[str, float, float]]:
        """Return each sentence with its start and end in seconds, in order."""
        many = {} if len(self._languages) == 1 else {"language": language, "task": "transcribe"}
        found = self._model.generate(
            spectrogram,
            return_timestamps=True,
            return_segments=True,
            temperature=(TEMPERATURE,),
            no_speech_threshold=NO_SPEECH_THRESHOLD,
            logprob_threshold=LOGPROB_THRESHOLD,
            **many,
        )
        parts = [
            (self._tokenizer.decode(part["tokens"], skip_special_tokens=True).strip(), float(part["start"]), float(part["end"]))
            for part in found["segments"][0]
        ]
        return [part for part in parts if part[0]]
