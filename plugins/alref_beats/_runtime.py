"""Run BEATs networks on windows of audio, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alref import ConfigError, TimeSpan
from alref.audio import audioset
from alref.audio.fbank import HOP_SECONDS, WINDOW_SECONDS
from alref.audio.windows import split_into_batches
from alref.models import devices
from alref_beats._checkpoint import load_network
from alref_beats._network import BeatsNetwork
from alref_beats.spectrogram import SAMPLE_RATE, compute_spectrogram

if TYPE_CHECKING:
    from alref_beats import BeatsOptions

Samples = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float32]


class BeatsEnsemble:
    """One or several networks with the same classes. Raises MissingError or ConfigError if one cannot be used."""

    def __init__(self, paths: list[Path], options: BeatsOptions, device: str) -> None:
        self._options, self._device = options, devices.resolve_device(device)
        self._dtype = devices.resolve_dtype(options.dtype, device)
        networks, labels = _load_networks(paths)
        self._networks = [each.to(self._device) for each in networks]
        self.class_names = [audioset.load_class_names().get(label, label) for label in labels]
        self.silence_index = labels.index(audioset.SILENCE_ID) if audioset.SILENCE_ID in labels else None
        self.step = networks[0].patch * HOP_SECONDS
        self._min_samples = round((WINDOW_SECONDS + self.step - HOP_SECONDS) * SAMPLE_RATE)

    def compute_logits(self, windows: Iterable[tuple[float, Samples]]) -> Iterator[tuple[TimeSpan, Logits]]:
        """Yield each window, in seconds, and its logits float32 (networks, steps, classes), one step every ``step`` seconds."""
        for batch in split_into_batches(windows, self._options.batch_size):
            times = [(start, start + len(samples) / SAMPLE_RATE) for start, samples in batch]
            yield from zip(times, self._run_networks([samples for _, samples in batch]), strict=True)

    def _run_networks(self, windows: list[Samples]) -> Logits:
        """Return the logits float32 (B, networks, steps, classes) of windows of equal length, at least one patch."""
        long_enough = (np.pad(samples, (0, max(0, self._min_samples - len(samples)))) for samples in windows)
        seen = torch.from_numpy(np.stack([compute_spectrogram(samples) for samples in long_enough])).to(self._device)
        many = f"{len(windows)} windows of sound do not fit into the memory of {self._device}"
        with (
            devices.translate_memory_errors(f"{many}: lower -o tagger.batch_size or -o tagger.window"),
            torch.inference_mode(),
            devices.autocast(self._device, self._dtype),
        ):
            made: list[Tensor] = [each(seen).float().cpu() for each in self._networks]
        return torch.stack(made, dim=1).numpy()


def _load_networks(paths: list[Path]) -> tuple[list[BeatsNetwork], list[str]]:
    """Load networks with the same classes, and return the machine ids of the classes."""
    loaded = [load_network(path) for path in paths]
    labels = loaded[0][1]
    for path, (_, others) in zip(paths, loaded, strict=True):
        if others != labels:
            raise ConfigError(f"{path}: names other sounds than {paths[0]}; -o tagger.checkpoints=[...] of the same sounds")
    return [each for each, _ in loaded], labels
