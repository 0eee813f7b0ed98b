"""What else a run found: tracks that were not accepted, and other boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alref.output.run_folder import load_result
from alref.records import ObjectTrack, Phrase, TrackChoice
from alref.utils.masks import encode_mask
from alref_studio.candidates import list_candidates
from support.studio import FRAMES, HEIGHT, WIDTH, make_studio_pipeline, save_squares


def make_track(number: int, first: int) -> ObjectTrack:
    """Return a track that appears on frame ``first`` and is largest on the last frame."""
    masks = np.zeros((FRAMES, HEIGHT, WIDTH), np.bool_)
    for frame in range(first, FRAMES):
        masks[frame, : frame + 1, :4] = True
    return ObjectTrack(id=number, noun="dog", score=0.5, rles=tuple(map(encode_mask, masks)), scores=(0.5,) * FRAMES)


def test_tracks_that_were_not_accepted_can_be_taken(tmp_path: Path) -> None:
    phrase = Phrase(reference="1", text="the red square")
    choices = [
        TrackChoice(phrase=phrase, noun="dog", track=number, choice=choice, why=f"{choice} it")
        for number, choice in ((1, "accept"), (2, "reject"), (3, "uncertain"))
    ]
    result = load_result(save_squares(tmp_path, make_studio_pipeline())[1])
    tracks = tuple(make_track(number, number) for number in (1, 2, 3))
    listed = list_candidates(result.model_copy(update={"object_tracks": tracks, "choices": tuple(choices)}))
    assert [(each.title, each.choice, each.is_track) for each in listed] == [
        ("dog 2", "reject", True),
        ("dog 3", "uncertain", True),
    ]
    assert [(each.prompt.frame, each.present) for each in listed] == [(FRAMES - 1, ((n, FRAMES - 1),)) for n in (2, 3)]
