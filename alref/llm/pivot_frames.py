"""The pivot frames of all phrases of a video: which dialogue each needs, and what their outcomes make together."""

from __future__ import annotations

from alref.audio.intervals import union
from alref.llm import frame_sampling
from alref.llm.conversations import Desk, Dialogue
from alref.llm.dialogues import Asker
from alref.records import Phrase, PivotFrame


def frames(asker: Asker, desk: Desk, phrases: list[Phrase]) -> list[PivotFrame]:
    """Return the pivots of all phrases, asked about at once: texts one by one, the labels of one sound together."""
    sounds: dict[str, list[Phrase]] = {}
    for phrase in (each for each in phrases if each.sound):
        sounds.setdefault(phrase.reference, []).append(phrase)
    dialogues: list[Dialogue[list[PivotFrame]]] = [_sounding(asker, labels) for labels in sounds.values()]
    owners: list[Phrase | str] = list(sounds)
    for phrase in phrases:
        if not phrase.sound:
            parts = _shown(asker, phrase)
            dialogues += [_listed(asker.frames(phrase, shown)) for shown in parts]
            owners += [phrase] * len(parts)
    together: dict[Phrase | str, list[PivotFrame]] = {}
    for owner, pivots in zip(owners, desk.hold(dialogues), strict=True):
        together.setdefault(owner, []).extend(pivots)
    return [pivot for pivots in together.values() for pivot in _best(pivots)]


def _shown(asker: Asker, phrase: Phrase) -> list[list[int]]:
    if asker.options.sampler == "paper":
        return frame_sampling.chunks(len(asker.poser.video))
    return [frame_sampling.within(asker.poser.video, phrase.heard, asker.options.frames)]


def _sounding(asker: Asker, labels: list[Phrase]) -> Dialogue[list[PivotFrame]]:
    if asker.options.sampler == "paper":
        return asker.sounds(labels, frame_sampling.uniform(0, len(asker.poser.video), 2 * frame_sampling.CHUNK))
    heard = union(label.heard for label in labels)
    return asker.sounds(labels, frame_sampling.within(asker.poser.video, heard, asker.options.frames))


def _listed(dialogue: Dialogue[PivotFrame]) -> Dialogue[list[PivotFrame]]:
    return [(yield from dialogue)]


def _best(pivots: list[PivotFrame]) -> list[PivotFrame]:
    """Leave out what a part of the video did not show when another part did; keep one of several that failed alike."""
    answered = [pivot for pivot in pivots if pivot.frame is not None and pivot.source != "fallback"]
    unsure = [pivot for pivot in pivots if pivot.source == "fallback" or pivot.finding == "ambiguous"]
    return answered or unsure[:1] or pivots[:1]
