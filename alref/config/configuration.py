"""A resolved configuration: the component of each slot with all its options, and the options of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from pydantic import Field

from alref.components import options
from alref.components.base import StageOptions
from alref.errors import ConfigError
from alref.plugins.registered import RegisteredComponent


class VideoOptions(StageOptions):
    """Options for reading a video."""

    start: float | None = Field(None, ge=0, description="first second to read")
    end: float | None = Field(None, gt=0, description="second to stop before")
    every: int = Field(1, ge=1, description="read only every n-th frame")
    max_size: int | None = Field(None, ge=16, description="shrink frames so that the longer side has at most this many pixels")
    audio_track: int = Field(0, ge=0, description="index of the audio track, counted from 0")
    video_track: int | None = Field(None, ge=0, description="index of the video track, counted from 0; default FFmpeg's choice")
    fps: float | None = Field(None, gt=0, description="frames per second of images without times; default 24")


class RunOptions(StageOptions):
    """Options of the run that do not belong to a single component."""

    order: Literal["pivot", "tracks"] = Field("pivot", description="how the engine calls the components")
    fallback: Literal["none", "first-frame"] = Field(
        "none", description="for a text without any box: report it as absent, or start from the best box of the first frame"
    )
    rounds: int = Field(3, ge=1, le=8, description="order tracks: how often undecided tracks are shown to the selector")
    attempts: int = Field(3, ge=1, le=8, description="order tracks: how many nouns are tried for a phrase until one is found")
    review: int = Field(0, ge=0, le=8, description="rounds in which wrong masks are found and repaired; 0 asks for no review")
    audit: bool = Field(True, description="order tracks: ask whether the object is in the video, after its tracks were picked")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="device that models run on")
    tune: bool = Field(True, description="tune threads and allocator for CPU inference")


@dataclass(frozen=True)
class SlotConfiguration:
    """The component that fills a slot, with its options; ``use`` is its unambiguous name."""

    component: RegisteredComponent
    options: StageOptions
    use: str


class SlotConfigurations(dict[str, SlotConfiguration]):
    """The choice for each slot. A slot whose default component is not available raises ConfigError with the reason."""

    def __init__(self, choices: Mapping[str, SlotConfiguration], unavailable: Mapping[str, str]) -> None:
        super().__init__(choices)
        self.unavailable = {slot: f"{slot}: {reason.removeprefix(f'{slot}: ')}" for slot, reason in unavailable.items()}

    def __missing__(self, slot: str) -> SlotConfiguration:
        raise ConfigError(self.unavailable[slot])

    def require_slots(self, slots: Iterable[str]) -> None:
        """Raise ConfigError with the reasons if any of these slots is not available."""
        if reasons := [self.unavailable[slot] for slot in slots if slot in self.unavailable]:
            raise ConfigError("\n".join(reasons))


@dataclass(frozen=True)
class Configuration:
    """A resolved configuration; ``note`` says which preset filled open slots, and which names several plugins register.

    ``repeats`` is how often ``alref eval`` runs it; it changes no output, and is not part of ``to_dict``.
    """

    run: RunOptions
    video: VideoOptions
    slots: SlotConfigurations
    note: str = ""
    repeats: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with every default filled in, as stored in ``run.yaml`` and accepted by ``resolve_config``."""
        data: dict[str, Any] = {**self.run.model_dump(mode="json"), "video": self.video.model_dump(mode="json")}
        for slot, choice in self.slots.items():
            data[slot] = {"use": choice.use, **choice.options.model_dump(mode="json")}
        return data

    def get_output_settings(self) -> dict[str, Any]:
        """Return the settings that outputs depend on: without devices, threads, timeouts and budgets, with versions."""
        data = self.to_dict()
        for slot, choice in self.slots.items():
            data[slot] = {
                name: value for name, value in data[slot].items() if name not in choice.component.cls.resource_options
            }
        del data["device"], data["tune"]
        return {**data, "versions": self.get_versions()}

    def get_versions(self) -> dict[str, str]:
        """Return the distributions that the components come from, with their versions."""
        return {choice.component.distribution: choice.component.version for choice in self.slots.values()}

    def to_yaml(self) -> str:
        """Write the whole configuration as YAML, each option with its help as a comment."""
        data = self.to_dict()
        lines = [_format_option(row, data[row.name]) for row in options.describe_options(RunOptions)]
        lines += [
            "video:",
            *(f"  {_format_option(row, data['video'][row.name])}" for row in options.describe_options(VideoOptions)),
        ]
        for slot, choice in self.slots.items():
            summary = (choice.component.cls.__doc__ or "").strip().partition("\n")[0]
            lines += [f"{slot}:", f"  use: {choice.use}  # {summary}"]
            lines += [
                f"  {_format_option(row, data[slot][row.name])}"
                for row in options.describe_options(choice.component.cls.Options)
            ]
        lines += [f"# {reason}" for reason in self.slots.unavailable.values()]
        return "\n".join(lines) + "\n"


def _format_option(row: options.OptionRow, value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
    return f"{row.name}: {text}  # {row.help} ({row.type})"
