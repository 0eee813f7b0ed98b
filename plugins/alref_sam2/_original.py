"""The original video predictor of SAM 2 (package ``sam2``), for runs that need exactly that code.

It reads the frames of a Video one by one, while the package alone needs a folder of JPEG files. Objects that start on the same
frames share a predictor state, which holds the memory of every frame until the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np
from PIL import Image

from alref import FrameMasks, InputError, Mask, PivotBox, Problem, Rle, Video, decode_mask, encode_mask, list_object_phrases
from alref.models import devices

if TYPE_CHECKING:
    import torch

    from alref_sam2 import Sam2Options

INSTALL_COMMAND = (
    "SAM2_BUILD_CUDA=0 pip install --no-build-isolation --no-deps sam2==1.1.0"
    " && pip install --no-deps iopath portalocker && pip install 'hydra-core>=1.3.2'"
)
MEAN, STD = np.array([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)], np.float32)
UNSUPPORTED_OPTIONS = ("resize", "compile", "feature_memory", "gate", "memory", "remove_sprinkles", "logits", "mask_resize")
SIZE_LETTERS = {"tiny": "t", "small": "s", "base-plus": "b+", "large": "l"}

PivotGroups = dict[tuple[int, ...], list[int]]


class ScoredRle(NamedTuple):
    """One object on one frame."""

    mask: Rle
    score: float


def find_problems(options: Sam2Options) -> list[Problem]:
    """Return problems of the authors' package: what is missing, and which options it does not take."""
    absent = [name for name in ("sam2", "hydra", "iopath") if find_spec(name) is None]
    found = [Problem(message=f"backend original needs {', '.join(absent)}", hint=INSTALL_COMMAND)] if absent else []
    changed = [name for name in UNSUPPORTED_OPTIONS if getattr(options, name) != type(options).model_fields[name].default]
    if changed:
        message = f"backend original does not take {', '.join(changed)}"
        found.append(Problem(option="backend", message=message, hint="leave it out", value="transformers"))
    return found


def get_checkpoint_name(model: str) -> str:
    """Return the file name of a checkpoint in a repository: sam2.1_hiera_small.pt in facebook/sam2.1-hiera-small."""
    return f"{Path(model).name.replace('-', '_')}.pt"


class OriginalPredictor:
    """The original predictor with the weights of an original checkpoint, on a device.

    ``source`` is the checkpoint, or a folder that contains it. Raises ConfigError if the checkpoint is not usable.
    """

    def __init__(self, options: Sam2Options, device: str, source: str) -> None:
        place = Path(source)
        self._device = devices.resolve_device(device)
        self._dtype = devices.resolve_dtype(options.dtype, device)
        self._prompt = options.prompt
        checkpoint = place / get_checkpoint_name(options.model) if place.is_dir() else place
        self._predictor = build_predictor(checkpoint, self._device, options.image_size)
        self._predictor.fill_hole_area = options.fill_holes

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects, each frame once: forward and backward from the middle pivot of each object."""
        if any(box.points is not None or (box.finding == "absent" and box.pivot.frame is not None) for box in boxes):
            message = "backend original takes boxes and masks, and no points or absent frames"
            raise InputError(Problem(slot="propagator", option="backend", message=message, value="transformers"))
        count = len(list_object_phrases(boxes))
        waiting: dict[int, dict[int, ScoredRle]] = {}
        for members in group_by_pivots(boxes).values():
            for frame, seen in self._track_group(video, boxes, members):
                whole = waiting.setdefault(frame, {})
                whole |= seen
                if len(whole) == count:
                    yield _build_frame_masks(frame, waiting.pop(frame))

    def _track_group(
        self, video: Video, boxes: list[PivotBox], members: list[int]
    ) -> Iterator[tuple[int, dict[int, ScoredRle]]]:
        """Yield each frame once with the objects of one group, which start on the same frames."""
        import torch

        with torch.inference_mode(), devices.autocast(self._device, self._dtype):
            state = init_video_state(self._predictor, video)
            pivots = sorted(self._add_group_prompts(state, boxes, members))
        start = pivots[len(pivots) // 2]
        for reverse in (False, True):
            steps = self._predictor.propagate_in_video(state, start_frame_idx=start, reverse=reverse)
            while (step := self._run_step(steps)) is not None:
                frame, _, logits = step
                if not (reverse and frame == start):
                    yield frame, {each: _read_prediction(state, place, frame, logits) for place, each in enumerate(members)}

    def _run_step(self, steps: Iterator[Any]) -> Any:
        """Run one step under autocast, without leaking the autocast state to the consumer of the generator."""
        with devices.autocast(self._device, self._dtype):
            return next(steps, None)

    def _add_group_prompts(self, state: Any, boxes: list[PivotBox], members: list[int]) -> set[int]:
        """Add the prompts of each object to the predictor; return the pivot frames."""
        phrases = list_object_phrases(boxes)
        frames = set()
        for each in members:
            for box in (box for box in boxes if box.pivot.phrase == phrases[each]):
                assert box.pivot.frame is not None, "a pivot box has a frame"
                self._add_prompt(state, box, box.pivot.frame, each)
                frames.add(box.pivot.frame)
        return frames

    def _add_prompt(self, state: Any, box: PivotBox, frame: int, index: int) -> None:
        """Add a prompt: the given mask, the box, or the mask that the image model predicts for the box."""
        if box.mask is None and self._prompt == "box":
            self._predictor.add_new_points_or_box(state, frame, index, box=box.xyxy)
            return
        mask = box.mask if box.mask is not None else compute_image_mask(self._predictor, state, frame, box)
        self._predictor.add_new_mask(state, frame, index, mask)


def build_predictor(checkpoint: Path, device: str, image_size: int | None) -> Any:
    """Build the original predictor for a checkpoint, with size and version derived from its tensors. Raises ConfigError."""
    from alref_sam2 import _checkpoints

    tensors = _checkpoints.read_tensors(checkpoint)
    letter = SIZE_LETTERS[_checkpoints.detect_size(tensors, checkpoint).name]
    version = "sam2.1" if _checkpoints.is_sam21(tensors) else "sam2"
    settings = [f"++model.image_size={image_size}"] if image_size else []
    name = f"configs/{version}/{version}_hiera_{letter}.yaml"
    build = import_module("sam2.build_sam").build_sam2_video_predictor
    predictor = build(name, device=device, hydra_overrides_extra=settings)
    _checkpoints.load_tensors(predictor, tensors, checkpoint)
    return predictor


def init_video_state(predictor: Any, video: Video) -> Any:
    """Return a new predictor state for a video, which reads frames lazily and shows no progress bars.

    Without the package's CUDA kernel, which a plain installation does not build, holes are filled by alref.
    """
    from alref_sam2._mask_cleanup import clean_logits

    module: Any = import_module("sam2.sam2_video_predictor")
    module.tqdm = lambda order, desc: order
    if find_spec("sam2._C") is None:
        module.fill_holes_in_mask_scores = partial(clean_logits, max_sprinkle_area=0)
    with patch.object(module, "load_video_frames", _load_images):
        return predictor.init_state(video)


def _load_images(video_path: Video, image_size: int, **_: object) -> tuple[ImageSequence, int, int]:
    return ImageSequence(video_path, image_size), video_path.height, video_path.width


class ImageSequence:
    """The frames of a video as the package expects them: float32 (3, S, S), resized by Pillow and normalized, one at a time."""

    def __init__(self, video: Video, size: int) -> None:
        self._video = video
        self._size = size

    def __len__(self) -> int:
        return len(self._video)

    def __getitem__(self, index: int) -> torch.Tensor:
        import torch

        picture = Image.fromarray(self._video.read_frame(index)).resize((self._size, self._size), Image.Resampling.BICUBIC)
        scaled = (np.asarray(picture, np.float32) / 255 - MEAN) / STD
        return torch.from_numpy(scaled.transpose(2, 0, 1))


def compute_image_mask(predictor: Any, state: Any, frame: int, box: PivotBox) -> Mask:
    """Return the mask (H, W) of a box on one image, computed with modules of the predictor as in the image predictor of the
    package: from its first token, regardless of stability. The image predictor itself needs torchvision.
    """  # noqa: D205
    import torch

    _, _, maps, _, sizes = predictor._get_image_feature(state, frame, 1)
    *fine, coarse = (each.permute(1, 2, 0).reshape(1, -1, *size) for each, size in zip(maps, sizes, strict=True))
    scale = np.array([state["video_width"], state["video_height"]] * 2) / predictor.image_size
    corners = torch.tensor(np.asarray(box.xyxy / scale, np.float32).reshape(1, 2, 2), device=predictor.device)
    labels = torch.tensor([[2, 3]], dtype=torch.int32, device=predictor.device)
    sparse, dense = predictor.sam_prompt_encoder(points=(corners, labels), boxes=None, masks=None)
    with patch.object(predictor.sam_mask_decoder, "dynamic_multimask_via_stability", False):
        logits, *_ = predictor.sam_mask_decoder(
            image_embeddings=coarse + predictor.no_mem_embed.reshape(1, -1, 1, 1),
            image_pe=predictor.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
            repeat_image=False,
            high_res_features=fine,
        )
    _, whole = predictor._get_orig_video_res_output(state, logits.float())
    mask: Mask = (whole[0, 0] > 0).cpu().numpy()
    return mask


def group_by_pivots(boxes: list[PivotBox]) -> PivotGroups:
    """Group objects, as indices on the P axis, by their pivot frames."""
    found: PivotGroups = {}
    for place, phrase in enumerate(list_object_phrases(boxes)):
        pivots = sorted({box.pivot.frame or 0 for box in boxes if box.pivot.phrase == phrase})
        found.setdefault(tuple(pivots), []).append(place)
    return found


def _read_prediction(state: Any, index: int, frame: int, logits: torch.Tensor) -> ScoredRle:
    """Return the mask of one object and the probability that it is present."""
    kept = state["output_dict_per_obj"][index]
    output = kept["cond_frame_outputs"].get(frame) or kept["non_cond_frame_outputs"][frame]
    mask: Mask = (logits[index, 0] > 0).cpu().numpy()
    return ScoredRle(encode_mask(mask), float(output["object_score_logits"].float().sigmoid()))


def _build_frame_masks(frame: int, predictions: dict[int, ScoredRle]) -> FrameMasks:
    ordered = [predictions[place] for place in sorted(predictions)]
    masks = np.stack([decode_mask(each.mask) for each in ordered])
    return FrameMasks(frame=frame, masks=masks, scores=np.array([each.score for each in ordered]))
