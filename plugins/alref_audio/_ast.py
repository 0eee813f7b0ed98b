"""Run the Audio Spectrogram Transformer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from transformers import ASTFeatureExtractor, ASTForAudioClassification

from alref.audio import audioset
from alref.audio.windows import Samples
from alref_audio._runtime import LoadedAudioModel
from alref_audio.tags import Floats

if TYPE_CHECKING:
    from alref_audio import AstOptions

MIN_SAMPLES = 400
"""Minimum number of samples for a spectrum; shorter audio is padded with silence."""


class AstModel:
    """A loaded model that scores the labels in its configuration, except silence."""

    def __init__(self, folder: Path, options: AstOptions, device: str) -> None:
        self._loaded = LoadedAudioModel(folder, options, device, ASTForAudioClassification, ASTFeatureExtractor)
        self.rate = self._loaded.rate
        named = self._loaded.model.config.id2label
        silence = audioset.load_class_names()[audioset.SILENCE_ID]
        self._label_indices = [index for index in sorted(named) if named[index] != silence]
        self.labels = tuple(str(named[index]) for index in self._label_indices)

    def score_labels(self, sounds: Sequence[Samples]) -> Floats:
        """Return the independent probability of each label: float32 (N, labels)."""
        long_enough = [np.pad(samples, (0, max(0, MIN_SAMPLES - len(samples)))) for samples in sounds]
        made = self._loaded.feature_extractor(long_enough, sampling_rate=self.rate, return_tensors="pt")
        with self._loaded.use_inference_mode():
            logits = self._loaded.model(input_values=made["input_values"].to(self._loaded.device)).logits
        return np.asarray(logits.float().sigmoid()[:, self._label_indices].cpu().numpy())
