"""Load a complete LanguageBind model, and compute features of audio and texts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPTokenizer

from alref.audio.similarity import EmbeddingCache, Floats
from alref.audio.windows import Samples
from alref.models import devices
from alref.models.transformers_loading import translate_model_errors
from alref_languagebind._towers import load_towers
from alref_languagebind.spectrogram import SAMPLE_RATE, make_spectrogram_images


class LanguageBindEncoder:
    """Both towers on a device. Raises ConfigError or MissingError if they cannot be loaded."""

    rate = SAMPLE_RATE

    def __init__(self, folder: Path, dtype: str, device: str) -> None:
        resolved = devices.resolve_device(device)
        with translate_model_errors(folder, resolved, smaller="free some of it", expected_kind="LanguageBind's audio model"):
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            self._tokenizer = CLIPTokenizer.from_pretrained(folder)
            self._model = load_towers(folder, config).to(resolved).eval().requires_grad_(False)
            audio_config = config["vision_config"]
            self._make_images = partial(
                make_spectrogram_images,
                bins=int(audio_config["num_mel_bins"]),
                frames=int(audio_config["target_length"]),
                mean=float(audio_config["audio_mean"]),
                deviation=float(audio_config["audio_std"]),
            )
        self._dtype = devices.resolve_dtype(dtype, resolved)
        self.embedding_size = int(self._model.projection_dim)
        self.embed_texts = EmbeddingCache(self._encode_texts)

    def embed_audio(self, waveforms: Sequence[Samples]) -> Floats:
        """Return features float32 (N, D) of length 1 of N waveforms."""
        shown = np.stack([self._make_images(samples) for samples in waveforms])
        with self._use_inference_mode():
            seen = self._model.vision_model(pixel_values=torch.from_numpy(shown).to(self._model.device)).pooler_output
            return _normalize_features(self._model.visual_projection(seen))

    def _encode_texts(self, texts: Sequence[str]) -> Floats:
        """Return features float32 (N, D) of length 1 of N texts."""
        longest = self._model.config.text_config.max_position_embeddings
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        with self._use_inference_mode():
            read = self._model.text_model(**tokens.to(self._model.device)).pooler_output
            return _normalize_features(self._model.text_projection(read))

    @contextmanager
    def _use_inference_mode(self) -> Iterator[None]:
        """Compute without gradients, in the chosen dtype. Raises MissingError if memory is too small."""
        device = self._model.device
        full = f"LanguageBind does not fit into the memory of {device}: --device cpu"
        with devices.translate_memory_errors(full), torch.inference_mode(), devices.autocast(device.type, self._dtype):
            yield


def _normalize_features(features: torch.Tensor) -> Floats:
    return np.asarray(torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy())
