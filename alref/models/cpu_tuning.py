"""Tune threads and the allocator of this process for CPU inference; nothing heavy is imported.

Threads of OpenMP and onnxruntime sleep while they wait instead of spinning, which would take CPU time from others on a shared
machine. BLAS and OpenCV cannot do that, so they have one thread: what alref asks of them is small. The allocator of glibc
caches freed memory, so that each layer of a network does not request new, zeroed pages from the system.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec

OPENMP_SETTINGS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
"""Read by OpenMP when torch is imported."""
BLAS_SETTING, OPENCV_SETTING = "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"
"""Read when numpy and cv2 are imported."""
MALLOC_SETTINGS = {"MALLOC_MMAP_MAX_": (-4, 0), "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1), "MALLOC_TOP_PAD_": (-2, 256 << 20)}
"""Variables of glibc, with their parameter numbers for ``mallopt`` and their values in bytes or blocks."""

_applied: dict[str, str] = {}
_jobs = 1


def tune_cpu() -> list[str]:
    """Apply all settings and return them, as ``NAME=value``; call it before torch is imported; it may be called again.

    Settings from the user's environment are not changed. The allocator is not tuned on systems without glibc or when
    GLIBC_TUNABLES is set; the threads of OpenMP are not tuned if torch is already imported, those of BLAS not if numpy is
    already imported and threadpoolctl is not installed.
    """
    apply_thread_settings()
    apply_allocator_settings()
    return [f"{name}={_applied[name]}" for name in _list_names() if name in _applied]


def apply_allocator_settings() -> None:
    """Apply the settings of the allocator only, as ``tune_cpu`` does."""
    if _uses_glibc() and "GLIBC_TUNABLES" not in os.environ:
        mallopt = ctypes.CDLL(None).mallopt
        for name in MALLOC_SETTINGS.keys() - os.environ.keys() - _applied.keys():
            if mallopt(*MALLOC_SETTINGS[name]):
                _applied[name] = str(MALLOC_SETTINGS[name][1])


def apply_thread_settings() -> None:
    """Apply the settings of threads only, as ``tune_cpu`` does; in libraries that are imported, and in those to come."""
    if "torch" not in sys.modules:
        for name in OPENMP_SETTINGS.keys() - os.environ.keys():
            os.environ[name] = _applied[name] = OPENMP_SETTINGS[name]
    if not os.environ.keys() & {BLAS_SETTING, "OMP_NUM_THREADS"} and ("numpy" not in sys.modules or _limit_blas()):
        os.environ[BLAS_SETTING] = _applied[BLAS_SETTING] = "1"
    if OPENCV_SETTING not in os.environ:
        os.environ[OPENCV_SETTING] = _applied[OPENCV_SETTING] = str(_read_thread_count() or 1)
        if "cv2" in sys.modules:
            sys.modules["cv2"].setNumThreads(int(_applied[OPENCV_SETTING]))


def count_threads() -> int:
    """Return the number of threads of one session of onnxruntime: OMP_NUM_THREADS, or the cores of each job."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _read_thread_count() or max(1, cores // _jobs)


def share_cores(jobs: int) -> None:
    """Let ``jobs`` videos at a time share the cores: each has fewer threads. Call it before models are loaded."""
    global _jobs
    _jobs = max(1, jobs)


def _read_thread_count() -> int | None:
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else None


def _limit_blas() -> bool:
    """Give the BLAS of numpy one thread; return whether that is possible."""
    if find_spec("threadpoolctl") is None:
        return False
    import threadpoolctl

    threadpoolctl.threadpool_limits(1, user_api="blas")
    return True


def describe_settings() -> list[str]:
    """List each setting with its value and who set it, in the order in which they are applied."""
    return [_describe_setting(name) for name in _list_names()]


def describe_threads() -> str:
    """Return how many threads are in force in each library; those of BLAS are unknown without threadpoolctl."""
    import cv2

    return f"threads: BLAS {_count_blas_threads() or 'unknown'}, OpenCV {cv2.getNumThreads()}, onnxruntime {count_threads()}"


def _count_blas_threads() -> int | None:
    if find_spec("threadpoolctl") is None:
        return None
    import numpy  # noqa: F401 - it loads its BLAS
    import threadpoolctl

    return max((pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"), default=None)


def _describe_setting(name: str) -> str:
    if name in _applied:
        return f"{name}={_applied[name]} by alref"
    return f"{name}={os.environ[name]} by the environment" if name in os.environ else f"{name} not set"


def _list_names() -> list[str]:
    return [*OPENMP_SETTINGS, BLAS_SETTING, OPENCV_SETTING, *(MALLOC_SETTINGS if _uses_glibc() else ())]


def _uses_glibc() -> bool:
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
