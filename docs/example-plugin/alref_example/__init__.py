"""A component of each kind: they find things by color and place, as in "please show me the red ball on the left".

This module is imported whenever plugins are listed: it names the components, and what they do is imported when they work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import alref
from alref.components.base import Propagator, Proposer, Reasoner, StageOptions, Unifier
from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref.media.video import Video
    from alref.records import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference


class PlainWords(Unifier):
    """Leaves courtesies out of an expression, and finds the word that names the object."""

    name = "plain-words"

    class Options(StageOptions):
        """Its options: -o 'unifier.courtesies=[kindly, find]'."""

        courtesies: tuple[str, ...] = Field(("please", "show", "find", "me"), description="words that are left out")

    options: Options

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return one phrase, or none where nothing but courtesies is said."""
        from alref.records import Phrase

        from alref_example._words import named, plain

        text = plain(reference.text, self.options.courtesies)
        return [Phrase(reference=reference.id, text=text, category=named(text))] if text else []


class ByPlace(Reasoner):
    """Starts from the most typical frame, and from the box that lies where the words say."""

    name = "by-place"
    needs = ("cv2",)

    class Options(StageOptions):
        """Its options: -o reasoner.frames=16."""

        frames: int = Field(8, ge=1, description="frames that are looked at, evenly spread; fewer in a shorter video")

    options: Options

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the same frame for every phrase."""
        from alref.records import PivotFrame

        from alref_example._frames import typical

        if not phrases:
            return []
        frame, count = typical(video, self.options.frames)
        return [PivotFrame(phrase=phrase, frame=frame, why=f"the most typical of {count} frames") for phrase in phrases]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the box that lies furthest in the direction named, or the best one where none is named."""
        from alref_example._frames import placed

        return [placed(each) for each in candidates]


class ColorRegions(Proposer):
    """Proposes regions of the color that the words name; without a color it says so and proposes nothing."""

    name = "color-regions"
    needs = ("cv2",)

    class Options(StageOptions):
        """Its options: -o proposer.smallest=0.01."""

        smallest: float = Field(0.002, ge=0, le=1, description="share of the picture that a region covers at least")

    options: Options

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return one entry for each pivot, with masks, the largest region first."""
        from alref_example._regions import propose
        from alref_example._words import COLORS, colors_in

        texts = dict.fromkeys(pivot.phrase.text for pivot in pivots)
        for text in (text for text in texts if not colors_in(text)):
            self.warnings.append(f"{self.name}: {text!r} names no color; name one of {', '.join(COLORS)}")
        return [propose(video.read_frame(pivot.frame), pivot, self.options.smallest) for pivot in pivots]


class TemplateMatch(Propagator):
    """Moves the mask of the pivot frame to where the picture around it is found again; it keeps its shape."""

    name = "template-match"
    needs = ("cv2",)

    class Options(StageOptions):
        """Its options: -o propagator.reach=40."""

        reach: int = Field(24, ge=1, description="pixels that an object moves at most from one frame to the next")

    options: Options

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects in every frame, in order."""
        from alref_example._following import follow

        yield from follow(video, boxes, self.options.reach)


@alref.hookimpl
def register_unifiers() -> list[type[Unifier]]:
    """Announce the unifier."""
    return [PlainWords]


@alref.hookimpl
def register_reasoners() -> list[type[Reasoner]]:
    """Announce the reasoner."""
    return [ByPlace]


@alref.hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Announce the proposer."""
    return [ColorRegions]


@alref.hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Announce the propagator."""
    return [TemplateMatch]
