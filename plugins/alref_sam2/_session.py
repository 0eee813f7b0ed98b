"""Process one video with all its objects in the order of the visit plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from alref import PivotBox, Video
from alref_sam2._batch_limiter import BatchLimiter
from alref_sam2._feature_cache import FrameFeatureCache, get_device_budget
from alref_sam2._images import ImageReader, resize_mask, resize_to_video, scale_box, scale_points
from alref_sam2._mask_cleanup import clean_logits
from alref_sam2._memory_bank import FrameMemory, MemoryBank, MemoryContext, MemoryLimits
from alref_sam2._motion_model import MotionModel
from alref_sam2._network import FrameFeatures, MaskPrediction, Sam2Network
from alref_sam2._transfers import HostCopy, upload_tensor
from alref_sam2.visit_plan import Visit, get_start_frame, plan_visits

PromptsByFrame = dict[int, PivotBox]
"""The pivot boxes of one object by frame, at least one of which is not absent."""
GroupPredictions = list[tuple[list[int], MaskPrediction]]
"""Predictions of groups of objects."""


@dataclass(frozen=True)
class TrackingStep:
    """Output of one visit: for ``objects``, low-resolution mask logits (n, 1, h, w) on the device; in host memory the masks at
    the size of the video, bool (n, H, W), and the probabilities that the objects are present (n,).
    """  # noqa: D205

    frame: int
    objects: tuple[int, ...]
    logits: torch.Tensor
    output: HostCopy


@dataclass(frozen=True)
class TrackedGroup:
    """Objects that were propagated together: predictions, memories, and for the motion model what it checks."""

    prediction: MaskPrediction
    memories: list[FrameMemory]
    checked: HostCopy | None


@dataclass(frozen=True)
class SessionSettings:
    """Settings of a session: start from the box itself, select memories, budget for features in bytes, what masks lose,
    whether logits are copied to the host, and whether first masks come from an image of their own, resized bilinearly.
    """  # noqa: D205

    prompt_with_box: bool
    select_trusted: bool
    feature_cache_bytes: int
    max_hole_area: int
    max_sprinkle_area: int
    copy_logits: bool = False
    bilinear_prompts: bool = False


class TrackingSession:
    """Propagates objects through a video. ``warn`` is called with a message when memory runs out."""

    def __init__(
        self,
        network: Sam2Network,
        images: ImageReader,
        video: Video,
        prompts: Sequence[PromptsByFrame],
        settings: SessionSettings,
        warn: Callable[[str], None],
    ) -> None:
        self._network, self._images, self._video = network, images, video
        self._prompts, self._settings = prompts, settings
        frames = [sorted(frame for frame, box in each.items() if box.finding != "absent") for each in prompts]
        self._visits = plan_visits(frames, len(video))
        rule = _build_memory_limits(network, settings.select_trusted)
        self._banks = [
            MemoryBank(get_start_frame(own), rule, find_barriers(each)) for own, each in zip(frames, prompts, strict=True)
        ]
        self._motions: dict[tuple[int, bool], MotionModel] = {}
        order, budget = [visit.frame for visit in self._visits], settings.feature_cache_bytes
        self._feature_cache = FrameFeatureCache(
            order, self._encode_frame, network.device, budget, get_device_budget(network.device)
        )
        self._limiter = BatchLimiter(network.device, self._feature_cache, warn)

    def iterate_steps(self) -> Iterator[TrackingStep]:
        """Yield the output of each visit; each object occurs once per frame.

        The next frame is read while the device is busy with the current one. What runs out of memory is repeated after memory
        was freed; it has changed nothing before.
        """
        following: list[Visit | None] = [*self._visits, None][1:]
        with closing(self._images):
            for visit, after in zip(self._visits, following, strict=True):
                features = self._limiter.run_until_fits(partial(self._feature_cache.take_features, visit.frame))
                found = self._start_prompted_objects(visit, features) + self._track_objects(visit, features)
                step = self._limiter.run_until_fits(partial(self._build_step, visit.frame, found))
                if after is not None and not self._feature_cache.has_frame(after.frame):
                    self._limiter.run_until_fits(partial(self._images.read_ahead, after.frame))
                yield step

    def count_bytes(self) -> int:
        """Return the size of the memories and cached features in bytes."""
        return self._feature_cache.count_bytes() + sum(bank.count_bytes() for bank in self._banks)

    def _encode_frame(self, frame: int) -> FrameFeatures:
        return self._network.encode_image(self._images.take_image(frame))

    def _build_step(self, frame: int, found: GroupPredictions) -> TrackingStep:
        objects = tuple(index for group, _ in found for index in group)
        logits, scores = (torch.cat(each) for each in zip(*((seen.logits, seen.scores) for _, seen in found), strict=True))
        logits = clean_logits(logits, self._settings.max_hole_area, self._settings.max_sprinkle_area)
        copied = [logits[:, 0].float()] if self._settings.copy_logits else []
        output = HostCopy(resize_to_video(logits, self._video), scores.sigmoid(), *copied)
        return TrackingStep(frame, objects, logits, output)

    def _start_prompted_objects(self, visit: Visit, features: FrameFeatures) -> GroupPredictions:
        found: GroupPredictions = []
        for index in visit.prompted:
            seen, memories = self._limiter.run_until_fits(
                partial(self._start_object, features, self._prompts[index][visit.frame])
            )
            self._banks[index].add_prompted(visit.frame, FrameMemory(memories[0], seen.pointers[0]))
            found.append(([index], seen))
        return found

    def _start_object(self, features: FrameFeatures, box: PivotBox) -> tuple[MaskPrediction, torch.Tensor]:
        """Predict an object from its prompt, and return its memory, which has no small holes: as in the authors' code."""
        seen = self._segment_from_prompt(features, box)
        seen = replace(seen, logits=clean_logits(seen.logits, self._settings.max_hole_area, 0))
        return seen, self._network.encode_memory(features, seen, prompted=True)

    def _segment_from_prompt(self, features: FrameFeatures, box: PivotBox) -> MaskPrediction:
        size, device = self._network.image_size, self._network.device
        if box.points is not None:
            points, labels = scale_points(box, self._video, size, device)
            given = None if box.mask is None else upload_tensor(torch.from_numpy(np.array(box.mask))[None], device)
            return self._network.segment_from_points(
                features, points, labels, None if given is None else resize_mask(given, size)
            )
        if box.mask is not None:
            mask = upload_tensor(torch.from_numpy(np.array(box.mask))[None], device)
        else:
            assert box.xyxy is not None, "a prompt has a box or a mask"
            corners = scale_box(box.xyxy, self._video, size, device)
            if self._settings.prompt_with_box:
                return self._network.segment_from_box(features, corners)
            image = features
            if self._settings.bilinear_prompts and box.pivot.frame is not None:
                image = self._network.encode_image(self._images.read_bilinear_image(box.pivot.frame))
            mask = resize_to_video(self._network.compute_image_mask(image, corners), self._video)
        return self._network.segment_from_mask(features, resize_mask(mask, size))

    def _track_objects(self, visit: Visit, features: FrameFeatures) -> GroupPredictions:
        """Propagate the objects of a visit, batching those with equally many memories as far as memory allows."""
        found: GroupPredictions = []
        readings = {index: self._banks[index].read_context(visit.frame, visit.reverse) for index in visit.tracked}
        waiting = _group_by_shape(readings)
        while waiting:
            group = waiting.pop(0)
            tokens = sum(len(each) for _, each in readings[group[0]].features)
            most = self._limiter.get_max_objects(tokens)
            group, rest = group[:most], group[most:]
            waiting = [rest, *waiting] if rest else waiting
            work = partial(self._track_group, features, [readings[index] for index in group])
            made = self._limiter.run_if_fits(work, len(group), tokens)
            if made is None:
                waiting = [group, *waiting]
                continue
            self._store_memories(visit, group, made)
            found.append((group, made.prediction))
        return found

    def _track_group(self, features: FrameFeatures, contexts: list[MemoryContext]) -> TrackedGroup:
        """Predict objects with equally many memories."""
        seen = self._network.track_objects(features, contexts, len(self._video))
        tokens = self._network.encode_memory(features, seen, prompted=False)
        memories = [FrameMemory(*(each.clone() for each in row)) for row in zip(tokens, seen.pointers, strict=True)]
        checked = HostCopy(seen.logits[:, 0] > 0, seen.scores, seen.quality) if self._settings.select_trusted else None
        return TrackedGroup(seen, memories, checked)

    def _store_memories(self, visit: Visit, group: list[int], made: TrackedGroup) -> None:
        memories = list(made.memories)
        if made.checked is not None:
            facts = zip(group, memories, *made.checked.wait(), strict=True)
            for place, (index, memory, mask, score, quality) in enumerate(facts):
                motion = self._motions.setdefault((index, visit.reverse), MotionModel())
                memories[place] = replace(memory, trusted=motion.check_and_update(mask, float(score), float(quality)))
        for index, memory in zip(group, memories, strict=True):
            self._banks[index].add_tracked(visit.frame, memory, visit.reverse)


def find_barriers(prompts: PromptsByFrame) -> frozenset[int]:
    """Return the frames on which a person corrected the object: by points, or because it is not there."""
    return frozenset(frame for frame, box in prompts.items() if box.points is not None or box.finding == "absent")


def _build_memory_limits(network: Sam2Network, trusted_only: bool) -> MemoryLimits:
    config = network.config
    return MemoryLimits(
        config.num_maskmem - 1, config.max_object_pointers_in_encoder - 1, config.max_cond_frame_num, trusted_only
    )


def _group_by_shape(contexts: dict[int, MemoryContext]) -> list[list[int]]:
    """Group objects by their numbers of memories and pointers."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, reading in contexts.items():
        groups.setdefault(reading.shape, []).append(index)
    return list(groups.values())
