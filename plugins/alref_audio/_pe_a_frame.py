"""Run PE-A-Frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoTokenizer, PeAudioFeatureExtractor, PeAudioFrameLevelModel

from alref.audio.similarity import EmbeddingCache
from alref.audio.windows import Samples
from alref_audio._runtime import LoadedAudioModel
from alref_audio.frame_scores import Floats

if TYPE_CHECKING:
    from alref_audio import PeAFrameOptions


class PeAFrameModel:
    """A loaded model that scores phrases every few milliseconds."""

    def __init__(self, folder: Path, options: PeAFrameOptions, device: str) -> None:
        self._loaded = LoadedAudioModel(folder, options, device, PeAudioFrameLevelModel, PeAudioFeatureExtractor, AutoTokenizer)
        self.rate = self._loaded.rate
        self._hop = int(self._loaded.feature_extractor.hop_length)
        self.step = self._hop / self.rate
        self._max_tokens = self._loaded.model.config.text_config.max_position_embeddings
        self._embeddings = EmbeddingCache(self._compute_embeddings)

    def score_phrases(self, samples: Samples, texts: Sequence[str]) -> Floats:
        """Return the independent probability of each text, float32 (F, texts), every ``step`` seconds of audio."""
        padded = np.pad(samples, (0, -len(samples) % self._hop))
        inputs = self._loaded.feature_extractor(padded, sampling_rate=self.rate, return_tensors="pt")
        model = self._loaded.model
        with self._loaded.use_inference_mode():
            heard = model.get_audio_embeds(inputs["input_values"].to(self._loaded.device))[0].float().cpu()
        scale, bias = float(model.text_audio_logit_scale), float(model.text_audio_logit_bias)
        logits = heard @ torch.from_numpy(self._embeddings(texts)).T * scale + bias
        return np.asarray(logits.sigmoid().numpy())

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Return features float32 (N, D) of length 1 of texts."""
        features = self._embeddings(texts)
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))

    def _compute_embeddings(self, texts: Sequence[str]) -> Floats:
        assert self._loaded.tokenizer is not None
        tokens = self._loaded.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        ).to(self._loaded.device)
        model = self._loaded.model
        with self._loaded.use_inference_mode():
            read = model.text_model(tokens["input_ids"], attention_mask=tokens["attention_mask"], output_hidden_states=True)
            features = model.text_audio_head(read.hidden_states[-1][:, 0])
        return np.asarray(features.float().cpu().numpy())
