"""Resolve YAML and flags to a configuration: the component of each slot with all its options.

Later layers override earlier ones: preset, YAML file, flags. Without a preset, the embedded components fill the slots that are
left open, or models do as soon as one of the chosen components brings a model. A layer that names another component for a slot
drops the options that earlier layers set for it. ``reasoner`` stands for ``temporal``, ``spatial``, ``selector`` and
``reviewer``; ``unifier`` for those of ``unifier``, ``tagger``, ``transcriber`` and ``locator`` that the component can fill, and
an option for those whose component has it.
"""

from __future__ import annotations

from alref.config.configuration import Configuration, RunOptions, SlotConfiguration, SlotConfigurations, VideoOptions
from alref.config.layers import UNIFIER_SLOTS, Layer
from alref.config.preset_files import DEFAULT_PRESET, MODEL_PRESET, list_presets, read_config_file, read_preset
from alref.config.resolve import MAX_REPEATS, choose_preset, resolve_config
from alref.config.schema import build_schema

__all__ = [
    "DEFAULT_PRESET",
    "MAX_REPEATS",
    "MODEL_PRESET",
    "UNIFIER_SLOTS",
    "Configuration",
    "Layer",
    "RunOptions",
    "SlotConfiguration",
    "SlotConfigurations",
    "VideoOptions",
    "build_schema",
    "choose_preset",
    "list_presets",
    "read_config_file",
    "read_preset",
    "resolve_config",
]
