"""The pivot frames of all phrases of a video: which dialogue each needs, and what their outcomes make together."""

from __future__ import annotations

from alref.audio.intervals import merge_spans
from alref.llm import frame_sampling
from alref.llm.conversations import ConversationRunner, Dialogue
from alref.llm.dialogues import DialogueBuilder
from alref.records import Phrase, PivotFrame


def pick_pivot_frames(builder: DialogueBuilder, runner: ConversationRunner, phrases: list[Phrase]) -> list[PivotFrame]:
    """Return the pivots of all phrases, asked about at once: texts one by one, the labels of one sound together."""
    sounds: dict[str, list[Phrase]] = {}
    for phrase in (each for each in phrases if each.sound):
        sounds.setdefault(phrase.reference, []).append(phrase)
    dialogues: list[Dialogue[list[PivotFrame]]] = [_make_sound_dialogue(builder, labels) for labels in sounds.values()]
    owners: list[Phrase | str] = list(sounds)
    for phrase in phrases:
        if not phrase.sound:
            parts = _sample_shown_frames(builder, phrase)
            dialogues += [_wrap_in_list(builder.ask_for_frame(phrase, shown)) for shown in parts]
            owners += [phrase] * len(parts)
    together: dict[Phrase | str, list[PivotFrame]] = {}
    for owner, pivots in zip(owners, runner.run(dialogues), strict=True):
        together.setdefault(owner, []).extend(pivots)
    return [pivot for pivots in together.values() for pivot in _select_best(pivots)]


def _sample_shown_frames(builder: DialogueBuilder, phrase: Phrase) -> list[list[int]]:
    if builder.options.sampler == "paper":
        return frame_sampling.split_into_chunks(len(builder.question_builder.video))
    return [frame_sampling.sample_within_spans(builder.question_builder.video, phrase.heard, builder.options.frames)]


def _make_sound_dialogue(builder: DialogueBuilder, labels: list[Phrase]) -> Dialogue[list[PivotFrame]]:
    if builder.options.sampler == "paper":
        return builder.ask_for_sound_sources(
            labels, frame_sampling.sample_uniform(0, len(builder.question_builder.video), 2 * frame_sampling.CHUNK_LENGTH)
        )
    heard = merge_spans(label.heard for label in labels)
    return builder.ask_for_sound_sources(
        labels, frame_sampling.sample_within_spans(builder.question_builder.video, heard, builder.options.frames)
    )


def _wrap_in_list(dialogue: Dialogue[PivotFrame]) -> Dialogue[list[PivotFrame]]:
    return [(yield from dialogue)]


def _select_best(pivots: list[PivotFrame]) -> list[PivotFrame]:
    """Leave out what a part of the video did not show when another part did; keep one of several that failed alike."""
    answered = [pivot for pivot in pivots if pivot.frame is not None and pivot.source != "fallback"]
    unsure = [pivot for pivot in pivots if pivot.source == "fallback" or pivot.finding == "ambiguous"]
    return answered or unsure[:1] or pivots[:1]
