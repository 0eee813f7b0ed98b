"""BEATs' networks at work on windows of sound, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alref.audio import audioset
from alref.audio.fbank import HOP, WINDOW
from alref.audio.windows import grouped
from alref.errors import ConfigError
from alref.models import devices
from alref.records import Span
from alref_beats._checkpoint import network
from alref_beats._network import Beats
from alref_beats.spectrogram import RATE, spectrogram

if TYPE_CHECKING:
    from alref_beats import BeatsOptions

Samples = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float32]


class Listener:
    """One or several networks with the same classes. Raises MissingError or ConfigError when one cannot be used."""

    def __init__(self, paths: list[Path], options: BeatsOptions, device: str) -> None:
        self._options, self._device = options, devices.chosen(device)
        self._dtype = devices.dtype(options.dtype, device)
        networks, labels = _united(paths)
        self._networks = [each.to(self._device) for each in networks]
        self.names = [audioset.names().get(label, label) for label in labels]
        self.silence = labels.index(audioset.SILENCE) if audioset.SILENCE in labels else None
        self.step = networks[0].patch * HOP
        self._least = round((WINDOW + self.step - HOP) * RATE)

    def listen(self, windows: Iterable[tuple[float, Samples]]) -> Iterator[tuple[Span, Logits]]:
        """Yield the seconds of each window and its logits float32 (networks, steps, classes), a step each ``step`` seconds."""
        for batch in grouped(windows, self._options.batch):
            times = [(start, start + len(samples) / RATE) for start, samples in batch]
            yield from zip(times, self._logits([samples for _, samples in batch]), strict=True)

    def _logits(self, heard: list[Samples]) -> Logits:
        """Return the logits float32 (B, networks, steps, classes) of windows of one length, at least that of one patch."""
        long_enough = (np.pad(samples, (0, max(0, self._least - len(samples)))) for samples in heard)
        seen = torch.from_numpy(np.stack([spectrogram(samples) for samples in long_enough])).to(self._device)
        many = f"{len(heard)} windows of sound do not fit into the memory of {self._device}"
        with (
            devices.fitting(f"{many}: lower -o tagger.batch or -o tagger.window"),
            torch.inference_mode(),
            devices.autocast(self._device, self._dtype),
        ):
            made: list[Tensor] = [each(seen).float().cpu() for each in self._networks]
        return torch.stack(made, dim=1).numpy()


def _united(paths: list[Path]) -> tuple[list[Beats], list[str]]:
    """Load networks that name the same sounds, and return the machine ids of these."""
    loaded = [network(path) for path in paths]
    labels = loaded[0][1]
    for path, (_, others) in zip(paths, loaded, strict=True):
        if others != labels:
            raise ConfigError(f"{path}: names other sounds than {paths[0]}; -o tagger.checkpoints=[...] of the same sounds")
    return [each for each, _ in loaded], labels
