"""A loaded model, and the masks that it makes of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from alref.media.video import Video
from alref.models import devices
from alref.records import FrameMasks, PivotBox, objects
from alref.utils.masks import Mask
from alref_sam2._images import Pictures, at_video
from alref_sam2._model_loading import loaded
from alref_sam2._network import Network
from alref_sam2._session import Prompts, Session, Settings, Step
from alref_sam2.families import SAM2, Kind
from alref_sam2.frame_assembler import Gathering
from alref_sam2.mask_cleanup import polished

if TYPE_CHECKING:
    from alref_sam2 import TrackerOptions

MEBIBYTE = 1 << 20


def _nobody(_: str) -> None:
    """Hear a warning, and tell nobody."""


class Model:
    """A model on a device, from ``place`` (a folder or a file; what the options say if not given).

    ``warn`` is told in words when the memory is full. Raises ConfigError or MissingError when the model cannot be loaded.
    """

    def __init__(
        self,
        options: TrackerOptions,
        device: str = "auto",
        kind: Kind = SAM2,
        place: Path | None = None,
        warn: Callable[[str], None] = _nobody,
    ) -> None:
        self._options, self._kind, self._warn = options, kind, warn
        self._device, self._dtype = devices.chosen(device), devices.dtype(options.dtype, device)
        self.network = Network(loaded(kind, options, place or Path(options.model), self._device))

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects of ``boxes``, each frame once, as soon as all of them are known.

        Objects that start alike are followed once. Raises MissingError when not even one object fits into the memory.
        """
        prompts = [_prompts([box for box in boxes if box.pivot.phrase == phrase]) for phrase in objects(boxes)]
        rows = _same([_key(each) for each in prompts])
        gathering = Gathering(len(prompts), [row for same in rows for row in same], (video.height, video.width))
        for step in self.steps(video, [prompts[same[0]] for same in rows]):
            shown = zip(step.objects, at_video(step.logits, video), step.scores.sigmoid().tolist(), strict=True)
            found = {row: (self._finished(mask, score), score) for index, mask, score in shown for row in rows[index]}
            if whole := gathering.add(step.frame, found):
                yield whole
        if not rows:
            yield from (gathering.frame(frame, {}) for frame in range(len(video)))

    def steps(self, video: Video, prompts: Sequence[Prompts]) -> Iterator[Step]:
        """Yield the logits of each visit of a frame, for objects that are given by their boxes by frame."""
        steps = self.session(video, prompts).steps()
        while True:
            with torch.inference_mode(), devices.autocast(self._device, self._dtype):
                step = next(steps, None)
            if step is None:
                return
            yield step

    def session(self, video: Video, prompts: Sequence[Prompts]) -> Session:
        """Return a session over a video."""
        options, network = self._options, self.network
        pictures = Pictures(video, network.image_size, options.resize, self._kind.statistics, network.device)
        settings = Settings(options.prompt == "box", options.memory == "selected", options.feature_memory * MEBIBYTE)
        return Session(network, pictures, video, prompts, settings, self._warn)

    def _finished(self, mask: Mask, score: float) -> Mask:
        options = self._options
        if options.gate is not None and score < options.gate:
            return np.zeros_like(mask)
        return polished(mask, options.fill_holes, options.remove_sprinkles)


def _prompts(boxes: list[PivotBox]) -> Prompts:
    """Return the boxes of one object by frame, without those that say that it is absent."""
    return {box.pivot.frame: box for box in boxes if box.pivot.frame is not None and box.xyxy is not None}


def _key(prompts: Prompts) -> tuple[object, ...]:
    """Return what objects that start alike have in common, nothing for an absent one."""
    starts = ((frame, box.xyxy if box.mask is None else box.mask) for frame, box in sorted(prompts.items()))
    return tuple((frame, array.tobytes()) for frame, array in starts if array is not None)


def _same(keys: list[tuple[object, ...]]) -> list[list[int]]:
    """Gather places of equal keys, without those of the empty one."""
    places: dict[tuple[object, ...], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return [same for key, same in places.items() if key]
