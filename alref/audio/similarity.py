"""When phrases sound, by a model that gives sounds and texts features which can be compared.

The published way is that of AL-Ref-SAM 2 (arXiv 2408.15876): parts of the sound track that sound alike, and for each the subset
of the phrases whose names fit it best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations, pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alref.audio.options import MatchOptions
from alref.audio.segmentation import cut, read_segments
from alref.audio.windows import Samples, grouped
from alref.errors import ConfigError, InputError, nearest
from alref.media.video import Video
from alref.records import Audio, Phrase, Span

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]
AS_SOUND = {"dog": "dog barking", "cat": "cat meow", "gun": "gun shot"}
"""Names that AL-Ref-SAM 2 asks for by the sound that they make."""
MOST = 10
"""Most phrases of which all subsets are asked for: 1023 texts."""
BATCH = 8
"""Parts of sound that a model is given at once."""


class Reader(Protocol):
    """A model of words."""

    def read(self, texts: Sequence[str]) -> Floats:
        """Return features (M, D) of M >= 1 texts, float32 of length 1."""


class Ears(Reader, Protocol):
    """A model of sound and words. Its ``width`` features are float32 of length 1: their products are cosine similarities."""

    rate: int
    width: int

    def hear(self, sounds: Sequence[Samples]) -> Floats:
        """Return features (N, D) of N >= 1 sounds, float32 at ``rate`` Hz, each of at least one sample."""


class Kept:
    """Features of texts, computed once for each text and kept."""

    def __init__(self, encode: Callable[[Sequence[str]], Floats], size: int = 64) -> None:
        self._encode, self._size = encode, size
        self._known: dict[str, Floats] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Return features (M, D) of M >= 1 texts; at most ``size`` are computed at once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for group in grouped(new, self._size):
            self._known.update(zip(group, self._encode(group), strict=True))
        return np.stack([self._known[text] for text in texts])


def located(ears: Ears, video: Video, phrases: Sequence[Phrase], options: MatchOptions) -> list[Phrase]:
    """Return the phrases with ``heard`` filled in. Raises InputError for a clip that the file of segments does not name."""
    from alref.audio.loudness import FLOOR

    if not phrases:
        return []
    if options.mode == "subsets" and len(phrases) == 1:
        return [phrases[0].model_copy(update={"heard": None})]
    names = [sound_of(phrase) for phrase in phrases]
    parts = _segments(ears, video, options)
    features, levels = _listen(ears, video, parts)
    if options.mode == "subsets":
        parts = (*parts[:-1], (parts[-1][0], max(parts[-1][1], _end(video))))
        on = _subsets(ears, names, features, options.separator)
    else:
        on = _each(ears, names, features, options.nothing) & (levels > FLOOR)[:, None]
    return [phrase.model_copy(update={"heard": _joined(parts, flags)}) for phrase, flags in zip(phrases, on.T, strict=True)]


def named(reader: Reader, names: Sequence[str], vocabulary: Sequence[str]) -> list[str | None]:
    """Return for each name the word of the vocabulary that is equal, or else nearest in meaning; None without words."""
    if not names or not vocabulary:
        return [None] * len(names)
    same = {word.lower(): word for word in vocabulary}
    near = (reader.read(list(names)) @ reader.read(list(vocabulary)).T).argmax(axis=1)
    return [same.get(name.lower(), vocabulary[place]) for name, place in zip(names, near.tolist(), strict=True)]


def sound_of(phrase: Phrase) -> str:
    """Return the words for what is to be heard: a sound's name, or the object's where somebody asked for it in words."""
    return phrase.text if phrase.sound else phrase.category or phrase.text


def parts_of(sound: Iterable[Audio], spans: Sequence[Span]) -> Iterator[Samples]:
    """Yield the samples of each span, in seconds on the clock of the sound; none where there is no sound.

    The spans follow each other; of ``sound``, blocks that do so too, no more is held than the longest span.
    """
    blocks = iter(sound)
    block = next(blocks, None)
    zero, rate = (block.start, block.rate) if block else (0.0, 1)
    kept, first = (block.samples if block else np.zeros(0, np.float32)), 0
    for start, end in spans:
        begin, stop = (max(0, round((second - zero) * rate)) for second in (start, end))
        useless = min(max(0, begin - first), len(kept))
        kept, first = kept[useless:], first + useless
        while first + len(kept) < stop and (block := next(blocks, None)):
            kept = np.concatenate([kept, block.samples])
        yield kept[max(0, begin - first) : max(0, stop - first)]


def _segments(ears: Ears, video: Video, options: MatchOptions) -> tuple[Span, ...]:
    """Cut the sound track up; all parts begin at multiples of the length of a window."""
    if options.segments_file is not None:
        return _read(options.segments_file, video)
    first = np.floor(float(video.times[0]) / options.seconds + 1e-6) * options.seconds
    edges = [*np.arange(first, _end(video) - 1e-6, options.seconds).tolist(), _end(video)]
    parts = tuple(pairwise(edges))
    return parts if options.segments == "windows" else cut(_listen(ears, video, parts)[0], edges)


def _read(path: Path, video: Video) -> tuple[Span, ...]:
    """Read the segments of a clip, known by its name. Raises InputError."""
    clips = read_segments(path)
    clip = Path(video.name).stem if video.name not in clips else video.name
    if not clips.get(clip):
        raise InputError(f"{path}: no segments of the clip {clip!r}{nearest(clip, clips)}; it names {len(clips)} clips")
    return clips[clip]


def _end(video: Video) -> float:
    """Return the second at which the last frame ends."""
    return float(video.times[-1]) + 1 / video.fps


def _listen(ears: Ears, video: Video, parts: Sequence[Span]) -> tuple[Floats, Floats]:
    """Return the features (S, D) of each part, zeros where there is no sound, and its loudness in decibels (S,)."""
    from alref.audio.loudness import loudness

    features = np.zeros((len(parts), ears.width), np.float32)
    levels = np.full(len(parts), -np.inf)
    sounds = parts_of(video.sound(ears.rate), parts)
    for group in grouped(((place, samples) for place, samples in enumerate(sounds) if len(samples)), BATCH):
        places = [place for place, _ in group]
        features[places] = ears.hear([samples for _, samples in group])
        levels[places] = [loudness(Audio(samples=samples, rate=ears.rate)).max() for _, samples in group]
    return features, levels


def _each(ears: Ears, names: Sequence[str], features: Floats, nothing: Sequence[str]) -> Flags:
    """Say of each part and phrase whether it is more like the phrase than like anything that stands for nothing: (S, P)."""
    phrases, others = ears.read(_as_sounds(names)), ears.read(list(nothing))
    return np.asarray(features @ phrases.T > (features @ others.T).max(axis=1, keepdims=True))


def _subsets(ears: Ears, names: Sequence[str], features: Floats, separator: str) -> Flags:
    """Say which phrases are in the subset that fits each part best (S, P); without sound, in that of the part before."""
    if len(names) > MOST:
        raise ConfigError(f"mode subsets takes {MOST} phrases at most, got {len(names)}: -o locator.mode=each")
    count = len(names)
    groups = list(chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1)))
    sounds = _as_sounds(names)
    texts = ears.read([separator.join(sounds[place] for place in group) for group in groups])
    best = (features @ texts.T).argmax(axis=1)
    known = np.maximum.accumulate(np.where(features.any(axis=1), np.arange(len(features)), 0))
    within = np.array([[place in group for place in range(count)] for group in groups])
    return np.asarray(within[best[known]])


def _as_sounds(names: Sequence[str]) -> list[str]:
    return [AS_SOUND.get(name.lower(), name) for name in names]


def _joined(parts: Sequence[Span], flags: Flags) -> tuple[Span, ...]:
    """Return the parts that are flagged, those that follow each other in one."""
    found: list[Span] = []
    for (start, end), on in zip(parts, flags.tolist(), strict=True):
        if on and found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif on:
            found.append((start, end))
    return tuple(found)
