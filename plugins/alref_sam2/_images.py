"""Convert frames, boxes and masks to the input scale of the encoder, and masks back."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from alref import Frame, PivotBox, Video
from alref.utils.masks import Array
from alref_sam2._transfers import upload_tensor
from alref_sam2.families import Normalization

RESAMPLING_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
ResizeFilter = Literal["bicubic", "bilinear"]


class ImageReader:
    """The frames of a video as normalized images (1, 3, S, S) float32 on a device, with one frame of read-ahead.

    A frame is decoded in the thread that asks for it, since a video is used in one thread, and resized in another one.
    """

    def __init__(
        self, video: Video, size: int, resize: ResizeFilter, normalization: Normalization, device: torch.device
    ) -> None:
        self._video, self._size, self._filter, self._device = video, size, RESAMPLING_FILTERS[resize], device
        self._normalization = normalization
        self._resizer = ThreadPoolExecutor(1, "resize")
        self._next_image: tuple[int, Future[torch.Tensor]] | None = None
        self.read_count = 0

    def take_image(self, frame: int) -> torch.Tensor:
        """Return the normalized image of a frame, (1, 3, S, S) float32. After an error it can be called again."""
        mean, std = self._mean_and_std
        picture = upload_tensor(self.read_ahead(frame).result(), self._device)
        return (picture.float() / 255 - mean) / std

    def read_bilinear_image(self, frame: int) -> torch.Tensor:
        """Return the normalized image of a frame, resized as by the authors' image predictor, (1, 3, S, S) float32."""
        mean, std = self._mean_and_std
        picture = upload_tensor(torch.from_numpy(np.array(self._video.read_frame(frame))), self._device)
        whole = picture.permute(2, 0, 1)[None].float() / 255
        return (resize_smoothly(whole, (self._size, self._size)) - mean) / std

    def read_ahead(self, frame: int) -> Future[torch.Tensor]:
        """Decode a frame and begin to resize it, while the device processes another one."""
        if self._next_image is None or self._next_image[0] != frame or _has_failed(self._next_image[1]):
            picture = self._video.read_frame(frame)
            self._next_image = frame, self._resizer.submit(_resize_frame, picture, self._size, self._filter)
            self.read_count += 1
        return self._next_image[1]

    def close(self) -> None:
        """End the thread that resizes."""
        self._resizer.shutdown()

    @cached_property
    def _mean_and_std(self) -> list[torch.Tensor]:
        return [upload_tensor(torch.tensor(each).reshape(1, 3, 1, 1), self._device) for each in self._normalization]


def _has_failed(image: Future[torch.Tensor]) -> bool:
    return image.done() and image.exception() is not None


def _resize_frame(frame: Frame, size: int, resampling: Image.Resampling) -> torch.Tensor:
    """Return the resized image, uint8 (1, 3, size, size)."""
    picture = np.array(Image.fromarray(frame).resize((size, size), resampling))
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def scale_box(box: Array, video: Video, size: int, device: torch.device) -> torch.Tensor:
    """Return the corners of a box, (1, 1, 2, 2) as x and y, in pixels of the encoder's input image."""
    scale = np.array([size / video.width, size / video.height])
    return upload_tensor(torch.tensor(box.reshape(1, 1, 2, 2) * scale, dtype=torch.float32), device)


def scale_points(box: PivotBox, video: Video, size: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return points of a pivot box, float32 (1, 1, K, 2) in pixels of the encoder's input image, and labels int32 (1, 1, K).

    A label is 1 on the object and 0 outside; the corners of the box, if it has one and no mask, come first as 2 and 3.
    """
    assert box.points is not None, "a box with points"
    assert box.point_labels is not None, "points have labels"
    has_box = box.xyxy is not None and box.mask is None
    points = np.concatenate([np.asarray(box.xyxy).reshape(2, 2), box.points]) if has_box else box.points
    labels = np.concatenate([[2, 3], box.point_labels]) if has_box else box.point_labels
    scale = np.array([size / video.width, size / video.height])
    scaled = torch.tensor(points * scale, dtype=torch.float32).reshape(1, 1, -1, 2)
    return upload_tensor(scaled, device), upload_tensor(torch.tensor(labels, dtype=torch.int32).reshape(1, 1, -1), device)


def resize_mask(mask: torch.Tensor, size: int) -> torch.Tensor:
    """Return a mask (1, H, W) of a frame as 0 and 1 at the encoder's scale, (1, 1, size, size) float32."""
    return (resize_smoothly(mask[None].float(), (size, size)) >= 0.5).float()


def resize_smoothly(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return maps (B, C, h, w) at another size, averaged when they become smaller; Metal leaves this to the host."""
    given = maps.cpu() if maps.device.type == "mps" else maps
    return interpolate(given, size, mode="bilinear", antialias=True).to(maps.device)


def resize_to_video(logits: torch.Tensor, video: Video) -> torch.Tensor:
    """Return mask logits (P, 1, h, w) as masks at the size of the video, bool (P, H, W) on their device.

    One object after the other is resized, which needs little memory.
    """
    masks = torch.empty((len(logits), video.height, video.width), dtype=torch.bool, device=logits.device)
    for mask, each in zip(masks, logits, strict=True):
        torch.gt(interpolate(each[None], mask.shape, mode="bilinear")[0, 0], 0, out=mask)
    return masks
