"""Spoken references and references to a sound on their way through the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from alref.errors import MissingError, Problem
from alref.media.video import Video
from alref.records import Phrase, Recording, Reference, Transcript
from alref.result import Result
from alref.testing import make_buzzing_video, make_moving_square
from support.scripted import DOG, HEARD, VIDEO, Script

SPOKEN = Reference(id="1", spoken=Recording(path=Path("question.wav"), fingerprint="0"))


def pipeline_run(script: Script, reference: Reference, video: Video = VIDEO) -> Result:
    with script.pipeline() as pipeline:
        return pipeline.run(video, [reference])


def said(video: Video, reference: Reference) -> list[Transcript]:
    return [Transcript(reference=reference.id, text=text, language="en") for text in (" the dog", "that barks ")]


def test_a_sound_is_tagged_and_located() -> None:
    script = Script()
    result = pipeline_run(script, Reference(id="1", sound=True))
    assert [name for name, _ in script.calls] == ["tag", "pick_frames", "propose", "pick_boxes", "propagate", "locate"]
    assert [phrase.text for phrase in result.phrases] == ["Bark"]
    assert result.verdict().finding == "found"


@pytest.mark.parametrize(
    ("video", "why"),
    [
        (make_buzzing_video(0.4, (0.0, 0.0)), "silent"),
        (make_moving_square(4)[0], "no audio"),
    ],
)
@pytest.mark.parametrize("reference", [Reference(id="1", sound=True), HEARD])
def test_without_sound_a_sound_reference_is_silent_and_nobody_is_asked(video: Video, why: str, reference: Reference) -> None:
    script = Script()
    verdict = pipeline_run(script, reference, video).verdict()
    assert verdict.finding == "silent"
    assert why in verdict.why
    assert script.calls == []


def test_a_tagger_that_names_nothing_makes_it_silent() -> None:
    verdict = pipeline_run(Script(tag=lambda video, reference: []), Reference(id="1", sound=True)).verdict()
    assert verdict.finding == "silent"
    assert "tagger" in verdict.why


def test_text_and_sound_go_to_the_reasoner_together() -> None:
    script = Script()
    pipeline_run(script, HEARD)
    ((phrases,),) = script.asked("pick_frames")
    assert [(phrase.text, phrase.sound, phrase.sounds) for phrase in phrases] == [("the louder dog", False, ("Bark",))]


def test_what_is_heard_at_no_time_is_silent() -> None:
    never = Script(locate=lambda video, reference, phrases: [each.model_copy(update={"heard": ()}) for each in phrases])
    result = pipeline_run(never, HEARD)
    assert result.verdict().finding == "silent"
    assert f"'{HEARD.text}'" in result.verdict().why
    assert not result.masks().any()


def test_a_spoken_reference_is_read_as_its_words() -> None:
    script = Script(transcribe=said)
    result = pipeline_run(script, SPOKEN)
    assert [reference.text for (reference,) in script.asked("unify")] == ["the dog that barks"]
    assert [each.text for each in result.transcripts] == [" the dog", "that barks "]
    assert result.verdict().finding == "found"


@pytest.mark.parametrize("sound", [False, True])
def test_a_spoken_reference_without_words_is_absent(sound: bool) -> None:
    script = Script()
    verdict = pipeline_run(script, SPOKEN.model_copy(update={"sound": sound})).verdict()
    assert verdict.finding == "absent"
    assert "spoken" in verdict.why
    assert [name for name, _ in script.calls] == ["transcribe"]


@pytest.mark.parametrize(
    ("reference", "slots"),
    [
        (DOG, ["unifier", "reasoner", "proposer", "propagator"]),
        (HEARD, ["unifier", "reasoner", "proposer", "propagator"]),
        (SPOKEN, ["unifier", "reasoner", "proposer", "propagator"]),
        (Reference(id="1", sound=True), ["unifier", "reasoner", "proposer", "propagator"]),
    ],
)
def test_only_components_that_a_reference_needs_are_asked_for_problems(reference: Reference, slots: list[str]) -> None:
    with pytest.raises(MissingError) as caught:
        pipeline_run(Script(problems=lambda: [Problem(message="no key")]), reference)
    assert [problem.slot for problem in caught.value.problems] == slots


def test_masks_are_empty_while_a_phrase_is_not_heard() -> None:
    def heard(video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return [phrase.model_copy(update={"heard": ((0.1, 0.2), (0.3, 9.0))}) for phrase in phrases]

    script = Script(locate=heard)
    result = pipeline_run(script, HEARD)
    assert script.asked("locate")[0][0] == HEARD
    assert result.masks().any(axis=(1, 2)).tolist() == [False, True, False, True]
    assert result.tracks[0].phrase.heard == ((0.1, 0.2), (0.3, 9.0))
