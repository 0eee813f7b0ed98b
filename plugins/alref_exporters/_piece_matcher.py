"""Keep the pieces of an object apart over time, for formats in which a track has one outline on each frame."""

from __future__ import annotations

from alref_exporters._polygons import Polygon

Box = tuple[float, float, float, float]


class PieceMatcher:
    """Gives each piece of an object to a track: the one whose last box it overlaps most, else a free or a new one."""

    def __init__(self) -> None:
        self._boxes: list[Box] = []

    def match_pieces(self, pieces: list[Polygon]) -> list[Polygon | None]:
        """Return the piece of each track on the next frame, None where a track has none; new tracks come last."""
        boxes: list[Box] = [(*piece.min(axis=0).tolist(), *piece.max(axis=0).tolist()) for piece in pieces]
        taken = self._match_boxes(boxes)
        for place, box in enumerate(boxes):
            if place not in taken.values():
                free = next((track for track in range(len(self._boxes)) if track not in taken), len(self._boxes))
                if free == len(self._boxes):
                    self._boxes.append(box)
                taken[free] = place
        for track, place in taken.items():
            self._boxes[track] = boxes[place]
        return [pieces[taken[track]] if track in taken else None for track in range(len(self._boxes))]

    def _match_boxes(self, boxes: list[Box]) -> dict[int, int]:
        """Return the place of the box that continues each track, the largest overlap first."""
        overlaps = {
            (track, place): _compute_overlap(box, last)
            for track, last in enumerate(self._boxes)
            for place, box in enumerate(boxes)
        }
        taken: dict[int, int] = {}
        for (track, place), overlap in sorted(overlaps.items(), key=lambda item: (-item[1], item[0])):
            if overlap > 0 and track not in taken and place not in taken.values():
                taken[track] = place
        return taken


def _compute_overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)
