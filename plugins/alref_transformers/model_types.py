"""Type and configuration of a model, and checks that it supports the options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alref.errors import MissingError, Problem
from alref.models import devices, transformers_loading
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
        kind = load_config(options).model_type
    except MissingError as error:
        return error.problems
    if supports_images(kind):
        return [transformers_loading.make_torchvision_problem(options.model)] if _needs_torchvision(kind) else []
    if not _supports_generation(kind):
        message = f"{options.model} is of the kind {kind}, which does not answer questions"
        return [Problem(option="model", message=message, value="NAME of a chat model")]
    message = f"{options.model} does not see images"
    return [Problem(option="vision", message=message, hint="another model", value="false")] if options.vision else []


def load_config(options: TransformersOptions) -> Any:
    """Return the configuration of the model, from the hub if it is not local. Raises MissingError."""
    from transformers import AutoConfig

    place, revision = model_files.describe_weights(options).get_source(), options.revision or "main"
    with transformers_loading.translate_model_errors(options.model, "cpu", OTHER_MODEL_HINT):
        return AutoConfig.from_pretrained(place, revision=revision, trust_remote_code=False)


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
