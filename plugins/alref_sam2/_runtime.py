"""A loaded model and the propagation of masks through a video."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from alref import FrameMasks, PivotBox, Video, list_object_phrases
from alref.models import devices
from alref.utils.logit_maps import FAR_LOGIT
from alref.utils.masks import Array
from alref_sam2._images import ImageReader
from alref_sam2._model_loading import load_model
from alref_sam2._network import Sam2Network
from alref_sam2._session import PromptsByFrame, SessionSettings, TrackingSession, TrackingStep
from alref_sam2._transfers import supports_queued_copies
from alref_sam2.families import SAM2, ModelFamily
from alref_sam2.frame_assembler import FrameAssembler

if TYPE_CHECKING:
    from alref_sam2 import Sam2FamilyOptions

MEBIBYTE = 1 << 20


def _ignore_warning(_: str) -> None:
    """Ignore a warning."""


class Sam2VideoRunner:
    """A model on a device, from ``path`` (a folder or a file; by default the model of the options).

    ``warn`` is called with a message when memory runs out. Raises ConfigError or MissingError if the model cannot be loaded.
    """

    def __init__(
        self,
        options: Sam2FamilyOptions,
        device: str = "auto",
        family: ModelFamily = SAM2,
        path: Path | None = None,
        warn: Callable[[str], None] = _ignore_warning,
    ) -> None:
        self._options, self._family, self._warn = options, family, warn
        self._device, self._dtype = devices.resolve_device(device), devices.resolve_dtype(options.dtype, device)
        self.network = Sam2Network(load_model(family, options, path or Path(options.model), self._device, self._dtype))

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects of ``boxes``, each frame once, as soon as all of them are known.

        A device that computes on its own is given the next frame before the masks of this one are waited for.
        Objects with equal prompts are propagated once. Raises MissingError if memory is too small for a single object.
        """
        prompts = [
            _collect_prompts([box for box in boxes if box.pivot.phrase == phrase]) for phrase in list_object_phrases(boxes)
        ]
        rows = _group_equal_keys([_build_prompt_key(each) for each in prompts])
        absent = [{frame for frame, box in prompts[same[0]].items() if box.finding == "absent"} for same in rows]
        gathering = FrameAssembler(len(prompts), [row for same in rows for row in same], (video.height, video.width))
        ahead = int(supports_queued_copies(self.network.device))
        waiting: deque[Future[FrameMasks | None]] = deque()
        with ThreadPoolExecutor(1, "masks") as worker:
            for step in self.iterate_steps(video, [prompts[same[0]] for same in rows]):
                hidden = {index for index in step.objects if step.frame in absent[index]}
                waiting.append(worker.submit(self._finish_step, step, rows, gathering, hidden))
                if len(waiting) > ahead and (whole := waiting.popleft().result()):
                    yield whole
            yield from filter(None, (each.result() for each in waiting))
        if not rows:
            yield from (gathering.build_frame(frame, {}) for frame in range(len(video)))

    def _finish_step(
        self, step: TrackingStep, rows: list[list[int]], gathering: FrameAssembler, hidden: set[int]
    ) -> FrameMasks | None:
        """Wait for the masks of a step and add them to their frame, while the device computes the next one.

        ``hidden`` are the objects that the user says are not on this frame.
        """
        masks, scores, *logits = step.output.wait()
        sure = [0.0 if index in hidden else score for index, score in zip(step.objects, scores.tolist(), strict=True)]
        shown = list(zip(step.objects, sure, masks, *logits, strict=True))
        gate = {index: 1.0 if index in hidden else self._options.gate for index in step.objects}
        found = {
            row: (_gate(mask, False, score, gate[index]), score) for index, score, mask, *_ in shown for row in rows[index]
        }
        maps = {
            row: _gate(each, FAR_LOGIT, score, gate[index])
            for index, score, _, *own in shown
            for each in own
            for row in rows[index]
        }
        with devices.translate_memory_errors("the memory of cpu is too small for the masks of a frame: --max-size 1280"):
            return gathering.add_masks(step.frame, found, maps)

    def iterate_steps(self, video: Video, prompts: Sequence[PromptsByFrame]) -> Iterator[TrackingStep]:
        """Yield the logits of each visit of a frame, for objects given by their boxes by frame."""
        steps = self.create_session(video, prompts).iterate_steps()
        while True:
            with torch.inference_mode(), devices.autocast(self._device, self._dtype):
                step = next(steps, None)
            if step is None:
                return
            yield step

    def create_session(self, video: Video, prompts: Sequence[PromptsByFrame]) -> TrackingSession:
        """Return a session for a video."""
        options, network = self._options, self.network
        pictures = ImageReader(video, network.image_size, options.resize, self._family.normalization, network.device)
        settings = SessionSettings(
            options.prompt == "box",
            options.memory == "selected",
            options.feature_memory * MEBIBYTE,
            options.fill_holes,
            options.remove_sprinkles,
            options.logits,
            options.mask_resize == "bilinear",
        )
        return TrackingSession(network, pictures, video, prompts, settings, self._warn)


def _gate(values: Array, empty: float, score: float, gate: float | None) -> Array:
    """Return the values of an object, all empty if its score is below the gate."""
    return np.full_like(values, empty) if gate is not None and score < gate else values


def _collect_prompts(boxes: list[PivotBox]) -> PromptsByFrame:
    """Return the boxes of one object by frame, also those with finding absent; none if the object is absent on all of them."""
    found = {box.pivot.frame: box for box in boxes if box.pivot.frame is not None and box.kinds}
    return found if any(box.finding != "absent" for box in found.values()) else {}


def _build_prompt_key(prompts: PromptsByFrame) -> tuple[object, ...]:
    """Return a key that objects with equal prompts share; empty for an absent object."""
    key: list[object] = []
    for frame, box in sorted(prompts.items()):
        given = (box.xyxy if box.mask is None else box.mask, box.points, box.point_labels)
        key.append((frame, box.finding == "absent", *(None if each is None else np.asarray(each).tobytes() for each in given)))
    return tuple(key)


def _group_equal_keys(keys: list[tuple[object, ...]]) -> list[list[int]]:
    """Group indices by key, without those of the empty key."""
    places: dict[tuple[object, ...], list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return [same for key, same in places.items() if key]
