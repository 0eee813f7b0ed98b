"""Settings of all tests: one thread each, ``support`` importable in subprocesses, Ctrl-C, deterministic property tests.

``HYPOTHESIS_PROFILE=search`` looks for new examples.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from support.fake_hub import FakeHub, disable_hub, run_fake_hub

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it, and so do its children
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the hub unreachable, with an empty cache."""
    disable_hub(monkeypatch, tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """Run a hub without models."""
    with run_fake_hub(monkeypatch, tmp_path) as hub:
        yield hub


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Let the runner start Ray, as it does where there is no cluster; the runners of the tests use what is there."""
    from alref.plugins.manager import PluginManager

    pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 4}')
        runner = PluginManager().get_runner("ray")()
        runner.open()
        yield
        runner.close()
