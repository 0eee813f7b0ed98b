"""A loaded SAM 3 and the tracking of nouns through a video, by the library's own loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import interpolate
from transformers import AutoConfig, AutoTokenizer, Sam3VideoModel

from alref import InputError, ObjectTrack, Video, encode_mask
from alref.models import devices
from alref.models.transformers_loading import hide_library_output, load_complete_model, translate_model_errors
from alref_sam3._kernels import install_kernels
from alref_sam3._session import ReadingLimits, VideoSession
from alref_sam3.image_size import MASK_CELLS, PATCH_SIZE
from alref_sam3.track_builder import TrackBuilder

if TYPE_CHECKING:
    from alref_sam3 import Sam3Options

MAX_NOUN_TOKENS = 32
"""Tokens of a noun that the text encoder reads, with those of its start and end."""


class Sam3VideoRunner:
    """A model on a device. Raises ConfigError or MissingError if it cannot be loaded."""

    def __init__(self, options: Sam3Options, device: str, folder: Path) -> None:
        self._device = devices.resolve_device(device)
        self._dtype = devices.resolve_dtype(options.dtype, device)
        install_kernels()
        with translate_model_errors(options.model, self._device, alternative="-o tracker.model=NAME", expected_kind="sam3"):
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            if options.image_size is not None:
                config.image_size = options.image_size
                config.low_res_mask_size = options.image_size // PATCH_SIZE * MASK_CELLS
            model = load_complete_model(Sam3VideoModel, folder, config=config)
            devices.convert_weights(model, self._dtype)
            self.model = model.to(self._device)
        if options.compile:
            self.model.detector_model.vision_encoder.compile()

    def track(self, video: Video, nouns: list[str], advance: Callable[[int, int], None]) -> list[ObjectTrack]:
        """Return the tracks of all nouns. ``advance`` is called with the numbers of finished and of all frames.

        Raises InputError for a noun that is too long, MissingError if memory is too small.
        """
        if not nouns:
            return []
        session = self.create_session(video, nouns, lambda frame: advance(frame, len(video)))
        builder = TrackBuilder(len(video), (video.height, video.width))
        full = f"the memory of {self._device} is too small for the objects of this video: name fewer nouns, or --max-size 1280"
        with devices.translate_memory_errors(full), hide_library_output(), devices.autocast(self._device, self._dtype):
            for output in self.model.propagate_in_video_iterator(session):
                _add_masks(builder, session, output)
        advance(len(video), len(video))
        return builder.build_tracks(nouns)

    def create_session(self, video: Video, nouns: list[str], start_frame: Callable[[int], None]) -> VideoSession:
        """Return a session that searches for the nouns in a video; ``start_frame`` is called with the number of each frame."""
        config, tracker = self.model.config, self.model.tracker_model
        limits = ReadingLimits(
            memories=tracker.num_maskmem - 1,
            pointers=max(tracker.num_maskmem, tracker.config.max_object_pointers_in_encoder) - 1,
            conditioned=tracker.config.max_cond_frame_num,
            unmatched=config.hotstart_unmatch_thresh,
            duplicate=config.hotstart_dup_thresh,
        )
        session = VideoSession(video, config.image_size, self.model.device, limits, start_frame)
        for noun in nouns:
            tokens = self._tokenizer(noun, return_tensors="pt", padding="max_length", max_length=MAX_NOUN_TOKENS)
            if (count := tokens.input_ids.shape[1]) > MAX_NOUN_TOKENS:
                raise InputError(f"SAM 3 searches for a noun of at most {MAX_NOUN_TOKENS} tokens, got {count}: {noun[:80]!r}")
            number = session.add_prompt(noun)
            session.prompt_input_ids[number] = tokens.input_ids.to(self.model.device)
            session.prompt_attention_masks[number] = tokens.attention_mask.to(self.model.device)
        return session


def _add_masks(builder: TrackBuilder, session: VideoSession, output: Any) -> None:
    """Add the masks of a frame, without objects that the library hides there."""
    hidden = {*(output.suppressed_obj_ids or ()), *session.hotstart_removed_obj_ids}
    masks = _resize_masks(session, {each: cells for each, cells in output.obj_id_to_mask.items() if each not in hidden})
    scores = {each: float(output.obj_id_to_tracker_score.get(each, 0.0)) for each in masks}
    nouns = {each: session.prompts[session.obj_id_to_prompt_id[each]] for each in masks}
    if len(masks) > 1:
        groups = [[each for each in masks if nouns[each] == noun] for noun in dict.fromkeys(nouns.values())]
        separate = [_separate_masks({each: masks[each] for each in group}, scores) for group in groups]
        masks = {each: mask for group in separate for each, mask in group.items()}
    for each, mask in masks.items():
        score = float(output.obj_id_to_score[each])
        builder.add_mask(each, nouns[each], output.frame_idx, encode_mask(mask), scores[each], score)


def _resize_masks(session: VideoSession, maps: dict[int, torch.Tensor]) -> dict[int, npt.NDArray[np.bool_]]:
    """Return the masks of objects at the size of the video, bool (H, W) each; objects without a pixel are left out."""
    if not maps:
        return {}
    size = (session.video_height, session.video_width)
    whole = [interpolate(maps[each][None].float(), size, mode="bilinear")[0, 0] > 0 for each in sorted(maps)]
    found = dict(zip(sorted(maps), torch.stack(whole).cpu().numpy(), strict=True))
    return {each: mask for each, mask in found.items() if mask.any()}


def _separate_masks(masks: dict[int, npt.NDArray[np.bool_]], scores: dict[int, float]) -> dict[int, npt.NDArray[np.bool_]]:
    """Give each pixel to the object of the highest score, of equals to the first, as the library does for one noun."""
    taken = np.zeros(next(iter(masks.values())).shape, np.bool_)
    separate = {}
    for each in sorted(masks, key=lambda each: -scores[each]):
        separate[each] = masks[each] & ~taken & (scores[each] > 0)
        taken |= masks[each]
    return separate
