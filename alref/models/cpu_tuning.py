"""Tune threads and the allocator of this process for CPU inference; nothing heavy is imported.

OpenMP threads sleep while they wait instead of spinning, which would take CPU time from others on a shared machine. The
allocator of glibc caches freed memory, so that each layer of a network does not request new, zeroed pages from the system.
"""

from __future__ import annotations

import ctypes
import os
import sys

OPENMP_SETTINGS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}
"""Read by OpenMP when torch is imported."""
MALLOC_SETTINGS = {"MALLOC_MMAP_MAX_": (-4, 0), "MALLOC_TRIM_THRESHOLD_": (-1, 2**31 - 1), "MALLOC_TOP_PAD_": (-2, 256 << 20)}
"""Variables of glibc, with their parameter numbers for ``mallopt`` and their values in bytes or blocks."""

_applied: dict[str, str] = {}


def apply_settings() -> list[str]:
    """Apply the settings and return them, as ``NAME=value``; call it before torch is imported; it may be called again.

    Settings from the user's environment are not changed. The allocator is not tuned on systems without glibc or when
    GLIBC_TUNABLES is set; the threads are not tuned if torch is already imported.
    """
    if "torch" not in sys.modules:
        for name in OPENMP_SETTINGS.keys() - os.environ.keys():
            os.environ[name] = _applied[name] = OPENMP_SETTINGS[name]
    if _uses_glibc() and "GLIBC_TUNABLES" not in os.environ:
        mallopt = ctypes.CDLL(None).mallopt
        for name in MALLOC_SETTINGS.keys() - os.environ.keys() - _applied.keys():
            if mallopt(*MALLOC_SETTINGS[name]):
                _applied[name] = str(MALLOC_SETTINGS[name][1])
    return [f"{name}={_applied[name]}" for name in (*OPENMP_SETTINGS, *MALLOC_SETTINGS) if name in _applied]


def describe_settings() -> list[str]:
    """List each setting with its value and who set it, in the order in which they are applied."""
    return [_describe_setting(name) for name in (*OPENMP_SETTINGS, *(MALLOC_SETTINGS if _uses_glibc() else ()))]


def _describe_setting(name: str) -> str:
    if name in _applied:
        return f"{name}={_applied[name]} by alref"
    return f"{name}={os.environ[name]} by the environment" if name in os.environ else f"{name} not set"


def _uses_glibc() -> bool:
    return "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
