"""Locate phrases in time with a model that embeds audio and text in one space.

The published method is that of AL-Ref-SAM 2 (arXiv 2408.15876): split the audio track into parts that sound alike, and find
for each part the subset of the phrases whose names match it best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations, pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alref.audio.options import SimilarityOptions
from alref.audio.segmentation import read_segments, segment_by_similarity
from alref.audio.windows import Samples, split_into_batches
from alref.errors import ConfigError, InputError, suggest_names
from alref.media.video import Video
from alref.records import Audio, Phrase, TimeSpan

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]
SOUND_NAMES = {"dog": "dog barking", "cat": "cat meow", "gun": "gun shot"}
"""Objects for which AL-Ref-SAM 2 uses the name of their sound as the text."""
MAX_SUBSET_PHRASES = 10
"""Maximum number of phrases for which all subsets are compared: 1023 texts."""
BATCH_SIZE = 8
"""Number of audio parts in one batch of the model."""


class TextEncoder(Protocol):
    """A text encoder."""

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """Return features (M, D) of M >= 1 texts, float32 with unit norm."""


class AudioTextEncoder(TextEncoder, Protocol):
    """An encoder of audio and text. Features are float32 with unit norm, so that dot products are cosine similarities."""

    rate: int
    embedding_size: int

    def embed_audio(self, waveforms: Sequence[Samples]) -> Floats:
        """Return features (N, D) of N >= 1 waveforms, float32 at ``rate`` Hz, each of at least one sample."""


class EmbeddingCache:
    """Cache of text features: each text is encoded once."""

    def __init__(self, encode: Callable[[Sequence[str]], Floats], size: int = 64) -> None:
        self._encode, self._size = encode, size
        self._cached: dict[str, Floats] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Return features (M, D) of M >= 1 texts; at most ``size`` are encoded at once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._cached]
        for group in split_into_batches(new, self._size):
            self._cached.update(zip(group, self._encode(group), strict=True))
        return np.stack([self._cached[text] for text in texts])


def locate_phrases(
    encoder: AudioTextEncoder, video: Video, phrases: Sequence[Phrase], options: SimilarityOptions
) -> list[Phrase]:
    """Return the phrases with ``heard`` filled in. Raises InputError when the file of segments does not list the clip."""
    from alref.audio.loudness import SILENCE_THRESHOLD

    if not phrases:
        return []
    if options.mode == "subsets" and len(phrases) == 1:
        return [phrases[0].model_copy(update={"heard": None})]
    names = [get_sound_name(phrase) for phrase in phrases]
    parts = _segment_audio(encoder, video, options)
    features, levels = _embed_parts(encoder, video, parts)
    if options.mode == "subsets":
        parts = (*parts[:-1], (parts[-1][0], max(parts[-1][1], _get_end_time(video))))
        on = _match_subsets(encoder, names, features, options.separator)
    else:
        on = _match_phrases(encoder, names, features, options.negatives) & (levels > SILENCE_THRESHOLD)[:, None]
    return [phrase.model_copy(update={"heard": _join_parts(parts, flags)}) for phrase, flags in zip(phrases, on.T, strict=True)]


def match_to_vocabulary(encoder: TextEncoder, names: Sequence[str], vocabulary: Sequence[str]) -> list[str | None]:
    """Return for each name the equal word of the vocabulary, or else the nearest in meaning; None without a vocabulary."""
    if not names or not vocabulary:
        return [None] * len(names)
    same = {word.lower(): word for word in vocabulary}
    near = (encoder.embed_texts(list(names)) @ encoder.embed_texts(list(vocabulary)).T).argmax(axis=1)
    return [same.get(name.lower(), vocabulary[index]) for name, index in zip(names, near.tolist(), strict=True)]


def get_sound_name(phrase: Phrase) -> str:
    """Return the text to compare with audio: the name of a sound, or the object's name if the phrase comes from a text."""
    return phrase.text if phrase.sound else phrase.category or phrase.text


def cut_spans(audio: Iterable[Audio], spans: Sequence[TimeSpan]) -> Iterator[Samples]:
    """Yield the samples of each span, given in seconds on the clock of the audio; empty arrays where there is no audio.

    Spans and the blocks of ``audio`` are consecutive. At most the samples of the longest span are held in memory.
    """
    blocks = iter(audio)
    block = next(blocks, None)
    zero, rate = (block.start, block.rate) if block else (0.0, 1)
    buffer, first = (block.samples if block else np.zeros(0, np.float32)), 0
    for start, end in spans:
        begin, stop = (max(0, round((second - zero) * rate)) for second in (start, end))
        useless = min(max(0, begin - first), len(buffer))
        buffer, first = buffer[useless:], first + useless
        while first + len(buffer) < stop and (block := next(blocks, None)):
            buffer = np.concatenate([buffer, block.samples])
        yield buffer[max(0, begin - first) : max(0, stop - first)]


def _segment_audio(encoder: AudioTextEncoder, video: Video, options: SimilarityOptions) -> tuple[TimeSpan, ...]:
    """Split the audio track; all parts begin at multiples of the window length."""
    if options.segments_file is not None:
        return _read_clip_segments(options.segments_file, video)
    first = np.floor(float(video.times[0]) / options.seconds + 1e-6) * options.seconds
    edges = [*np.arange(first, _get_end_time(video) - 1e-6, options.seconds).tolist(), _get_end_time(video)]
    parts = tuple(pairwise(edges))
    return parts if options.segments == "windows" else segment_by_similarity(_embed_parts(encoder, video, parts)[0], edges)


def _read_clip_segments(path: Path, video: Video) -> tuple[TimeSpan, ...]:
    """Read the segments of a clip by its name. Raises InputError."""
    clips = read_segments(path)
    clip = Path(video.name).stem if video.name not in clips else video.name
    if not clips.get(clip):
        raise InputError(f"{path}: no segments of the clip {clip!r}{suggest_names(clip, clips)}; it names {len(clips)} clips")
    return clips[clip]


def _get_end_time(video: Video) -> float:
    """Return the end of the last frame in seconds."""
    return float(video.times[-1]) + 1 / video.fps


def _embed_parts(encoder: AudioTextEncoder, video: Video, parts: Sequence[TimeSpan]) -> tuple[Floats, Floats]:
    """Return the features (S, D) of each part, zeros where there is no audio, and its loudness in decibels (S,)."""
    from alref.audio.loudness import compute_loudness

    features = np.zeros((len(parts), encoder.embedding_size), np.float32)
    levels = np.full(len(parts), -np.inf)
    sounds = cut_spans(video.read_audio_blocks(encoder.rate), parts)
    for group in split_into_batches(((index, samples) for index, samples in enumerate(sounds) if len(samples)), BATCH_SIZE):
        indices = [index for index, _ in group]
        features[indices] = encoder.embed_audio([samples for _, samples in group])
        levels[indices] = [compute_loudness(Audio(samples=samples, rate=encoder.rate)).max() for _, samples in group]
    return features, levels


def _match_phrases(encoder: AudioTextEncoder, names: Sequence[str], features: Floats, negatives: Sequence[str]) -> Flags:
    """Return for each part and phrase whether the part is more similar to the phrase than to any negative: bool (S, P)."""
    phrases, others = encoder.embed_texts(_to_sound_names(names)), encoder.embed_texts(list(negatives))
    return np.asarray(features @ phrases.T > (features @ others.T).max(axis=1, keepdims=True))


def _match_subsets(encoder: AudioTextEncoder, names: Sequence[str], features: Floats, separator: str) -> Flags:
    """Return which phrases are in the best subset of each part, bool (S, P); a part without audio uses the part before it."""
    if len(names) > MAX_SUBSET_PHRASES:
        raise ConfigError(
            f"mode subsets takes {MAX_SUBSET_PHRASES} phrases at most, got {len(names)}: -o locator.mode=independent"
        )
    count = len(names)
    groups = list(chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1)))
    sounds = _to_sound_names(names)
    texts = encoder.embed_texts([separator.join(sounds[index] for index in group) for group in groups])
    best = (features @ texts.T).argmax(axis=1)
    known = np.maximum.accumulate(np.where(features.any(axis=1), np.arange(len(features)), 0))
    within = np.array([[index in group for index in range(count)] for group in groups])
    return np.asarray(within[best[known]])


def _to_sound_names(names: Sequence[str]) -> list[str]:
    return [SOUND_NAMES.get(name.lower(), name) for name in names]


def _join_parts(parts: Sequence[TimeSpan], flags: Flags) -> tuple[TimeSpan, ...]:
    """Return the flagged parts, with consecutive parts joined."""
    found: list[TimeSpan] = []
    for (start, end), on in zip(parts, flags.tolist(), strict=True):
        if on and found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif on:
            found.append((start, end))
    return tuple(found)
