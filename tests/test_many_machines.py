"""The files for clusters that the documentation has: what they run computes one share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.batch_plugin import LOG
from support.batches import SETTINGS, write_videos

FOLDER = Path(__file__).parents[1] / "docs" / "machines"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the files are for POSIX shells")


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose ``alref`` has quick components, with a folder of videos and a store."""
    script = tmp_path / "bin" / "alref"
    script.parent.mkdir()
    words = ", ".join(map(repr, SETTINGS))
    code = f"import sys\nfrom alref.cli import main\nmain([*sys.argv[1:], {words}, '--quiet'])\n"
    script.write_text(f"#!{sys.executable}\n{code}")
    script.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "ALREF_HOME": str(tmp_path / "home"),
        LOG: str(tmp_path / "log"),
        "SOURCE": str(write_videos(tmp_path / "videos", list("abcd"))),
        "STORE": str(tmp_path / "store"),
        "EXPRESSION": "the dog",
    }


def run_shares(command: list[str], place: dict[str, str], count: int, share: str, more: dict[str, str]) -> None:
    """Run a command once for each share, and check that the shares are the whole."""
    for index in range(count):
        done = subprocess.run(command, env={**place, **more, share: str(index)}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert sorted(Path(place[LOG]).read_text().split()) == ["a.gif", "b.gif", "c.gif", "d.gif"]


def read_file(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def test_a_task_of_a_slurm_array_is_a_share(place: dict[str, str]) -> None:
    run_shares(["bash", str(FOLDER / "slurm.sh")], place, 2, "SLURM_ARRAY_TASK_ID", {"SLURM_ARRAY_TASK_COUNT": "2"})


def test_a_pod_of_an_indexed_job_is_a_share(place: dict[str, str]) -> None:
    job = read_file("kubernetes.yaml")["spec"]
    (container,) = job["template"]["spec"]["containers"]
    shards = next(each["value"] for each in container["env"] if each["name"] == "SHARDS")
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == int(shards)
    run_shares(container["command"], place, 2, "JOB_COMPLETION_INDEX", {"SHARDS": "2"})


def test_a_node_of_skypilot_is_a_share(place: dict[str, str]) -> None:
    run_shares(["bash", "-c", read_file("skypilot.yaml")["run"]], place, 2, "SKYPILOT_NODE_RANK", {"SKYPILOT_NUM_NODES": "2"})


def test_one_command_uses_a_ray_cluster(place: dict[str, str]) -> None:
    pytest.importorskip("ray")
    more = {"RAY_ADDRESS": "local", "JOBS": "1"}
    done = subprocess.run(["bash", str(FOLDER / "ray.sh")], env={**place, **more}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(Path(place[LOG]).read_text().split()) == ["a.gif", "b.gif", "c.gif", "d.gif"]
