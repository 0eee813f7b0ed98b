"""The contract kit: right components keep every promise, and each wrong one breaks the promise that it is wrong about."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wrong import describing, following, hearing, propagating, proposing, reasoning, right, transcribing, unifying

from alref import testing
from alref.plugins import Plugins
from alref.records import Recording
from alref.references import recording
from alref.testing import (
    LocatorContract,
    PropagatorContract,
    ProposerContract,
    ReasonerContract,
    SpatialReasonerContract,
    StageContract,
    TaggerContract,
    TemporalReasonerContract,
    TranscriberContract,
    UnifierContract,
    sounding,
)
from alref.testing.comparing import difference
from alref.testing.running import Outcome, outcomes

PAGE = Path(__file__).parents[1] / "docs" / "contract-kit.md"
NAMED = [getattr(testing, name) for name in testing.__all__]
KINDS = [each for each in NAMED if isinstance(each, type) and issubclass(each, StageContract)]


class Spoken(TranscriberContract):
    """The contract of a transcriber, with the frames' own sound for a voice."""

    folder: Path

    def recording(self) -> Recording:
        import wave

        path = self.folder / "spoken.wav"
        sound = sounding(0.5, (0.0, 0.5)).audio(16_000)
        assert sound is not None
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((sound.samples.clip(-1, 1) * 32767).astype("int16").tobytes())
        return recording(path)


def checked(contract: type[StageContract], cls: type[Any], options: Any = None, **more: Any) -> list[Outcome]:
    """Check all promises of a contract on a component."""
    given = {"component": lambda self: cls(options or cls.Options()), **more}
    return list(outcomes(type(contract.__name__, (contract,), given), cls, {}))


def broken(found: Iterable[Outcome]) -> dict[str, str]:
    return {each.test: each.reason for each in found if each.state == "broken"}


RIGHT: list[tuple[type[StageContract], type[Any]]] = [
    (UnifierContract, right.Words),
    (ReasonerContract, right.First),
    (ProposerContract, right.Bright),
    (PropagatorContract, right.Filling),
    (TaggerContract, right.Loud),
    (LocatorContract, right.Loud),
    (Spoken, right.Scribe),
]


@pytest.mark.parametrize(("contract", "cls"), RIGHT, ids=lambda each: each.__name__)
def test_a_right_component_keeps_every_promise(contract: type[StageContract], cls: type[Any], tmp_path: Path) -> None:
    found = checked(contract, cls, folder=tmp_path)
    assert broken(found) == {}
    assert {each.test: each.reason.partition(":")[0] for each in found if each.state == "skipped"} == {
        "test_says_what_to_install": "needs = ()",
        "test_works_in_several_threads_at_once": "concurrent = False",
    }


SIZES = "one_frame odd_sizes grey_pictures 4k_frames comes_later"
MASKS = f"{SIZES} every_frame_once objects_apart several_pivots starts_from_a_mask boxes_may_come one_pixel"
BOXES = f"{SIZES} each_pivot_in_order seeing_nothing pivots_may_come phrases_are_looked frames_are_looked"
UNSTEADY = "answers_twice loads_and_closes goes_on_after"
TAGS = "names_distinct sound_of_any_length sound_of_other"
SPANS = "gives_back_each hears_what sounds_may_come very_short"

WRONG: list[tuple[type[StageContract], type[Any], str, str]] = [
    (UnifierContract, describing.TwoWords, "name_people", "got name = 'Two Words'"),
    (UnifierContract, describing.Speechless, "explains_itself", "expected a docstring"),
    (UnifierContract, describing.Undescribed, "explains_itself", "got none for size"),
    (UnifierContract, describing.NoJson, "survive_json", "Unable to serialize"),
    (UnifierContract, describing.Lenient, "refuses_unknown", "no_such_option"),
    (UnifierContract, describing.Unwell, "no_problem", "the moon is not full"),
    (UnifierContract, describing.Curt, "what_to_install", "got ['broken']"),
    (UnifierContract, describing.Careless, "what_to_install", "got []"),
    (UnifierContract, describing.OneSentence, "what_to_install", "expected a list of sentences from problems()"),
    (UnifierContract, describing.ReadsNames, "lists_the_files", "got ['words.txt']"),
    (UnifierContract, describing.Locked, "pickled", "cannot pickle '_thread.lock' object"),
    (UnifierContract, describing.Forgetful, "pickled", "expected device 'auto' after pickling, got 'another'"),
    (UnifierContract, describing.local(), "pickled", "local"),
    (UnifierContract, unifying.LoadedOnce, "loads_and_closes", "loaded already"),
    (UnifierContract, unifying.ClosedOnce, "loads_and_closes", "model"),
    (UnifierContract, unifying.Counting, UNSTEADY, "got 'thing 2' for 'thing 1' in the answer[0].category"),
    (UnifierContract, unifying.Guessing, UNSTEADY, "in the answer[0].score"),
    (UnifierContract, unifying.OneThread, "several_threads", "asked in another thread"),
    (UnifierContract, unifying.Misplaced, f"{SIZES} finds_phrases", "got one of another"),
    (UnifierContract, unifying.Wordless, "finds_phrases", "expected at least one phrase"),
    (UnifierContract, unifying.Stuttering, "distinct_phrases", "the red square more than once"),
    (UnifierContract, unifying.Tupled, f"{SIZES} finds_phrases", "expected a list of Phrase, got tuple"),
    (TemporalReasonerContract, reasoning.Beyond, f"{SIZES} answers_for_each", "expected a frame from 0 to"),
    (TemporalReasonerContract, reasoning.Ignoring, "answers_for_each", "got those of ['1']"),
    (TemporalReasonerContract, reasoning.Silent, "answers_for_each", "expected words in why"),
    (TemporalReasonerContract, reasoning.InTurn, "phrases_may_come", "got 1 for 0"),
    (TemporalReasonerContract, reasoning.NeedsPhrases, "nothing_for_no_phrase", "index out of range"),
    (TemporalReasonerContract, reasoning.Hoarding, "memory_stays", "MB more"),
    (SpatialReasonerContract, reasoning.Skipping, "one_candidate candidates_may_come", "got [0]"),
    (SpatialReasonerContract, reasoning.Outside, f"{SIZES} one_candidate candidates_may one_pixel", "expected a box inside"),
    (SpatialReasonerContract, reasoning.Mute, "one_candidate", "expected words in why"),
    (SpatialReasonerContract, reasoning.Alternating, "candidates_may_come", "in the answer[0].xyxy"),
    (SpatialReasonerContract, reasoning.NeedsCandidates, "nothing_for_no_candidates", "index out of range"),
    (SpatialReasonerContract, reasoning.Coarse, "one_pixel", "nothing to look at"),
    (ProposerContract, proposing.Sorting, f"{BOXES} -seeing_nothing", "in their order"),
    (ProposerContract, proposing.Doubled, f"{BOXES} -seeing_nothing", "expected boxes inside"),
    (ProposerContract, proposing.SmallMasks, f"{BOXES} -seeing_nothing", "expected masks of"),
    (ProposerContract, proposing.NeedsPivots, "nothing_for_no_pivot", "index out of range"),
    (ProposerContract, proposing.NeedsSights, "seeing_nothing", "index 0 is out of bounds"),
    (ProposerContract, proposing.Passing, "seeing_nothing", "one Candidates for each of 2 pivots, in their order, got 0"),
    (ProposerContract, proposing.Ranking, "pivots_may_come frames_are_looked", "in the answer[0].scores"),
    (ProposerContract, proposing.Sharing, "phrases_are_looked frames_are_looked", "got [0.5] for [1.0]"),
    (ProposerContract, proposing.Together, "frames_are_looked", "got [0.5] for [1.0]"),
    (ProposerContract, proposing.Colourful, "grey_pictures seeing_nothing", "no colour at all"),
    (PropagatorContract, propagating.LeavesOut, MASKS, "got none for 1 frames"),
    (
        PropagatorContract,
        propagating.Forwards,
        "every_frame_once comes_later odd_sizes grey_pictures 4k_frames",
        "the first is 0",
    ),
    (PropagatorContract, propagating.Twice, MASKS, "got 0 again"),
    (PropagatorContract, propagating.Numbers, MASKS, "expected masks of dtype bool, got uint8"),
    (PropagatorContract, propagating.Halved, MASKS, "expected masks of"),
    (PropagatorContract, propagating.Percent, MASKS, "expected scores from 0 to 1, got [90.0"),
    (PropagatorContract, propagating.Swapped, "objects_apart", "expected object 0 to be where its mask is"),
    (PropagatorContract, propagating.OnlyFirst, f"{SIZES} objects_apart boxes_may_come", "expected masks of (2,"),
    (PropagatorContract, propagating.Losing, "objects_apart boxes_may_come", "expected object 1 to be where its mask is"),
    (PropagatorContract, propagating.FirstComes, "boxes_may_come", "with boxes in the order [1, 0, 2]"),
    (PropagatorContract, propagating.Separate, "several_pivots boxes_may_come", "expected masks of (1,"),
    (PropagatorContract, propagating.Boxed, "starts_from_a_mask", "got one that agrees by 0.5"),
    (PropagatorContract, propagating.Thick, "one_pixel", "expected a box with an inside"),
    (PropagatorContract, following.KeepsFrames, "memory_stays", "MB more"),
    (PropagatorContract, following.Collects, "memory_stays", "MB more"),
    (PropagatorContract, following.Draws, "leaves_its_inputs", "expected frames as they were, got 8 of 8 changed"),
    (
        PropagatorContract,
        following.MovesBoxes,
        "leaves_its_inputs boxes_may_come",
        "expected propagate to leave its inputs as they are",
    ),
    (PropagatorContract, following.Swallows, "errors_of_reading", "got an answer"),
    (PropagatorContract, following.Rewords, "errors_of_reading", "got ContractError: something went wrong"),
    (PropagatorContract, following.Busy, "goes_on_after errors_of_reading", "another video is not done"),
    (PropagatorContract, following.Wavering, f"{UNSTEADY} boxes_may_come", "in the answer"),
    (PropagatorContract, following.Moving, "one_frame", "division by zero"),
    (PropagatorContract, following.Even, "odd_sizes", "expected masks of (2, 33, 47), got (2, 32, 40)"),
    (PropagatorContract, following.Small, "4k_frames", "no room for such frames"),
    (PropagatorContract, following.AtOnce, "comes_later", "no object on the first frame"),
    (TaggerContract, hearing.Unsorted, "names_distinct", "expected the surest first"),
    (TaggerContract, hearing.Echoing, "names_distinct", "expected each sound once"),
    (TaggerContract, hearing.Overdone, "names_distinct", "expected scores from 0 to 1"),
    (TaggerContract, hearing.Visual, "names_distinct", "expected sound=True"),
    (TaggerContract, hearing.Astray, TAGS, "got one of another"),
    (TaggerContract, hearing.Earless, "names_distinct", "expected at least one sound"),
    (TaggerContract, hearing.Patient, "sound_of_any_length", "the sound is too short"),
    (TaggerContract, hearing.OwnRate, "sound_of_other_rates", "expected 16 kHz"),
    (TaggerContract, hearing.Calm, "errors_of_reading", "got an answer"),
    (LocatorContract, hearing.Deaf, "hears_what", "expected 'dog' to be heard at some time"),
    (LocatorContract, hearing.Backwards, SPANS, "expected spans in order"),
    (LocatorContract, hearing.Ending, SPANS, "expected spans that end after they begin"),
    (LocatorContract, hearing.Renaming, SPANS, "expected the same"),
    (LocatorContract, hearing.OnlyOne, "sounds_may_come", "heard"),
    (LocatorContract, hearing.NeedsNames, "nothing_of_no_phrase", "index out of range"),
    (LocatorContract, hearing.Slow, "very_short", "the sound is too short"),
    (LocatorContract, hearing.Inventive, "in_words_of_a_vocabulary", "got ['dog', 'qwertz']"),
    (Spoken, transcribing.Reversed, "in_order", "expected sentences in order"),
    (Spoken, transcribing.Inaudible, "in_order", "expected words"),
    (Spoken, transcribing.Addressed, "in_order", "got one of another"),
    (Spoken, transcribing.Talkative, "without_words", "index out of range"),
    (Spoken, transcribing.Indifferent, "holds_no_sound", "expected InputError"),
]


@pytest.mark.parametrize(("contract", "cls", "breaks", "says"), WRONG, ids=[each[1].__name__ for each in WRONG])
def test_a_wrong_component_breaks_what_it_is_wrong_about(
    contract: type[StageContract], cls: type[Any], breaks: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "memory" not in breaks:
        monkeypatch.setattr("alref.testing.lasting.STATM", tmp_path / "statm")
    found = broken(checked(contract, cls, folder=tmp_path, long_video=400))
    wanted = [word for word in breaks.split() if f"-{word}" not in breaks.split() and not word.startswith("-")]
    assert [word for word in wanted if not any(word in test for test in found)] == []
    assert {test: reason for test, reason in found.items() if not any(word in test for word in wanted)} == {}
    assert any(says in reason for reason in found.values()), found


def test_a_component_without_a_default_for_an_option_is_named() -> None:
    cls = describing.Demanding
    (reason,) = broken(checked(UnifierContract, cls, cls.Options(size=1))).values()
    assert "got none for size" in reason


def test_a_heavy_import_at_the_top_of_a_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("")
    (tmp_path / "heavy_words.py").write_text(
        "import tensorflow\nfrom wrong.right import Words\n\n\nclass Heavy(Words):\n    '''Loads much.'''\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    import heavy_words

    monkeypatch.delitem(sys.modules, "heavy_words")
    monkeypatch.setitem(sys.modules, "heavy_words", heavy_words)
    found = broken(checked(UnifierContract, heavy_words.Heavy))
    assert list(found) == ["test_imports_nothing_heavy"]
    assert "got tensorflow" in found["test_imports_nothing_heavy"]


FILE = """
import alref
from wrong.right import Words


class Filed(Words):
    '''Comes from a file.'''

    name = "filed"


@alref.hookimpl
def register_unifiers():
    return [Filed]
"""


def test_a_component_given_by_its_file_runs_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    (component,) = [each.cls for each in Plugins([], [tmp_path / "mine.py"]).components]
    found = checked(UnifierContract, component)
    assert broken(found) == {}
    (said,) = [each.reason for each in found if each.test == "test_can_be_pickled_before_it_is_loaded"]
    assert "given by its file, mine.py" in said


def test_what_is_declared_away_names_its_attribute() -> None:
    found = checked(ProposerContract, proposing.Together, frames_together=True)
    assert broken(found) == {}
    assert [each.reason.partition(" ")[0] for each in found if "frames_are_looked" in each.test] == ["frames_together"]


def test_where_memory_is_not_told_nothing_is_said_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.testing.lasting.STATM", tmp_path / "statm")
    (said,) = [each for each in checked(PropagatorContract, following.Collects) if "memory" in each.test]
    assert said.state == "skipped"
    assert "this platform does not tell" in said.reason


PROMISES = {name: getattr(kind, name) for kind in KINDS for name in dir(kind) if name.startswith("test_")}


@pytest.mark.parametrize("kind", [float, np.float32, np.float64])
def test_numbers_that_differ_by_rounding_are_the_same(kind: type[float]) -> None:
    assert difference([kind(0.5082164)], [kind(0.5082165)]) == ""
    assert difference([kind(0.508)], [kind(0.518)]) != ""


@pytest.mark.parametrize("name", sorted(PROMISES))
def test_every_promise_says_what_to_do_and_stands_in_the_page(name: str) -> None:
    promise, empty, *advice = inspect.cleandoc(PROMISES[name].__doc__).splitlines()
    assert promise.endswith(".")
    assert empty == ""
    assert 1 <= len(advice) <= 3
    assert advice[-1].endswith(".")
    assert promise.replace("``", "`") in PAGE.read_text(encoding="utf-8")
