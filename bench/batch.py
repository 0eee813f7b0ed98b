"""What a batch costs beside the work: overhead a unit, memory, the index, a restart, and runners compared.

    python bench/batch.py
    python bench/batch.py --units 2000 --no-ray

Units are videos of three frames, the same content under many names, and components that do next to nothing. Overhead is
processor time, which other programs on the machine do not change much; the other times are those of the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.batch.collect import write_index
from alref.batch.runner import BatchRunner
from alref.batch.source import BatchSource
from alref.batch.unit_reader import UnitReader
from alref.batch.unit_store import UnitStore
from alref.batch.units import UnitBuilder
from alref.batch.video_files import ContentDigests
from alref.batch.worker import WorkerSettings
from alref.components.runner import Runner
from alref.config import resolve_config
from alref.media.reader import open_video
from alref.output.store import open_store
from alref.pipeline.engine import Pipeline
from alref.pipeline.references import make_references
from alref.plugins.manager import PluginManager
from support.batch_chaos import list_descendants
from support.batches import PLUGIN, write_videos

QUICK = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "quick")


def make_rows(video: Path, count: int) -> Iterator[dict[str, object]]:
    """Yield rows of one video; each has an expression of its own, so that each is another unit."""
    for number in range(count):
        yield {"video": str(video), "expressions": [f"object {number}"], "id": f"unit {number}"}


def read_memory(process: int) -> float:
    """Return the memory of a process in MB, by the kernel's count of resident pages."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def read_worker_memory() -> float:
    """Return the memory of the first worker process in MB, 0 if there is none."""
    workers = [process for process, words in list_descendants([os.getpid()]) if "alref_baseline.worker_process" in words]
    return read_memory(workers[0]) if workers else 0.0


def run(rows: list[dict[str, object]], folder: Path, runner: Runner) -> tuple[float, float, list[tuple[float, float]]]:
    """Return the seconds of a batch, those to its first result, and the memory of driver and worker in MB on the way."""
    plugins = PluginManager(files=(PLUGIN,))
    config = resolve_config(plugins, [QUICK])
    memory, first = [], 0.0
    with UnitStore(open_store(folder)) as store:
        builder = UnitBuilder(config.get_output_settings(), (), ContentDigests())
        batch = BatchRunner(UnitReader(BatchSource(rows=rows).read_rows(), builder), store)
        started = perf_counter()
        for number, outcome in enumerate(
            batch.run(runner, WorkerSettings(config.to_dict(), (PLUGIN,), str(folder)).make_factory())
        ):
            assert outcome.failure is None, outcome.failure
            first = first or perf_counter() - started
            if number % 1000 == 0:
                memory.append((read_memory(os.getpid()), read_worker_memory()))
        return perf_counter() - started, first, memory


def measure_work(video: Path, count: int) -> float:
    """Return the processor time that the pipeline alone takes for so many units in one process."""
    plugins = PluginManager(files=(PLUGIN,))
    with Pipeline.from_config(resolve_config(plugins, [QUICK]), plugins) as pipeline:
        started = process_time()
        for number in range(count):
            pipeline.run(open_video(video), make_references([f"object {number}"]))
        return process_time() - started


def count_processor_seconds() -> float:
    """Return the processor time of this process, and of the processes that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--units", type=int, default=10_000)
    parser.add_argument("--no-ray", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="alref-batch-"))
    os.environ["ALREF_HOME"] = str(folder / "home")
    video = write_videos(folder / "videos", ["a"]) / "a.gif"
    rows, plugins = list(make_rows(video, given.units)), PluginManager()
    local = plugins.get_runner("local")
    work = measure_work(video, 500) / 500
    before = count_processor_seconds()
    seconds, first, memory = run(rows, folder / "store", local(1))
    used = (count_processor_seconds() - before) / given.units
    print(
        f"{given.units} units, one worker: {1e3 * (seconds - first) / given.units:.2f} ms a unit; first result: {first:.1f} s"
    )
    print(f"processor time: {1e3 * used:.2f} ms a unit, {1e3 * (used - work):.2f} more than the pipeline alone")
    for who, listed in zip(("driver", "worker"), zip(*memory, strict=True), strict=True):
        print(f"memory of the {who} after each 1000 units, MB: {' '.join(f'{each:.0f}' for each in listed)}")
    seconds, _, _ = run(rows, folder / "store", local(1))
    print(f"restart over the finished units: {seconds:.1f} s")
    started = perf_counter()
    count = write_index(UnitStore(open_store(folder / "store")), folder / "index.parquet")
    print(f"index of {count} rows: {perf_counter() - started:.1f} s")
    if not given.no_ray:
        compare_runners(rows[: given.units // 5], folder)


def compare_runners(rows: list[dict[str, object]], folder: Path) -> None:
    """Print the throughput of Ray with two workers against that of two processes, each from its first result on."""
    import ray

    plugins, rates = PluginManager(), {}
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}  # Ray gives way to other programs by default
    ray.init(
        "local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=200 * 2**20,
    )
    for name in ("local", "ray"):
        seconds, first, _ = run(rows, folder / name, plugins.get_runner(name)(2))
        rates[name] = (len(rows) - 1) / (seconds - first)
        print(f"{name}, 2 workers: {rates[name]:.0f} units a second after the first, which took {first:.1f} s")
    print(f"ray against local: {rates['ray'] / rates['local']:.2f}")
    ray.shutdown()


if __name__ == "__main__":
    main()
