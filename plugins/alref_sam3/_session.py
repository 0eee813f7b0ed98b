"""The session of SAM 3 for one video: frames are read when they are needed, and what no later frame reads is dropped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from transformers.models.sam3_video.modeling_sam3_video import Sam3VideoInferenceSession

from alref import Frame, Video

MEMORY_FIELDS = ("maskmem_features", "maskmem_pos_enc", "object_pointer")
POINTER_FIELDS = ("object_pointer",)
"""What later frames read of a frame: its memory and the pointer of the object, or from far away only the pointer."""
COLOR_MEAN = COLOR_STD = 0.5
"""Mean and standard deviation of the colors, from 0 to 1, in the training of SAM 3."""


@dataclass(frozen=True)
class ReadingLimits:
    """How far a frame looks back: ``memories`` and ``pointers`` in frames; ``conditioned`` frames, -1 for all of them.

    ``unmatched`` and ``duplicate`` are the numbers of frames after which a new track is dropped.
    """

    memories: int
    pointers: int
    conditioned: int
    unmatched: int
    duplicate: int


class VideoSession(Sam3VideoInferenceSession):  # type: ignore[misc]
    """A session whose memory does not grow with the video. ``start_frame`` is called with the number of each frame."""

    def __init__(
        self, video: Video, image_size: int, device: torch.device, limits: ReadingLimits, start_frame: Callable[[int], None]
    ) -> None:
        super().__init__(
            video_height=video.height,
            video_width=video.width,
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        self._video, self._image_size, self._limits, self._start_frame = video, image_size, limits, start_frame

    @property
    def num_frames(self) -> int:
        """The number of frames of the video."""
        return len(self._video)

    def get_frame(self, frame_idx: int) -> torch.Tensor:
        """Return the normalized image of a frame, float32 (3, S, S), and drop what no frame from here on reads."""
        self._start_frame(frame_idx)
        self._drop_unread(frame_idx)
        image = resize_frame(self._video.read_frame(frame_idx), self._image_size)
        return normalize_image(torch.from_numpy(image).to(self.inference_device))

    def count_tensor_bytes(self) -> int:
        """Return the size of the memories of all objects in bytes."""
        outputs = [kept for both in self.output_dict_per_obj.values() for frames in both.values() for kept in frames.values()]
        tensors = [value for kept in outputs for value in kept.values() if isinstance(value, torch.Tensor)]
        storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in tensors}
        return sum(storages.values())

    def _drop_unread(self, frame: int) -> None:
        limits = self._limits
        for outputs in self.output_dict_per_obj.values():
            tracked, conditioned = outputs["non_cond_frame_outputs"], outputs["cond_frame_outputs"]
            for past in [past for past in tracked if past < frame - limits.pointers]:
                del tracked[past]
            newest = sorted(conditioned)[-limits.conditioned :] if limits.conditioned > 0 else list(conditioned)
            for frames, read in ((tracked, ()), (conditioned, newest)):
                for past, kept in frames.items():
                    near = past in read or past >= frame - limits.memories
                    frames[past] = {name: kept[name] for name in (MEMORY_FIELDS if near else POINTER_FIELDS)}
        for by_frame in (*self.frames_tracked_per_obj.values(), *self.mask_inputs_per_obj.values()):
            by_frame.clear()
        self.obj_id_to_tracker_score_frame_wise: dict[int, dict[int, float]] = defaultdict(dict)
        self.suppressed_obj_ids: dict[int, set[int]] = defaultdict(set)
        for frames in self.unmatched_frame_inds.values():
            del frames[limits.unmatched :]
        for frames in self.overlap_pair_to_frame_inds.values():
            del frames[limits.duplicate :]


def resize_frame(frame: Frame, size: int) -> Frame:
    """Return a frame as a square of ``size`` pixels, resized bilinearly with averaging, uint8 (size, size, 3)."""
    return np.array(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))


def normalize_image(image: torch.Tensor) -> torch.Tensor:
    """Return an image uint8 (S, S, 3) as the model takes it, float32 (3, S, S)."""
    return (image.permute(2, 0, 1).float() / 255 - COLOR_MEAN) / COLOR_STD
