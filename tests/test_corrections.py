from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alref
from alref.errors import InputError, MissingError, OutputError
from alref.media.write import read_label_map
from alref.output.revision_files import read_corrections
from alref.pipeline.corrections import Corrections
from alref.records import Prompt, Reference
from alref.result import Result
from alref.testing import ArrayVideo
from alref.utils import atomic
from alref.utils.masks import Mask
from support.corrected_runs import (
    HEIGHT,
    LENGTH,
    WIDTH,
    NearestPropagator,
    make_pipeline,
    make_video,
    open_corrections,
    save_run,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_run(tmp_path / "run")
    return tmp_path / "run"


def read_pngs(folder: Path) -> dict[int, bytes]:
    return {int(path.stem): path.read_bytes() for path in sorted((folder / "masks").glob("*.png"))}


def square(left: int, top: int, size: int = 4) -> Mask:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + size, left : left + size] = True
    return mask


def shown(result: Result, name: str, frame: int) -> Mask:
    (track,) = result.get_tracks(name)
    return track.decode_mask(frame)


def test_only_the_stretch_between_confirmed_frames_of_one_object_changes(folder: Path) -> None:
    before, pictures = alref.load_result(folder), read_pngs(folder)
    with open_corrections(folder) as corrections:
        corrections.confirm("dog", 5)
        corrections.confirm("dog", 12)
        NearestPropagator.visited.clear()
        corrections.correct("dog", Prompt(frame=8, mask=square(24, 2)))
    assert NearestPropagator.visited == [8], "frames 5 to 12, and no others"
    after = alref.load_result(folder)
    for name in ("cup", "mug"):
        assert after.rles(name) == before.rles(name)
    (old,), (new,) = before.get_tracks("dog"), after.get_tracks("dog")
    changed = [frame for frame in range(LENGTH) if old.rles[frame] != new.rles[frame]]
    assert changed == [7, 8, 9, 10], "the nearest known frame of each of them is the corrected one"
    again = read_pngs(folder)
    assert [frame for frame in pictures if again[frame] != pictures[frame]] == changed
    assert (new.corrected, new.confirmed, new.scores[8]) == ((8,), (5, 12), 1.0)
    assert after.verdict("dog").source == "user"
    assert [box.pivot.frame for box in after.boxes if box.source == "user" and box.pivot.phrase == new.phrase] == [0, 8]


def test_a_corrected_frame_stays_as_it_is_until_it_is_corrected_again(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        corrections.correct("dog", Prompt(frame=8, mask=square(24, 2)))
        result = corrections.correct("dog", Prompt(frame=14, mask=square(26, 12)))
        assert (shown(result, "dog", 8) == square(24, 2)).all()
        assert (shown(result, "dog", 9) == square(24, 2)).all()
        assert (shown(result, "dog", 13) == square(26, 12)).all()
        result = corrections.correct("dog", Prompt(frame=8, mask=square(20, 2)))
        assert (shown(result, "dog", 8) == square(20, 2)).all()


def test_points_correct_the_mask_of_the_frame_and_later_ones_count(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        first = Prompt(frame=6, points=[[22, 10]])
        seen = corrections.preview("dog", first)
        result = corrections.correct("dog", first)
        assert (shown(result, "dog", 6) == seen).all()
        assert seen[10, 22]
        assert seen[5, 13], "what the object had is still there"
        result = corrections.correct("dog", Prompt(frame=6, points=[[14, 6]], labels=[False]))
        assert not shown(result, "dog", 6)[6, 14]
        assert shown(result, "dog", 6)[10, 22], "the first point counts too"
        far = corrections.preview("dog", Prompt(frame=6, points=[[29, 21]]))
        assert not far[5, 13], "a point far from the mask means another object"


def test_a_frame_is_looked_at_before_the_user_clicks_on_it(folder: Path) -> None:
    with Corrections(folder, make_video(), make_pipeline()) as corrections:
        NearestPropagator.visited.clear()
        corrections.prepare(4)
        assert NearestPropagator.visited == [1]
        with pytest.raises(InputError):
            corrections.prepare(LENGTH)
    with Corrections(folder, make_video(), make_pipeline("boxes")) as corrections:
        corrections.prepare(4)
        assert NearestPropagator.visited == [1, 1]


def test_points_stay_prompts_of_the_propagation_with_what_they_take_away(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        before = corrections.result.tracks[1].decode_mask(4)
        corrections.correct("dog", Prompt(frame=4, points=[[13, 5]], labels=[False]))
        (clicked,) = (box for box in NearestPropagator.given if box.points is not None)
        assert clicked.mask is not None
        assert np.array_equal(clicked.mask, before), "the mask that the point corrects"
        after = corrections.result.tracks[1].decode_mask(4)
        corrections.correct("dog", Prompt(frame=9, absent=True))
        (clicked,) = (box for box in NearestPropagator.given if box.points is not None)
    assert clicked.points is not None
    assert clicked.mask is not None
    assert (clicked.pivot.frame, clicked.points.tolist()) == (4, [[13, 5]])
    assert np.array_equal(clicked.mask, after), "the mask that the frame keeps"


def test_absent_empties_the_frame_and_those_next_to_it(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        result = corrections.correct("dog", Prompt(frame=10, absent=True))
        assert [bool(rle.area) for rle in result.get_tracks("dog")[0].rles] == [frame <= 5 for frame in range(LENGTH)]
        assert result.boxes[-1].finding == "absent"


def test_each_revision_can_be_restored(folder: Path) -> None:
    pictures = [read_pngs(folder)]
    results = [alref.load_result(folder)]
    with open_corrections(folder) as corrections:
        for step in (
            lambda: corrections.correct("dog", Prompt(frame=8, mask=square(24, 2))),
            lambda: corrections.rename("cup", "the tall cup"),
            lambda: corrections.remove("mug"),
            lambda: corrections.correct("dog", Prompt(frame=3, points=[[22, 10]])),
        ):
            results.append(step())
            pictures.append(read_pngs(folder))
        assert results[2].get_tracks("cup")[0].title == "the tall cup"
        assert results[3].verdict("mug").finding == "absent"
        for revision in (3, 2, 1, 0):
            undone = corrections.undo()
            assert undone.tracks == results[revision].tracks
            assert undone.verdicts == results[revision].verdicts
            assert read_pngs(folder) == pictures[revision]
        with pytest.raises(InputError, match="undo"):
            corrections.undo()
        assert corrections.restore(4).tracks == results[4].tracks
        assert read_pngs(folder) == pictures[4]
        assert corrections.restore(0).tracks == results[0].tracks
    assert alref.load_result(folder).revision == 10


def test_a_new_program_sees_the_same(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        corrections.correct("dog", Prompt(frame=8, mask=square(24, 2)))
        corrections.undo()
        result = corrections.correct("dog", Prompt(frame=8, mask=square(22, 2)))
    with open_corrections(folder) as again:
        assert again.result.tracks == result.tracks
        assert again.pending is None
        assert [line.revision for line in again.active] == [3]
        assert alref.load_result(folder).model_dump_json() == again.result.model_dump_json()


def test_an_object_is_added_beneath_the_others(folder: Path) -> None:
    pictures = read_pngs(folder)
    before = alref.load_result(folder)
    with open_corrections(folder) as corrections:
        result = corrections.add(Reference(id="new", text="the second dog", prompts=(Prompt(box=[0, 0, 31, 6], frame=2),)))
        assert corrections.objects == {"cup": 0, "dog": 1, "mug": 2, "new": 3}
        assert result.tracks[:3] == tuple(track.model_copy(update={"layer": track.get_layer()}) for track in before.tracks)
        assert result.verdict("new").finding == "found"
        labels = read_label_map(folder / "masks" / "00004.png")
        assert {*np.unique(labels[:6])} == {0, 1, 2, 4}
        corrections.undo()
        assert read_pngs(folder) == pictures
        with pytest.raises(InputError, match="dog"):
            corrections.add(Reference(id="dog", text="again"))


def test_cancel_keeps_the_frames_that_are_done(folder: Path) -> None:
    done: list[int] = []
    with open_corrections(folder) as corrections:
        before = corrections.result
        result = corrections.correct(
            "dog",
            Prompt(frame=4, mask=square(24, 2)),
            progress=lambda count, total: done.append(count),
            canceled=lambda: len(done) >= 7,
        )
        changed = [frame for frame in range(LENGTH) if result.tracks[1].rles[frame] != before.tracks[1].rles[frame]]
        assert changed == [3, 4, 5, 6]
        assert [line.action for line in corrections.history] == ["prompt", "cancel"]
        assert corrections.undo().tracks[1].rles == before.tracks[1].rles


def test_corrections_replay_in_another_folder(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save_run(other)
    done: list[int] = []
    with open_corrections(folder) as corrections:
        corrections.confirm("dog", 15)
        corrections.correct("dog", Prompt(frame=8, points=[[22, 10]]))
        corrections.correct(
            "cup", Prompt(frame=4, mask=square(24, 2)), progress=lambda n, _: done.append(n), canceled=lambda: len(done) > 6
        )
        corrections.add(Reference(id="new", prompts=(Prompt(points=[[3, 3]], frame=2),)))
        corrections.rename("new", "fly")
        expected = corrections.undo()
    with open_corrections(other) as copy:
        result = copy.replay(folder)
        assert result.model_dump_json(exclude={"seconds"}) == expected.model_dump_json(exclude={"seconds"})
        assert read_pngs(other) == read_pngs(folder)
        assert copy.replay(folder / "corrections.jsonl").revision == result.revision, "nothing is left to do"
        copy.confirm("cup", 0)
        with pytest.raises(InputError, match="other corrections"):
            copy.replay(folder)


def test_a_prompt_that_the_propagator_does_not_accept_is_a_problem_before_any_work(folder: Path) -> None:
    with open_corrections(folder, "boxes") as corrections:
        for prompt in (Prompt(points=[[3, 3]]), Prompt(absent=True)):
            with pytest.raises(MissingError, match="--propagator nearest") as caught:
                corrections.correct("dog", prompt)
            assert caught.value.problems[0].slot == "propagator"
        corrections.correct("dog", Prompt(box=[1, 1, 5, 5], frame=3))
    assert len(read_corrections(folder)) == 1
    video = ArrayVideo(np.zeros((2, 8, 8, 3), np.uint8))
    with make_pipeline("boxes") as pipeline, pytest.raises(MissingError, match="--propagator nearest"):
        pipeline.run(video, [Reference(prompts=(Prompt(points=[[3, 3]]),))])


@pytest.mark.parametrize(
    ("name", "prompt", "message"),
    [
        ("dgo", Prompt(absent=True), "did you mean 'dog'"),
        ("dog", Prompt(absent=True, frame=LENGTH), f"0 to {LENGTH - 1}"),
        ("dog", Prompt(points=[[WIDTH + 9, 3]]), "points inside"),
        ("dog", Prompt(mask=np.ones((3, 3), np.bool_)), "mask of"),
    ],
    ids=["unknown object", "late frame", "point outside", "small mask"],
)
def test_a_wrong_correction_leaves_nothing(folder: Path, name: str, prompt: Prompt, message: str) -> None:
    with open_corrections(folder) as corrections, pytest.raises(InputError, match=message):
        corrections.correct(name, prompt)
    assert not (folder / "corrections.jsonl").exists()


def test_another_program_waits_for_its_turn(folder: Path) -> None:
    lock = atomic.lock_folder(folder)
    with open_corrections(folder) as corrections, pytest.raises(OutputError):
        corrections.confirm("dog", 3)
    lock.release()


def test_the_views_follow_when_they_are_asked_to(folder: Path) -> None:
    old = (folder / "overlay.mp4").read_bytes()
    with open_corrections(folder) as corrections:
        assert corrections.views_are_current
        corrections.correct("dog", Prompt(frame=8, mask=square(24, 2)))
        assert not corrections.views_are_current
        corrections.write_views()
        assert corrections.views_are_current
    assert (folder / "overlay.mp4").read_bytes() != old


def test_the_start_of_a_model_counts_unless_it_was_another_object(folder: Path) -> None:
    path = folder / "result.json"
    path.write_text(path.read_text().replace('"source": "user"', '"source": "model"'))
    with open_corrections(folder) as corrections:
        result = corrections.correct("dog", Prompt(frame=10, mask=square(12, 4, 8)))
        assert shown(result, "dog", 0)[5, 19], "nearly the same mask: the start is right"
        result = corrections.correct("dog", Prompt(frame=19, mask=square(24, 2)))
        assert not shown(result, "dog", 19)[5, 13]
        assert (shown(result, "dog", 0) == square(12, 4, 8)).all(), (
            "another object: the start was wrong, the rest is the user's"
        )
        assert corrections.undo().tracks[1].rles[0] == alref.load_result(folder).tracks[1].rles[0]


def test_what_the_user_gave_in_the_run_always_counts(folder: Path) -> None:
    with open_corrections(folder) as corrections:
        result = corrections.correct("dog", Prompt(frame=19, mask=square(24, 2)))
        assert shown(result, "dog", 0)[5, 13]


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.yaml"):
        Corrections(tmp_path)
