"""The pipeline: creates, checks, loads and calls components in the configured order, without knowing any plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock, RLock
from types import TracebackType
from typing import Any, Self

import alref.output  # noqa: F401 - a notebook can draw the results
from alref.components.base import Locator, Stage
from alref.config import Configuration, SlotConfiguration, read_config_file, resolve_config
from alref.errors import MissingError, PluginErrorContext
from alref.llm.usage import group_by_model
from alref.media.video import Video
from alref.models import cpu_tuning
from alref.pipeline import contracts, stage_cache
from alref.pipeline.orders import ORDERS
from alref.pipeline.prompts import find_prompt_problems
from alref.pipeline.references import make_ids_unique
from alref.pipeline.review import review_result
from alref.pipeline.stage_cache import StageCache
from alref.pipeline.stage_runner import StageRunner, describe_call
from alref.plugins.manager import PluginManager
from alref.plugins.registered import get_flag_slot
from alref.records import PivotBox, Reference, Track
from alref.result import Result
from alref.utils.prompt_kinds import PromptKind


class Pipeline:
    """The components of a configuration: checked, loaded when first needed, and used for any number of videos.

    Use it as a context manager, or call ``close`` at the end. ``run`` may be called for several videos from several threads:
    each component works on one video at a time, unless it declares that it may work on several.

    ``preset`` is ``baseline`` by default, or ``standard`` if the settings name a model; ``settings`` are those of a
    configuration file and override it, for example ``propagator="sam2"``. ``plugins`` are by default those of this
    installation. Raises ConfigError.
    """

    def __init__(self, preset: str | None = None, plugins: PluginManager | None = None, **settings: Any) -> None:
        found = plugins or PluginManager()
        self._set_up(resolve_config(found, [settings], preset), found)

    def _set_up(self, config: Configuration, plugins: PluginManager) -> None:
        self.config = config
        self.plugins = plugins
        self._stages = _make_stages(config.slots, config.run.device)
        for slot, choice in config.slots.items():
            stage, origin = self._stages[slot], f"{choice.component.distribution} {choice.component.version}"
            filled = [name for name in config.slots if self._stages[name] is stage]
            stage.bind(origin, plugins.notify_observers, get_flag_slot(filled))
        self._order = ORDERS[config.run.order]
        self._loaded: list[Stage] = []
        self._checked: set[Stage] = set()
        self._load_lock = Lock()
        self._identities: dict[Stage, list[Any]] = {}
        self._model_locks = {stage.shared_model: RLock() for stage in self._stages.values()}

    @classmethod
    def from_yaml(cls, path: str | Path, **settings: Any) -> Self:
        """Create a pipeline from a YAML file; ``settings`` override it (``propagator="sam2"``). Raises ConfigError."""
        plugins = PluginManager()
        return cls.from_config(resolve_config(plugins, [read_config_file(Path(path)), settings]), plugins)

    @classmethod
    def from_config(cls, config: Configuration, plugins: PluginManager) -> Self:
        """Create a pipeline from a resolved configuration."""
        pipeline = cls.__new__(cls)
        pipeline._set_up(config, plugins)
        return pipeline

    @property
    def stages(self) -> list[Stage]:
        """The components, each once, loaded or not."""
        return list(dict.fromkeys(self._stages.values()))

    def check(self, video: Video, references: Sequence[Reference]) -> None:
        """Check that these references can be segmented, before any work.

        Raises InputError for a reference that does not fit the video, MissingError with the problems of all components that
        are needed (``error.problems``), and ContractError when a component does not return problems.
        """
        references = make_ids_unique(references)
        contracts.check_references(references, video)
        needed = self._order.list_needed_slots(self.config.slots, references)
        if self.config.run.review and any(not reference.has_prompt for reference in references):
            needed = list(dict.fromkeys([*needed, "propagator", "reviewer"]))
        self._check_slots(
            needed, frozenset(kind for reference in references for prompt in reference.prompts for kind in prompt.kinds)
        )

    def check_prompts(self, kinds: frozenset[PromptKind]) -> None:
        """Check that the propagator can run and accepts these kinds of prompt, before any work. Raises MissingError."""
        self._check_slots(["propagator"], kinds)

    def load_component(self, slot: str) -> None:
        """Check and load the component of a slot before it is needed. Raises MissingError."""
        self._check_slots([slot], frozenset())
        with self._reserve_stage(slot):
            pass

    def propagate(
        self,
        video: Video,
        boxes: Sequence[PivotBox],
        output_cache: StageCache | None = None,
        advance: Callable[[int, int], object] = lambda done, total: None,
        canceled: Callable[[], bool] = lambda: False,
    ) -> list[Track]:
        """Propagate pivot boxes to one track per object, without flags; after each frame, ``advance(done, total)`` is called.

        Raises CanceledError with the frames that are done when ``canceled()`` is true after a frame.
        """
        runner = self._make_runner(video, output_cache or StageCache())
        runner.advance, runner.canceled = advance, canceled
        return runner.propagate_tracks(list(boxes))

    def _check_slots(self, needed: Sequence[str], kinds: frozenset[PromptKind]) -> None:
        """Raise MissingError with the problems of the components of these slots, and of prompts that are not accepted."""
        self.config.slots.require_slots(needed)
        if self.config.run.tune and any("torch" in self._stages[slot].needs for slot in needed):
            cpu_tuning.tune_cpu()
        elif self.config.run.tune:
            cpu_tuning.apply_thread_settings()
        problems = []
        for stage in dict.fromkeys(self._stages[slot] for slot in needed if self._stages[slot] not in self._checked):
            slot = next(slot for slot in needed if self._stages[slot] is stage)
            with PluginErrorContext(describe_call(slot, self.config.slots[slot].component, "problems")):
                found = contracts.find_problems(stage, stage.slot)
            problems += found
            if not found:
                self._checked.add(stage)
        if kinds:
            problems += find_prompt_problems(kinds, self.config.slots["propagator"].component, self.plugins)
        if problems:
            raise MissingError(*problems)

    def _make_runner(self, video: Video, cache: StageCache) -> StageRunner:
        return StageRunner(video, self.config.slots, self._reserve_stage, self._get_identity, self.plugins, cache)

    def run(self, video: Video, references: Sequence[Reference], output_cache: StageCache | None = None) -> Result:
        """Check and segment all references of one video; outputs of stages are read from and written to ``output_cache``.

        Raises what ``check`` raises, and ContractError when a plugin breaks its contract.
        """
        self.check(video, references)
        return self.run_checked(video, references, output_cache)

    def run_checked(self, video: Video, references: Sequence[Reference], output_cache: StageCache | None = None) -> Result:
        """Segment checked references. Raises ContractError if a plugin breaks its contract."""
        references = make_ids_unique(references)
        runner = self._make_runner(video, output_cache or StageCache())
        result = self._order(runner, video, references).build_result(self.config.to_dict())
        if self.config.run.review:
            result = review_result(runner, result, self.config.run.review)
        return result.model_copy(update={"usage": group_by_model(runner.usage)})

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary with the same meaning, by the locator; else None."""
        component = self.config.slots["locator"].component
        with PluginErrorContext(describe_call("locator", component, "match_names")), self._reserve_stage("locator") as locator:
            return locator.match_names(names, vocabulary) if isinstance(locator, Locator) else [None for _ in names]

    def close(self) -> None:
        """Close all loaded components."""
        while self._loaded:
            self._loaded.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _get_identity(self, slot: str) -> list[Any]:
        """Return the device and the files that a stage's outputs depend on; missing weights are downloaded first."""
        stage = self._stages[slot]
        with self._load_lock:
            if stage not in self._identities:
                places = [weights.find_complete_path() or weights.fetch_files() for weights in stage.weights()]
                self._identities[stage] = [stage.device, stage_cache.file_fingerprints([*places, *stage.list_input_files()])]
            return self._identities[stage]

    @contextmanager
    def _reserve_stage(self, slot: str) -> Iterator[Stage]:
        """Yield the loaded stage of a slot, to one video at a time unless the component is concurrent."""
        stage = self._stages[slot]
        with self._load_lock:
            if stage not in self._loaded:
                stage.load()
                self._loaded.append(stage)
        with nullcontext() if stage.concurrent else self._model_locks[stage.shared_model]:
            yield stage


def _make_stages(choices: Mapping[str, SlotConfiguration], device: str) -> dict[str, Stage]:
    """Create the stage of each slot; slots with the same component and options share one.

    Stages of one component share the model if only options differ that the model does not depend on.
    """
    made: dict[tuple[type[Stage], str], Stage] = {}
    models: dict[tuple[Any, ...], Stage] = {}
    stages = {}
    for slot, choice in choices.items():
        identity = (choice.component.cls, choice.options.model_dump_json())
        if identity not in made:
            with PluginErrorContext(describe_call(slot, choice.component, "__init__")):
                made[identity] = choice.component.cls(choice.options, device)
        stage = stages[slot] = made[identity]
        if stage.model_options:
            values = [repr(getattr(choice.options, name, None)) for name in stage.model_options]
            stage.shared_model = models.setdefault((type(stage), *values), stage).shared_model
    return stages
