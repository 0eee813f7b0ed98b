"""Seconds to tag a minute of sound on two cores, BEATs beside AST and CLAP, all random: ``python bench/audio.py``."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
import transformers

from alref.audio import audioset
from alref.audio.windows import cut_windows
from alref.records import Audio, Reference
from alref.testing import ArrayVideo
from alref_beats import Beats, BeatsOptions
from alref_beats._network import BeatsConfig
from alref_beats._network import BeatsNetwork as Network

ROUNDS, SECONDS, WINDOW, BATCH = 3, 60, 10.0, 4
BASE = {
    "deep_norm": True,
    "relative_position_embedding": True,
    "gru_rel_pos": True,
    "max_distance": 800,
    "finetuned_model": True,
}
"""What the published checkpoints say beside the defaults."""


def noise(rate: int) -> Audio:
    return Audio(samples=np.random.default_rng(0).normal(0, 0.1, SECONDS * rate).astype(np.float32), rate=rate)


def beats(hop: float) -> tuple[float, Callable[[], object]]:
    """Make BEATs of the published size: millions of weights, and what tags the minute."""
    network = Network(BeatsConfig.model_validate(BASE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "beats.pt"
        labels = dict(enumerate(audioset.load_class_names()))
        torch.save({"cfg": BASE, "model": network.state_dict(), "label_dict": labels}, path)
        tagger = Beats(BeatsOptions(checkpoints=(str(path),), window=WINDOW, hop=hop, batch_size=BATCH), "cpu")
        tagger.load()
    video = ArrayVideo(np.zeros((SECONDS, 8, 8, 3), np.uint8), fps=1.0, audio=noise(16_000))
    return millions(network), lambda: tagger.tag(video, Reference(id="1", sound=True))


def ast() -> tuple[float, Callable[[], object]]:
    """Make AST-base with the 527 classes of AudioSet, and what hears the minute with it."""
    network = transformers.ASTForAudioClassification(transformers.ASTConfig(num_labels=527)).eval()
    return millions(network), lambda: heard(transformers.ASTFeatureExtractor(), network, 16_000)


def clap() -> tuple[float, Callable[[], object]]:
    """Make the sound half of CLAP (HTSAT), and what hears the minute with it."""
    network = transformers.ClapAudioModelWithProjection(transformers.ClapAudioConfig()).eval()
    extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    return millions(network), lambda: heard(extractor, network, 48_000)


def heard(extractor: Callable[..., dict[str, torch.Tensor]], network: torch.nn.Module, rate: int) -> None:
    """Run a model of the transformers library on the windows of the minute, in batches."""
    cut = [samples for _, samples in cut_windows([noise(rate)], WINDOW, WINDOW)]
    for first in range(0, len(cut), BATCH):
        with torch.inference_mode():
            network(**extractor(cut[first : first + BATCH], sampling_rate=rate, return_tensors="pt"))


def millions(network: torch.nn.Module) -> float:
    return sum(weight.numel() for weight in network.parameters()) / 1e6


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that passed and those that the processor was at work."""
    before = perf_counter(), process_time()
    work()
    return perf_counter() - before[0], process_time() - before[1]


def main() -> None:
    torch.set_num_threads(2)
    transformers.logging.set_verbosity_error()
    warnings.filterwarnings("ignore", "At least one mel filter")
    rows = {"BEATs, every 10 s": beats(10.0), "BEATs, every 5 s": beats(5.0), "AST": ast(), "CLAP": clap()}
    turns = [{name: measured(work) for name, (_, work) in rows.items()} for _ in range(ROUNDS)]
    print("of a minute of sound   million weights   seconds   real-time factor   processor seconds   beside AST")
    for name, (size, _) in rows.items():
        passed, busy = (median(turn[name][which] for turn in turns) for which in (0, 1))
        ratio = median(turn[name][1] / turn["AST"][1] for turn in turns)
        print(f"{name:20} {size:17.0f} {passed:9.1f} {passed / SECONDS:18.3f} {busy:19.1f} {ratio:12.2f}")


if __name__ == "__main__":
    main()
