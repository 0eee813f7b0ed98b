"""What a worker of a batch does: fetch a video, run the pipeline, and write the unit to the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from alref.batch.answers import SharedAnswers
from alref.batch.question_batches import list_batch_reasoners
from alref.batch.questions import REPLIES, StoredQuestions, collect_used_keys
from alref.batch.unit_store import UnitStore
from alref.batch.units import Unit, UnitSummary, pack_unit, read_result
from alref.batch.video_files import DEFAULT_CACHE_BYTES, VideoCache
from alref.components.runner import WorkerFactory
from alref.config import Configuration, VideoOptions, resolve_config
from alref.evaluation.folder import encode_file_name
from alref.llm.reasoner import ChatReasoner
from alref.llm.shared_limits import share_limits
from alref.media.reader import open_video
from alref.media.video import Video
from alref.output.export import EXPORTS_FOLDER, export_run, make_exporters
from alref.output.store import RemoteStore, open_store
from alref.output.stored_tally import StoredTally
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import CachedOutput, Item, StageCache
from alref.plugins.manager import PluginManager
from alref.result import Result
from alref.utils.home import get_cache_path

WAITING_UNITS = 3
"""Units that a worker computes at a time when it waits on servers: one is propagated while others are reasoned about."""


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is made from: the configuration with every option, plugin files, the store, and the size of copies."""

    config: Mapping[str, Any]
    plugin_files: tuple[Path, ...]
    store: str
    cache_bytes: int = DEFAULT_CACHE_BYTES
    formats: tuple[str, ...] = ()

    def make_factory(self) -> WorkerFactory:
        """Return what makes a worker in its own process."""
        return partial(UnitWorker, self)


class RoundCache(StageCache):
    """What a unit computed before it had to wait for answers. Questions are not cached, so that their cost counts once."""

    def put(self, stage: str, digest: str, found: CachedOutput[Item]) -> None:
        """Cache the output of a call that asked nothing. Raises OutputError if the folder cannot be written."""
        if not found.usage:
            super().put(stage, digest, found)


class UnitWorker:
    """Computes units, one after the other or several at a time, with one set of models."""

    def __init__(self, settings: WorkerSettings, device: str = "") -> None:
        self._store = UnitStore(open_store(settings.store))
        share_limits(partial(StoredTally, self._store.objects))
        plugins = PluginManager(files=settings.plugin_files)
        chosen = {"device": device} if device else {}
        self._pipeline = Pipeline.from_config(resolve_config(plugins, [settings.config, chosen]), plugins)
        if isinstance(self._store.objects, RemoteStore):  # workers of one machine share its own answer store already
            for stage in self._pipeline.stages:
                if isinstance(stage, ChatReasoner):
                    stage.share_answers(SharedAnswers(self._store.objects))
        self._batched = list_batch_reasoners(self._pipeline)
        for stage in self._batched:
            stage.share_questions(StoredQuestions(self._store.objects, stage.compute_lane()))
        self._formats, self._exporters = settings.formats, make_exporters(plugins, settings.formats, {})
        self._videos = VideoCache(get_cache_path("videos"), settings.cache_bytes)

    def __call__(self, unit: Unit) -> UnitSummary:
        """Compute a unit, write it to the store, and return its summary.

        Raises an AlrefError; PendingAnswersError when questions of the unit wait, and the unit is to be computed again later.
        """
        rounds = get_cache_path("rounds") / unit.key
        with collect_used_keys() as used:
            summary = self._compute_unit(unit, RoundCache(rounds) if self._batched else StageCache())
        for key in used:
            self._store.objects.remove(f"{REPLIES}/{key}.json")
        rmtree(rounds, ignore_errors=True)
        return summary

    def _compute_unit(self, unit: Unit, cache: StageCache) -> UnitSummary:
        """Compute and export a unit; one that is finished is only exported."""
        options = VideoOptions.model_validate({**self._pipeline.config.video.model_dump(), **unit.window})
        done = self._store.read_whole_summary(unit.key) if self._exporters else None
        with self._videos.fetch(unit.video, unit.identity) as path:
            video = open_video(path, **options.model_dump())
            if done is not None:
                result = read_result(self._store.read_unit(unit.key) or b"")
            else:
                result = self._pipeline.run(video, unit.references, cache)
            if self._exporters:
                self._export(result, video, unit)
        if done is not None:
            return done
        result = _name_video(result, unit, options)
        summary = UnitSummary.from_result(unit, result)
        self._store.write_unit(unit.key, pack_unit(summary, result))
        return summary

    def _export(self, result: Result, video: Video, unit: Unit) -> None:
        """Write a result in all formats, below ``exports`` in the store; the unit follows, so that none lacks its exports."""
        with TemporaryDirectory(prefix="alref-export-") as temporary:
            folder = Path(temporary)
            for _ in export_run(result, self._exporters, folder, video=video):
                continue
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    name = f"{EXPORTS_FOLDER}/{encode_file_name(unit.id, '')}/{path.relative_to(folder).as_posix()}"
                    self._store.objects.write_bytes(name, path.read_bytes())
        self._store.mark_exported(unit.key, unit.id, self._formats)


def _name_video(result: Result, unit: Unit, options: VideoOptions) -> Result:
    """Return a result that says what was read of the video; a local copy of a URL goes by the name in the URL."""
    video = result.video
    if "://" in unit.video:
        video = video.model_copy(update={"path": Path(unit.video.partition("?")[0].rpartition("/")[2] or "video")})
    config = {**result.config, "video": options.model_dump(mode="json")}
    return result.model_copy(update={"video": video, "config": config})


def choose_overlap(config: Configuration) -> int:
    """Return the number of units that a worker computes at a time: several when a component waits on a server."""
    return WAITING_UNITS if any(choice.component.cls.concurrent for choice in config.slots.values()) else 1
