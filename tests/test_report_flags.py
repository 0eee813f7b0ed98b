from __future__ import annotations

import pytest

from alref.output.report import MAX_LISTED_FLAGS
from alref.records import Flag
from alref.result import Result
from support.report_reader import Page, report, scene

JUMP = Flag(frame=7, kind="mask jumps", why="has 0% in common with frame 6")
DIPS = tuple(Flag(frame=frame, kind="score dips", why=f"scores 0.{frame}") for frame in (9, 10, 11, 15))


def flagged(*flags: Flag) -> Page:
    """Report a result whose first object has these flags."""
    video, result = scene()
    first, *others = result.tracks
    tracks = (first.model_copy(update={"flags": flags}), *others)
    return Page(report(video, Result.model_validate({**dict(result), "tracks": tracks})))


def test_frames_that_are_flagged_are_listed_with_their_reason() -> None:
    read = flagged(JUMP, *DIPS)
    assert "Frames to review frame 7 at 0.7 s: object 1, mask jumps: has 0% in common with frame 6" in read.text
    assert "frame 15 at 1.5 s: object 1, score dips: scores 0.15" in read.text


def test_neighboring_frames_of_one_kind_are_one_place() -> None:
    read = flagged(JUMP, *DIPS)
    assert "frames 9 to 11, 0.9 s to 1.1 s: object 1, score dips: scores 0.9" in read.text
    assert "scores 0.10" not in read.text
    assert len(read.all("path", "mark")) == 3


def test_marks_stand_on_the_curve_where_the_frames_are() -> None:
    (mark,) = flagged(JUMP).all("path", "mark")
    assert mark["d"] == f"M{1000 * 7 / 19:.1f} 0V100"


def test_flags_of_both_kinds_on_one_frame_are_two_places() -> None:
    dip = Flag(frame=7, kind="score dips", why="scores 0.2")
    assert len(flagged(JUMP, dip).all("path", "mark")) == 2


def test_a_long_list_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.output.report.MAX_LISTED_FLAGS", 2)
    read = flagged(JUMP, *DIPS)
    assert "and 1 more" in read.text
    assert "scores 0.15" not in read.text
    assert len(read.all("path", "mark")) == 3
    assert MAX_LISTED_FLAGS > 2


def test_nothing_is_said_of_tracks_without_flags() -> None:
    read = flagged()
    assert "Frames to review" not in read.text
    assert "dashed" not in read.text
    assert not read.all("path", "mark")


def test_candidates_are_listed_with_their_scores() -> None:
    assert "Scores: 1 0.90, 2 0.80, 3 0.10" in flagged().text
    assert flagged().text.count("Scores:") == 1
