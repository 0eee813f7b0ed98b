"""Plain YAML: no duplicate keys and no tags; errors name the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from alref.errors import ConfigError


def read_yaml_file(path: Path, *, as_typed: bool = False) -> Any:
    """Read plain YAML data; if ``as_typed``, every scalar is the text in the file: ``no`` and ``010`` stay what they are.

    Raises ConfigError if the file is missing, not text or not plain YAML.
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8-sig"), str(path), as_typed=as_typed)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as text: {error}") from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Reads plain YAML and rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(problem=f"{key.value!r} twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class _TextLoader(_UniqueKeyLoader):
    """Reads plain YAML whose scalars are text, as typed; only the merge key ``<<`` keeps its meaning."""

    yaml_implicit_resolvers = {"<": yaml.SafeLoader.yaml_implicit_resolvers["<"]}


def parse_yaml(text: str, where: str, *, as_typed: bool = False) -> Any:
    """Parse plain YAML data. Raises ConfigError with the line, also for duplicate keys and tags such as ``!!python/object``."""
    try:
        return yaml.load(text, _TextLoader if as_typed else _UniqueKeyLoader)  # noqa: S506 - safe loaders
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{line}: expected plain YAML, got: {getattr(error, 'problem', None) or error}") from None


def require_mapping(data: Any, where: str) -> dict[str, Any]:
    """Return data with names as keys, such as the settings of a configuration. Raises ConfigError."""
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ConfigError(f"{where}: expected a mapping such as 'propagator: sam2', got {type(data).__name__}")
    return data
