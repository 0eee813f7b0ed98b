from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from alref.models import cpu_tuning

IMPORT = "from alref.models import cpu_tuning as cpu"
THREAD_NAMES = (*cpu_tuning.OPENMP_SETTINGS, cpu_tuning.BLAS_SETTING, cpu_tuning.OPENCV_SETTING, "OMP_NUM_THREADS")
NAMES = (*THREAD_NAMES, *cpu_tuning.MALLOC_SETTINGS, "GLIBC_TUNABLES")
glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc 2.33 or newer is not here")
MAPPED = """
import ctypes
import numpy
from alref.models import cpu_tuning as cpu

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", *"abcde")]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Info
"""


def said(code: str, **environment: str) -> list[str]:
    """Run code in a fresh process in which nothing is set but what is given."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**clean, **environment}
    )
    return done.stdout.splitlines()


def test_threads_wait_asleep_when_torch_comes_later() -> None:
    code = f"{IMPORT}; import os; cpu.tune_cpu(); print(os.environ['OMP_WAIT_POLICY'], os.environ['GOMP_SPINCOUNT'])"
    assert said(code) == ["passive 0"]


def test_what_is_applied_is_said_and_twice_is_once() -> None:
    first, second = said(f"{IMPORT}; print(cpu.tune_cpu()); print(cpu.tune_cpu())")
    assert first == second
    assert "OMP_WAIT_POLICY=passive" in first


def test_what_the_user_has_set_stays() -> None:
    code = f"{IMPORT}; import os; print(cpu.tune_cpu()); "
    code += "print(os.environ['OMP_WAIT_POLICY']); print(cpu.describe_settings())"
    applied, policy, state = said(code, OMP_WAIT_POLICY="active", MALLOC_TOP_PAD_="4096")
    assert "OMP_WAIT_POLICY" not in applied
    assert "MALLOC_TOP_PAD_" not in applied
    assert "GOMP_SPINCOUNT=0" in applied
    assert policy == "active"
    assert "'OMP_WAIT_POLICY=active by the environment', 'GOMP_SPINCOUNT=0 by alref'" in state


def test_nothing_is_set_before_it_is_asked_for() -> None:
    (state,) = said(f"{IMPORT}; print(cpu.describe_settings())")
    assert "'OMP_WAIT_POLICY not set', 'GOMP_SPINCOUNT not set'" in state


def test_too_late_is_not_called_applied() -> None:
    code = f"import sys; sys.modules['torch'] = sys; {IMPORT}; print(cpu.tune_cpu()); print(cpu.describe_settings())"
    applied, state = said(code)
    assert "OMP_WAIT_POLICY" not in applied
    assert "'OMP_WAIT_POLICY not set'" in state


@glibc
def test_large_arrays_are_no_longer_mapped_one_by_one() -> None:
    code = f"{MAPPED}\ncpu.tune_cpu()\nbefore = mallinfo2().hblks\n"
    code += "held = numpy.ones(1 << 23)\nprint(mallinfo2().hblks - before)"
    assert said(code) == ["0"]
    assert said(code.replace("cpu.tune_cpu()", "")) == ["1"]
    assert said(code, GLIBC_TUNABLES="glibc.malloc.check=0") == ["1"]
    assert said(code, MALLOC_MMAP_MAX_="100") == ["1"]


def test_nothing_heavy_is_imported() -> None:
    code = f"{IMPORT}; import sys; cpu.tune_cpu(); print('torch' in sys.modules, 'numpy' in sys.modules)"
    assert said(code) == ["False False"]


THREADS = "print(cpu._count_blas_threads() or 'unknown', cv2.getNumThreads(), cpu.count_threads())"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.mark.parametrize("first", ["import numpy", "import numpy, cv2"])
def test_blas_and_opencv_have_one_thread_where_they_are_imported_later_or_were_before(first: str) -> None:
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    assert said(f"{IMPORT}\ncpu.tune_cpu()\n{first}, cv2\n{THREADS}") == [f"1 1 {CORES}"]
    assert said(f"{first}\n{IMPORT}\ncpu.tune_cpu()\nimport cv2\n{THREADS}") == [f"1 1 {CORES}"]


def test_the_number_of_threads_that_the_user_has_set_holds_everywhere() -> None:
    code = f"{IMPORT}\ncpu.tune_cpu()\nimport os, cv2\nprint(cv2.getNumThreads(), cpu.count_threads(), "
    code += "'OPENBLAS_NUM_THREADS' in os.environ)"
    assert said(code, OMP_NUM_THREADS="3") == ["3 3 False"]
    assert said(code, OMP_NUM_THREADS="many") == [f"1 {CORES} False"]
    assert said(code, OPENCV_FOR_THREADS_NUM="2") == [f"2 {CORES} True"]


def test_videos_at_a_time_share_the_cores() -> None:
    code = f"{IMPORT}; cpu.share_cores(1); print(cpu.count_threads()); cpu.share_cores(1000); print(cpu.count_threads())"
    assert said(code) == [str(CORES), "1"]
    assert said(code, OMP_NUM_THREADS="2") == ["2", "2"]


def test_the_command_line_sets_threads_before_numpy_is_imported() -> None:
    code = "import sys, os; from alref import cli; cli.run_command = lambda arguments: print("
    code += "os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_WAIT_POLICY'], 'numpy' in sys.modules) or 0; cli.main([])"
    assert said(code) == ["1 passive False"]
