"""Read shipped presets and configuration files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from alref.errors import ConfigError, suggest_names
from alref.utils.yaml_files import parse_yaml, read_yaml_file, require_mapping

DEFAULT_PRESET = "baseline"
MODEL_PRESET = "standard"  # fills open slots as soon as a setting names a component that brings a model


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a configuration file. Raises ConfigError if it is missing, not plain YAML or not a mapping."""
    return require_mapping(read_yaml_file(path), str(path))


def list_presets() -> list[str]:
    """List the shipped presets by name."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files("alref.presets").iterdir() if entry.name.endswith(".yaml")
    )


def read_preset(name: str) -> dict[str, Any]:
    """Read a shipped preset. Raises ConfigError that lists the presets if the name is unknown."""
    if name not in list_presets():
        raise ConfigError(
            f"preset: unknown preset {name!r}{suggest_names(name, list_presets())}; presets: {', '.join(list_presets())}"
        )
    text = files("alref.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return require_mapping(parse_yaml(text, f"preset {name}"), f"preset {name}")
