"""The report of the order ``tracks``: nouns, every track with its presence, the decision of each round, the audit."""

from __future__ import annotations

from pathlib import Path

from alref.cli import run_command
from alref.output.track_summary import summarize_track, summarize_tracks
from alref.records import ExistenceAudit, Reference
from alref.result import Result
from support.report_reader import EVIL, Page, contains_in_order
from support.scripted import CAT, DOG, VIDEO
from support.scripted_tracks import TrackScript, make_chooser, make_object_track


def decide() -> Result:
    """Return a result with two rounds, a rejected track, a track that is seen on two stretches, and an audit."""
    choices = {(1, 1): "accept", (1, 2): "uncertain", (2, 2): "reject"}

    def audit(video: object, asked: list) -> list[ExistenceAudit]:  # type: ignore[type-arg]
        return [ExistenceAudit(phrase=each.phrase, why=f"it is there, {EVIL}") for each in asked]

    def track(video: object, nouns: list[str]) -> list[object]:
        first = make_object_track("dog", 1, frames=[0, 2, 3])
        return [first, make_object_track("dog", 2, frames=[1], score=0.5)] if "dog" in nouns else []

    script = TrackScript(
        track=track,
        pick_tracks=make_chooser(lambda each, track: choices[each.round, track.id]),
        audit_existence=audit,
    )
    return script.track(DOG, CAT)


def test_the_page_shows_nouns_tracks_rounds_and_the_audit(tmp_path: Path) -> None:
    result = decide()
    result.save(tmp_path / "run", VIDEO)
    page = Page((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    assert "“dog”" in page.text
    assert "“cat”" in page.text
    assert contains_in_order(page.text, "dog 1:", "accept", "3 of 4", "0.90", "Round 1: accept")
    assert contains_in_order(page.text, "dog 2:", "reject", "1 of 4", "Round 1: uncertain", "Round 2: reject")
    assert contains_in_order(page.text, "Audit", f"it is there, {EVIL}")
    assert "script" not in {tag for tag, _ in page.elements}
    tracks = [image for image in page.all("img") if image["alt"].startswith("dog ")]
    assert len(tracks) == 2
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in tracks)
    spans = [(float(each["x"]), float(each["width"])) for each in page.all("rect", "seen")]
    assert spans == [(0.0, 250.0), (500.0, 500.0), (250.0, 250.0)]


def test_tracks_are_listed_accepted_first_with_all_their_choices() -> None:
    (searched,) = summarize_tracks(decide(), "1")
    assert [(each.key, [choice.round for choice in each.choices]) for each in searched.tracks] == [
        (("dog", 1), [1]),
        (("dog", 2), [1, 2]),
    ]
    (absent,) = summarize_tracks(decide(), "2")
    assert (absent.tracks, [each.noun for each in absent.concepts]) == ([], ["cat"])


def test_a_result_of_the_other_order_has_no_tracks_to_choose_from() -> None:
    script = TrackScript()
    with script.pipeline() as pipeline:
        result = pipeline.run(VIDEO, [Reference(id="1", text="the dog")])
    assert summarize_tracks(result, "1") == []


def test_the_thumbnail_is_the_frame_where_a_track_is_largest() -> None:
    assert summarize_track(make_object_track("dog", 1, frames=[2, 3])).best_frame == 2


def test_the_result_is_read_back_with_every_decision(tmp_path: Path) -> None:
    from alref import load_result

    result = decide()
    result.save(tmp_path / "run")
    back = load_result(tmp_path / "run")
    for name in ("concepts", "object_tracks", "choices", "audits", "tracks", "verdicts"):
        assert getattr(back, name) == getattr(result, name)


def test_the_command_line_runs_the_order(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from support.clips import encode

    monkeypatch.chdir(tmp_path)
    encode(tmp_path / "clip.mp4", count=6)
    flags = ["--order", "tracks", "--tracker", "detect-and-follow", "-o", "tracker.every=2", "--quiet", "--dry-run"]
    assert run_command(["run", "clip.mp4", "the dog", *flags]) == 0
