"""The component for the hosted SAM 3.1, two objects that the service finds, and checks of what it returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alref.errors import AlrefError
from alref.records import ObjectTrack, Phrase, PivotBox, PivotFrame
from alref.testing import ArrayVideo
from alref.utils.masks import Mask
from alref_sam3 import Sam3Api, Sam3ApiOptions
from support.sam3_server import KEY, Sam3Server

LENGTH, HEIGHT, WIDTH = 6, 24, 33
"""An odd width: the encoder pads it."""


def make_masks() -> dict[int, dict[int, Mask]]:
    """Return two objects: 4 is on every frame, 7 is not on frames 0 and 3 and reaches the last column."""
    found: dict[int, dict[int, Mask]] = {4: {}, 7: {}}
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for frame in range(LENGTH):
        found[4][frame] = (rows - 8) ** 2 + (columns - 6 - frame) ** 2 < 20
        found[7][frame] = (rows > 15) & (columns > 26) & (frame not in (0, 3))
    return found


MASKS = make_masks()


MADE: list[Sam3Api] = []


def make_component(service: Sam3Server, slot: str = "tracker", **options: Any) -> Sam3Api:
    component = Sam3Api(Sam3ApiOptions(base_url=service.base_url, **options))
    component.bind("alref 1", lambda hook, event: None, slot)
    component.load()
    MADE.append(component)
    return component


def fail(component: Sam3Api, video: ArrayVideo, kind: type[AlrefError], noun: str = "frog") -> str:
    with pytest.raises(kind) as caught:
        component.track(video, [noun])
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def check_tracks(tracks: list[ObjectTrack], noun: str = "frog") -> None:
    assert [(track.noun, track.id, track.score) for track in tracks] == [(noun, 1, 0.9), (noun, 2, 0.9)]
    for track, masks in zip(tracks, MASKS.values(), strict=True):
        for frame in range(LENGTH):
            assert (track.decode_mask(frame) == masks[frame]).all()
            assert track.scores[frame] == (0.9 if masks[frame].any() else 0.0)


def make_box(frame: int, xyxy: tuple[float, float, float, float] | None, reference: str = "1", **more: Any) -> PivotBox:
    phrase = Phrase(reference=reference, text=f"frog {reference}")
    return PivotBox(
        pivot=PivotFrame(phrase=phrase, frame=frame), xyxy=None if xyxy is None else np.array(xyxy, np.float32), **more
    )
