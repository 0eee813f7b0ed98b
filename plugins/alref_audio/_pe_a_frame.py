"""PE-A-Frame at work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import AutoTokenizer, PeAudioFeatureExtractor, PeAudioFrameLevelModel

from alref.audio.similarity import Kept
from alref.audio.windows import Samples
from alref_audio._runtime import Loaded
from alref_audio.frame_scores import Floats

if TYPE_CHECKING:
    from alref_audio import PeAFrameOptions


class FrameModel:
    """A loaded model that scores phrases every few milliseconds."""

    def __init__(self, folder: Path, options: PeAFrameOptions, device: str) -> None:
        self._loaded = Loaded(folder, options, device, PeAudioFrameLevelModel, PeAudioFeatureExtractor, AutoTokenizer)
        self.rate = self._loaded.rate
        self._hop = int(self._loaded.ear.hop_length)
        self.step = self._hop / self.rate
        self._longest = self._loaded.model.config.text_config.max_position_embeddings
        self._texts = Kept(self._encode)

    def scores(self, samples: Samples, texts: Sequence[str]) -> Floats:
        """Return the probability of each text, each for itself, float32 (F, texts), every ``step`` seconds of a sound."""
        whole = np.pad(samples, (0, -len(samples) % self._hop))
        made = self._loaded.ear(whole, sampling_rate=self.rate, return_tensors="pt")
        model = self._loaded.model
        with self._loaded.computing():
            heard = model.get_audio_embeds(made["input_values"].to(self._loaded.place))[0].float().cpu()
        scale, bias = float(model.text_audio_logit_scale), float(model.text_audio_logit_bias)
        logits = heard @ torch.from_numpy(self._texts(texts)).T * scale + bias
        return np.asarray(logits.sigmoid().numpy())

    def read(self, texts: Sequence[str]) -> Floats:
        """Return features float32 (N, D) of length 1 of texts."""
        features = self._texts(texts)
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))

    def _encode(self, texts: Sequence[str]) -> Floats:
        assert self._loaded.words is not None
        tokens = self._loaded.words(
            list(texts), padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
        ).to(self._loaded.place)
        model = self._loaded.model
        with self._loaded.computing():
            read = model.text_model(tokens["input_ids"], attention_mask=tokens["attention_mask"], output_hidden_states=True)
            features = model.text_audio_head(read.hidden_states[-1][:, 0])
        return np.asarray(features.float().cpu().numpy())
