"""Checks that a model supports the options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alref import MissingError, Problem
from alref.models import devices, transformers_loading
from alref.models.model_types import fetch_model_type
from alref_transformers import model_files

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

OTHER_MODEL_HINT = "-o reasoner.model=NAME or FOLDER of another"
"""Hint for a model that cannot be loaded."""


def find_problems(options: TransformersOptions, device: str) -> list[Problem]:
    """Return problems if torch does not have the device or dtype, or the model does not support the options."""
    if problems := devices.find_device_problems(device, options.dtype):
        return problems
    try:
        kind = fetch_model_type(model_files.describe_weights(options))
    except MissingError as error:
        return error.problems
    if supports_images(kind):
        return [transformers_loading.make_torchvision_problem(options.model)] if _needs_torchvision(kind) else []
    if not _supports_generation(kind):
        from transformers import __version__

        message = f"{options.model} is a model of type {kind}, which transformers {__version__} cannot chat with"
        hint = "pip install -U transformers"
        return [Problem(option="model", message=message, hint=hint, value="NAME of a chat model")]
    message = f"{options.model} does not see images"
    return [Problem(option="vision", message=message, hint="another model", value="false")] if options.vision else []


def supports_images(model_type: str) -> bool:
    """Return whether models of a type accept images and text, and generate text."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES


def _supports_generation(model_type: str) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def _needs_torchvision(model_type: str) -> bool:
    """Return whether the processor needs torchvision, which is not installed; all processors of videos need it."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name
    from transformers.utils import is_torchvision_available

    name = PROCESSOR_MAPPING_NAMES.get(model_type)
    if name is None or is_torchvision_available():
        return False
    try:
        return "video_processor" in processor_class_from_name(name).get_attributes()
    except ImportError:
        return True
