"""What else a run found: tracks that were not accepted, and other boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alref.output.run_folder import load_result
from alref.records import Candidates, Phrase, PivotFrame
from alref_studio.candidates import list_candidates
from support.studio import FRAMES, add_rejected_tracks, make_studio_pipeline, save_squares


def test_tracks_that_were_not_accepted_can_be_taken(tmp_path: Path) -> None:
    result = load_result(save_squares(tmp_path, make_studio_pipeline())[1])
    listed = list_candidates(add_rejected_tracks(result))
    assert [(each.title, each.choice, each.is_track) for each in listed] == [
        ("dog 2", "reject", True),
        ("dog 3", "uncertain", True),
    ]
    assert [(each.prompt.frame, each.present) for each in listed] == [(FRAMES - 1, ((n, FRAMES - 1),)) for n in (2, 3)]


@pytest.mark.parametrize(("corrected", "count"), [((), 2), ((3,), 1)], ids=["as-found", "corrected"])
def test_a_corrected_object_is_no_candidate_for_itself(tmp_path: Path, corrected: tuple[int, ...], count: int) -> None:
    result = load_result(save_squares(tmp_path, make_studio_pipeline())[1])
    pivot = PivotFrame(phrase=Phrase(reference="1", text="the red square"), frame=0, why="first")
    boxes = np.array([[8, 6, 32, 34], [60, 60, 90, 90]], np.float32)
    track = result.tracks[0].model_copy(update={"corrected": corrected})
    candidates = Candidates(pivot=pivot, xyxy=boxes, scores=np.array([0.9, 0.5]))
    result = result.model_copy(update={"tracks": (track, *result.tracks[1:]), "candidates": (candidates,)})
    assert [each.prompt.box.tolist() for each in list_candidates(result) if each.prompt.box is not None] == boxes[
        -count:
    ].tolist()
