"""A component of each kind: they find objects by color and position, as in "please show me the red ball on the left".

alref imports this module whenever it lists plugins, so it stays light. The methods import the implementation when they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import alref
from alref import Propagator, PropagatorOptions, Proposer, Reasoner, StageOptions, Unifier
from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alref import Candidates, FrameMasks, Phrase, PivotBox, PivotFrame, Reference, Video


class PlainWords(Unifier):
    """Removes polite words from an expression, and finds the word that names the object."""

    name = "plain-words"

    class Options(StageOptions):
        """Its options: -o 'unifier.polite_words=[kindly, find]'."""

        polite_words: tuple[str, ...] = Field(("please", "show", "find", "me"), description="words to remove")

    options: Options

    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return one phrase, or none if there are only polite words."""
        from alref import Phrase

        from alref_example._words import find_category, remove_words

        text = remove_words(reference.text, self.options.polite_words)
        return [Phrase(reference=reference.id, text=text, category=find_category(text))] if text else []


class ByPlace(Reasoner):
    """Starts from the most typical frame, and from the box at the position that the words name."""

    name = "by-place"
    needs = ("cv2",)

    class Options(StageOptions):
        """Its options: -o reasoner.frames=16."""

        frames: int = Field(8, ge=1, description="number of evenly spread frames to compare; fewer in a shorter video")

    options: Options

    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return the same frame for every phrase."""
        from alref import PivotFrame

        from alref_example._frames import find_typical_frame

        if not phrases:
            return []
        frame, count = find_typical_frame(video, self.options.frames)
        return [PivotFrame(phrase=phrase, frame=frame, why=f"the most typical of {count} frames") for phrase in phrases]

    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return the box farthest in the direction that the phrase names, or the best one if it names none."""
        from alref_example._frames import pick_box

        return [pick_box(each) for each in candidates]


class ColorRegions(Proposer):
    """Proposes regions of the color that the words name; without a color it warns and proposes nothing."""

    name = "color-regions"
    needs = ("cv2",)

    class Options(StageOptions):
        """Its options: -o proposer.smallest=0.01."""

        smallest: float = Field(0.002, ge=0, le=1, description="minimum size of a region, as a share of the image")

    options: Options

    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return one entry for each pivot, with masks, the largest region first."""
        from alref_example._regions import propose_regions
        from alref_example._words import COLORS, find_colors

        texts = dict.fromkeys(pivot.phrase.text for pivot in pivots)
        for text in (text for text in texts if not find_colors(text)):
            self.warnings.append(f"{self.name}: {text!r} names no color; name one of {', '.join(COLORS)}")
        return [propose_regions(video.read_frame(pivot.frame), pivot, self.options.smallest) for pivot in pivots]


class TemplateMatch(Propagator):
    """Moves the mask of the pivot frame to the best match of its image; the shape does not change."""

    name = "template-match"
    needs = ("cv2",)

    class Options(PropagatorOptions):
        """Its options: -o propagator.reach=40."""

        proposal_masks: bool = Field(True, description="start from the mask of the proposer, where it gives one")
        reach: int = Field(24, ge=1, description="maximum motion of an object from one frame to the next, in pixels")

    options: Options

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects in every frame."""
        from alref import follow_objects

        from alref_example._following import Follower

        reach = self.options.reach
        yield from follow_objects(video, boxes, lambda image, mask: Follower.from_mask(image, mask, reach).follow)


@alref.hookimpl
def register_unifiers() -> list[type[Unifier]]:
    """Register the unifier."""
    return [PlainWords]


@alref.hookimpl
def register_reasoners() -> list[type[Reasoner]]:
    """Register the reasoner."""
    return [ByPlace]


@alref.hookimpl
def register_proposers() -> list[type[Proposer]]:
    """Register the proposer."""
    return [ColorRegions]


@alref.hookimpl
def register_propagators() -> list[type[Propagator]]:
    """Register the propagator."""
    return [TemplateMatch]
