"""What kind a model is, whether it fits what is asked of it, and what to do where it cannot be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alref import devices
from alref_transformers import places

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions

FAULTS = (OSError, ValueError, ImportError, AttributeError, RuntimeError)
"""What the library raises for a model that it cannot load."""


def problems(options: TransformersOptions, device: str) -> list[str]:
    """Say that torch has no such device or numbers, or that the model cannot do what the options want."""
    if said := devices.problems(device, options.dtype):
        return said
    try:
        kind = config(options).model_type
    except FAULTS as error:
        return [cause(error, options)]
    if sees(kind):
        return [_torchvision(options)] if _reads_videos(kind) else []
    if not _writes(kind):
        return [f"{options.model} is a {kind}, which answers no questions: -o reasoner.model=NAME of a chat model"]
    return [f"{options.model} sees no pictures: -o reasoner.vision=false, or another model"] if options.vision else []


def origin(options: TransformersOptions) -> dict[str, Any]:
    """Say where a model comes from, as the library's loaders take it; no code comes with it."""
    revision = options.revision or "main"
    return {"pretrained_model_name_or_path": places.weights(options).source(), "revision": revision, "trust_remote_code": False}


def config(options: TransformersOptions) -> Any:
    """Return the model's configuration. Raises one of FAULTS."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(**origin(options))


def sees(kind: str) -> bool:
    """Say whether models of a kind read pictures and words, and answer in words."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    return kind in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES


def _writes(kind: str) -> bool:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def _reads_videos(kind: str) -> bool:
    """Say whether the kind's processor asks for torchvision, which is not there: all that read videos do."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES, processor_class_from_name
    from transformers.utils import is_torchvision_available

    name = PROCESSOR_MAPPING_NAMES.get(kind)
    if name is None or is_torchvision_available():
        return False
    try:
        return "video_processor" in processor_class_from_name(name).get_attributes()
    except ImportError:
        return True


def _torchvision(options: TransformersOptions) -> str:
    from torch import __version__

    return f"{options.model} needs torchvision, of the build that fits torch {__version__}: pip install torchvision"


def _first(error: BaseException) -> BaseException:
    """Return the error that the others follow from."""
    return error if error.__cause__ is None else _first(error.__cause__)


def cause(error: Exception, options: TransformersOptions) -> str:
    """Say in one line why a model cannot be loaded, and what to do."""
    said = " ".join(str(error).split())
    if devices.out_of_memory(error):
        return f"{options.model} does not fit into the memory: -o reasoner.dtype=bfloat16, a smaller model, or --device cpu"
    if "trust_remote_code" in said or "does not recognize this architecture" in said:
        return (
            f"{options.model} is of a kind that this release of transformers does not know, and code that comes with a"
            " model is not run: pip install -U transformers, or choose another model"
        )
    if isinstance(error, ImportError):
        first = _first(error)
        if "torchvision" in str(first).lower():
            return _torchvision(options)
        return f"{options.model} needs a library that is missing or does not fit ({first}): pip install what is named"
    return f"{options.model} cannot be loaded ({said[:300]}): -o reasoner.model=NAME or FOLDER of another"
