"""Non-maximum suppression and connected components for SAM 3, which transformers otherwise fetches as compiled code.

Without these two, the library tracks duplicates and leaves holes and sprinkles in masks, and only logs it.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from transformers.models.sam3_video import modeling_sam3_video


class LocalKernels:
    """The two functions of the library's kernel ``cv-utils`` that SAM 3 calls, computed on the host."""

    def generic_nms(
        self, ious: torch.Tensor, scores: torch.Tensor, iou_threshold: float, use_iou_matrix: bool = True
    ) -> torch.Tensor:
        """Return the indices of the detections that remain, best first, from IoU (N, N) and scores (N,).

        A detection is dropped if a better one that remains overlaps it by more than ``iou_threshold``.
        """
        overlapping = (ious > iou_threshold).cpu().numpy()
        remaining: list[int] = []
        for index in scores.float().argsort(descending=True, stable=True).tolist():
            if not overlapping[index, remaining].any():
                remaining.append(index)
        return torch.tensor(remaining, dtype=torch.long, device=ious.device)

    def cc_2d(self, masks: torch.Tensor, get_counts: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the component of each pixel of masks uint8 (B, 1, h, w), 0 outside, and its area; connectivity is 8."""
        labels = np.zeros(masks.shape, np.int32)
        areas = np.zeros(masks.shape, np.int32)
        for index, mask in enumerate(masks[:, 0].cpu().numpy()):
            _, labels[index, 0], stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
            counts = stats[:, cv2.CC_STAT_AREA]
            counts[0] = 0
            areas[index, 0] = counts[labels[index, 0]]
        return torch.from_numpy(labels).to(masks.device), torch.from_numpy(areas).to(masks.device)


def install_kernels() -> None:
    """Let transformers call these functions, so that it fetches none."""
    modeling_sam3_video.cv_utils_kernel = LocalKernels()
