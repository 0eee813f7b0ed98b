"""The grid file of an ablation: base settings, varied settings and the resulting rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from alref.ablation.user_videos import check_videos_exist
from alref.components import options
from alref.components.base import StageOptions
from alref.config import Configuration, Layer, choose_preset, read_config_file, resolve_config
from alref.errors import ConfigError
from alref.pipeline.stage_cache import compute_key
from alref.plugins.manager import PluginManager

BASE_ROW_NAME = "base"
MAX_NAME_LENGTH = 80


class DatasetSelection(StageOptions):
    """The part of a dataset that every row is scored on."""

    dataset: str = Field(description="name of the dataset")
    root: Path = Field(description="folder of the dataset as downloaded")
    split: str = Field("", description="split; default: the usual one of the dataset")
    videos: tuple[str, ...] = Field((), description="use only these videos, by name")
    limit: int | None = Field(None, ge=1, description="use only the first N videos")
    protocols: tuple[str, ...] = Field((), description="evaluation protocols; default: all of the dataset")


class AblationConfig(StageOptions):
    """The content of a grid file."""

    base: str | dict[str, Any] = Field({}, description="preset, YAML file, or settings that all rows share")
    data: dict[str, Any] = Field({}, description="dataset, root, split, videos, limit, protocols")
    videos: dict[str, tuple[str, ...] | str] = Field({}, description="videos with expressions, or with a file of references")
    vary: dict[str, tuple[Any, ...]] = Field({}, description="values of settings, by dotted path")
    mode: Literal["grid", "one-at-a-time"] = Field("grid", description="all combinations, or one change in each row")
    rows: dict[str, dict[str, Any] | None] = Field({}, description="settings of each row by its name, the base first")

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        if bool(self.data) == bool(self.videos):
            raise ValueError("expected one of data and videos")
        if bool(self.vary) == bool(self.rows):
            raise ValueError("expected one of vary and rows")
        if self.rows and "mode" in self.model_fields_set:
            raise ValueError("mode applies only to vary; remove it, or replace rows by vary")
        if not all(map(str.strip, self.rows)):
            raise ValueError("rows: expected a name for each row, got a blank one")
        if empty := [path for path, values in self.vary.items() if not values]:
            raise ValueError(f"vary.{empty[0]}: expected a list of values, got an empty one")
        for path, values in self.vary.items():
            words = [format_settings(value) for value in values]
            if twice := [word for index, word in enumerate(words) if word in words[:index]]:
                raise ValueError(f"vary.{path}: expected different values, got {twice[0]!r} twice")
        return self


@dataclass(frozen=True)
class AblationRow:
    """One row: its name, its varied values and its configuration."""

    name: str
    values: tuple[str, ...]
    config: Configuration

    @property
    def folder_name(self) -> str:
        """Return the folder name: the row name in characters that every file system accepts."""
        plain = re.sub(r"[^\w.=+-]+", "-", self.name).strip("-.")
        return (
            plain
            if plain == self.name and len(plain) <= MAX_NAME_LENGTH
            else f"{plain[:MAX_NAME_LENGTH]}-{compute_key(self.name)[:8]}"
        )


@dataclass(frozen=True)
class Ablation:
    """A resolved ablation. ``columns`` are the headers of the varied values; the first row is the baseline."""

    path: Path
    grid: AblationConfig
    columns: tuple[str, ...]
    rows: tuple[AblationRow, ...]

    @property
    def data(self) -> DatasetSelection | None:
        """Return the dataset, its folder relative to the file; None if the file lists videos."""
        if not self.grid.data:
            return None
        found = options.build_options(DatasetSelection, self.grid.data, "data")
        return found.model_copy(update={"root": self.path.parent / found.root.expanduser()})


RowSettings = dict[str, Any]


def read_ablation(path: Path, plugins: PluginManager) -> Ablation:
    """Read an ablation and resolve all its rows. Raises ConfigError that lists every problem with its row."""
    grid = options.build_options(AblationConfig, read_config_file(path), str(path))
    base = _read_base_settings(grid.base, path.parent)
    base = {"preset": choose_preset(plugins, [base]), **base}  # a row that names a model does not change the other slots
    rows, problems = [], []
    for name, values, settings in _expand_rows(grid):
        try:
            rows.append(AblationRow(name, values, _resolve_row(base, settings, plugins)))
        except ConfigError as error:
            problems += [f"row {name!r}: {line}" for line in str(error).splitlines()]
    if problems:
        raise ConfigError("\n".join(problems))
    if grid.vary and grid.mode == "one-at-a-time":
        rows = [rows[0], *(row for row in rows[1:] if row.config.to_dict() != rows[0].config.to_dict())]
    columns = tuple(grid.vary) if grid.vary and grid.mode == "grid" else ("row",)
    found = Ablation(path, grid, columns, tuple(rows))
    _check_rows(found)
    return found


def _expand_rows(grid: AblationConfig) -> list[tuple[str, tuple[str, ...], RowSettings]]:
    """List the name, the varied values and the settings by dotted path of each row."""
    if grid.rows:
        return [(name, (name,), settings or {}) for name, settings in grid.rows.items()]
    if grid.mode == "one-at-a-time":
        changes = [
            (f"{path}={format_settings(value)}", {path: value}) for path, values in grid.vary.items() for value in values
        ]
        return [(BASE_ROW_NAME, (BASE_ROW_NAME,), {}), *((name, (name,), setting) for name, setting in changes)]
    crossed = []
    for values in product(*grid.vary.values()):
        words = tuple(map(format_settings, values))
        name = ", ".join(f"{path}={word}" for path, word in zip(grid.vary, words, strict=True))
        crossed.append((name, words, dict(zip(grid.vary, values, strict=True))))
    return crossed


def format_settings(value: Any) -> str:
    """Format a value on one line."""
    if isinstance(value, str):
        return value
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _read_base_settings(base: str | RowSettings, folder: Path) -> Layer:
    """Return the settings that all rows share; the path of a file is relative to ``folder``."""
    if isinstance(base, str):
        return read_config_file(folder / base) if base.endswith((".yaml", ".yml")) else {"preset": base}
    return base


def _resolve_row(base: Layer, settings: RowSettings, plugins: PluginManager) -> Configuration:
    """Apply settings to the base: components first, because they reset options."""
    layers = [base]
    for path, value in sorted(settings.items(), key=lambda item: "." in item[0]):
        slot, dot, option = path.partition(".")
        layers.append({slot: {option: value}} if dot else {slot: value})
    return resolve_config(plugins, layers)


def _check_rows(ablation: Ablation) -> None:
    """Check for conflicts between rows or with the data, and for missing videos."""
    check_videos_exist(ablation.path, ablation.grid.videos)
    places: dict[str, str] = {}
    problems = []
    for row in ablation.rows:
        if (other := places.setdefault(row.folder_name.lower(), row.name)) != row.name:
            problems.append(f"{ablation.path}: rows {other!r} and {row.name!r} would share a folder; rename one")
        if row.config.repeats > 1:
            problems.append(f"row {row.name!r}: repeats: an ablation runs each row once; remove it")
        if ablation.data and row.config.video.model_fields_set:
            problems.append(f"row {row.name!r}: video: not allowed with a dataset; remove it, or use videos instead of data")
    if problems:
        raise ConfigError("\n".join(problems))
