"""A tracker without weights of its own: any proposer detects, any propagator follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from alref import StageOptions, Tracker, hookimpl

if TYPE_CHECKING:
    from alref import ObjectTrack, Video


class DetectAndFollowOptions(StageOptions):
    """Options of detect-and-follow. Scores are shares of the best score of the noun in the video."""

    every: int = Field(8, ge=1, description="detect on every n-th frame, and on at least eight of a section")
    min_score: float = Field(0.3, ge=0, le=1, description="share of the best score from which a detection counts")
    new_score: float = Field(0.6, ge=0, le=1, description="share of the best score from which a detection starts a track")
    nms_iou: float = Field(0.5, gt=0, le=1, description="overlap from which the weaker of two detections is dropped")
    new_iou: float = Field(0.2, gt=0, le=1, description="overlap with a track from which a detection starts no new one")
    match_iou: float = Field(0.5, gt=0, le=1, description="overlap with a detection from which a track is confirmed by it")
    hot_start: int = Field(
        8, ge=1, description="number of detection frames next to its start, most of which must confirm a new track"
    )
    keep_alive: int = Field(30, ge=1, description="frames that a track is followed beyond a detection that confirms it")
    duplicate_iou: float = Field(0.5, gt=0, le=1, description="mean overlap from which the weaker of two tracks is dropped")
    overlap: float = Field(0.7, gt=0, le=1, description="covered share from which the weaker of two masks is emptied")
    recondition: bool = Field(False, description="follow again, starting also from later detections that fit very well")
    passes: int = Field(4, ge=1, description="maximum number of times that new tracks are started and followed")
    max_tracks: int = Field(30, ge=1, description="maximum number of tracks of a noun, best first")
    window: float = Field(60.0, gt=0, description="seconds that are tracked together; a longer video is split and linked")
    cuts: bool = Field(True, description="track the shots of an edited video apart")


class DetectAndFollow(Tracker):
    """Detects with the proposer on every n-th frame, and follows each object with the propagator.

    Both are those of the run: ``--proposer`` and ``--propagator``. A new track needs a strong detection where no track is, and
    detections that confirm it; duplicates are dropped; a track that is not confirmed for a while ends. Masks are run-length
    encoded as they arrive, and a long video is tracked in windows, so that memory does not grow with its length.
    """

    name = "detect-and-follow"
    uses = ("proposer", "propagator")
    needs = ("cv2", "pycocotools")
    Options = DetectAndFollowOptions
    options: DetectAndFollowOptions

    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        """Return the tracks of each noun, best first. Raises ContractError if the engine did not give the components."""
        from alref_tracking._runtime import track_nouns

        return track_nouns(self, video, nouns)


@hookimpl
def register_trackers() -> list[type[Tracker]]:
    """Register the tracker of detections."""
    return [DetectAndFollow]
