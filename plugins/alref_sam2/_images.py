"""Convert frames, boxes and masks to the input scale of the encoder, and masks back."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from alref.media.video import Frame, Video
from alref.utils.masks import Array, Mask
from alref_sam2.families import Normalization

RESAMPLING_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
ResizeFilter = Literal["bicubic", "bilinear"]


class ImageReader:
    """The frames of a video as normalized images (1, 3, S, S) float32 on a device, with one frame of read-ahead."""

    def __init__(
        self, video: Video, size: int, resize: ResizeFilter, normalization: Normalization, device: torch.device
    ) -> None:
        self._video, self._size, self._filter, self._device = video, size, RESAMPLING_FILTERS[resize], device
        self._mean, self._std = (torch.tensor(each, device=device).reshape(1, 3, 1, 1) for each in normalization)
        self._next_image: tuple[int, torch.Tensor] | None = None
        self.read_count = 0

    def take_image(self, frame: int) -> torch.Tensor:
        """Return the normalized image of a frame, (1, 3, S, S) float32."""
        if self._next_image is None or self._next_image[0] != frame:
            self.read_ahead(frame)
        assert self._next_image is not None
        picture, self._next_image = self._next_image[1], None
        return (picture.to(self._device, non_blocking=True).float() / 255 - self._mean) / self._std

    def read_ahead(self, frame: int) -> None:
        """Read and resize a frame on the CPU while the device processes another one."""
        if self._next_image is None or self._next_image[0] != frame:
            self.read_count += 1
            self._next_image = frame, _resize_frame(self._video.read_frame(frame), self._size, self._filter)


def _resize_frame(frame: Frame, size: int, resampling: Image.Resampling) -> torch.Tensor:
    """Return the resized image, uint8 (1, 3, size, size)."""
    picture = np.array(Image.fromarray(frame).resize((size, size), resampling))
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def scale_box(box: Array, video: Video, size: int, device: torch.device) -> torch.Tensor:
    """Return the corners of a box, (1, 1, 2, 2) as x and y, in pixels of the encoder's input image."""
    scale = np.array([size / video.width, size / video.height])
    return torch.tensor(box.reshape(1, 1, 2, 2) * scale, dtype=torch.float32, device=device)


def resize_mask(mask: Mask, size: int, device: torch.device) -> torch.Tensor:
    """Return a mask (H, W) of a frame as 0 and 1 at the encoder's scale, (1, 1, size, size) float32."""
    whole = torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]
    return (interpolate(whole, (size, size), mode="bilinear", antialias=True) >= 0.5).float().to(device)


def resize_to_video(logits: torch.Tensor, video: Video) -> list[Mask]:
    """Return mask logits (P, 1, h, w) as P bool masks (H, W) at the size of the video."""
    size = (video.height, video.width)
    return [(interpolate(each[None], size, mode="bilinear")[0, 0] > 0).cpu().numpy() for each in logits]
