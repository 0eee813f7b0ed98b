"""Run CLAP: features of audio and texts, and scores of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel

from alref.audio import vocabulary
from alref.audio.similarity import BATCH_SIZE, EmbeddingCache
from alref.audio.windows import Samples
from alref_audio._runtime import LoadedAudioModel
from alref_audio.tags import Floats

if TYPE_CHECKING:
    from alref_audio import ClapOptions

TEXT_TEMPLATE = "This is a sound of {}."
"""Prompt template for a name, as in the authors' zero-shot evaluation."""


class ClapEncoder:
    """A loaded model that encodes audio and texts, and scores the labels of its options."""

    def __init__(self, folder: Path, options: ClapOptions, device: str) -> None:
        self._loaded = LoadedAudioModel(folder, options, device, ClapModel, ClapFeatureExtractor, AutoTokenizer)
        self.rate, self.embedding_size = self._loaded.rate, int(self._loaded.model.projection_dim)
        self._max_tokens = self._loaded.model.config.text_config.max_position_embeddings - 2
        self._negatives = options.negatives
        self.labels = vocabulary.load_vocabulary(options.labels)
        self.embed_texts = EmbeddingCache(self._encode_texts)

    def embed_audio(self, waveforms: Sequence[Samples]) -> Floats:
        """Return features float32 (N, D) of length 1; for audio longer than a window, the mean over its windows."""
        window = self._loaded.feature_extractor.nb_max_samples
        cut = [[samples[at : at + window] for at in range(0, len(samples), window)] for samples in waveforms]
        windows = [piece for pieces in cut for piece in pieces]
        features = iter(
            row for at in range(0, len(windows), BATCH_SIZE) for row in self._encode_windows(windows[at : at + BATCH_SIZE])
        )
        means = np.stack([np.mean([next(features) for _ in pieces], axis=0) for pieces in cut])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True))

    def score_labels(self, sounds: Sequence[Samples]) -> Floats:
        """Return the share of each label among all labels and the negative texts: float32 (N, labels)."""
        texts = self.embed_texts([*self.labels, *self._negatives])
        alike = self._encode_windows(sounds) @ texts.T * np.exp(float(self._loaded.model.logit_scale_a))
        odds = np.exp(alike - alike.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))[:, : len(self.labels)]

    def _encode_windows(self, sounds: Sequence[Samples]) -> Floats:
        """Return features of waveforms of at most one window each."""
        made = self._loaded.feature_extractor(list(sounds), sampling_rate=self.rate, return_tensors="pt")
        spectra = made["input_features"].float().to(self._loaded.device)
        longer = torch.zeros(len(spectra), 1, dtype=torch.bool, device=spectra.device)
        with self._loaded.use_inference_mode():
            heard = self._loaded.model.get_audio_features(input_features=spectra, is_longer=longer)
        return _normalize_features(heard.pooler_output)

    def _encode_texts(self, texts: Sequence[str]) -> Floats:
        prompts = [TEXT_TEMPLATE.format(text) for text in texts]
        assert self._loaded.tokenizer is not None
        tokens = self._loaded.tokenizer(
            prompts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        with self._loaded.use_inference_mode():
            read = self._loaded.model.get_text_features(**tokens.to(self._loaded.device))
        return _normalize_features(read.pooler_output)


def _normalize_features(features: torch.Tensor) -> Floats:
    return np.asarray(torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy())
