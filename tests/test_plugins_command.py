"""``alref plugins``: what its two pages and their JSON say, and what they must not do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.base import Stage
from alref.errors import ConfigError, Problem
from alref.plugins import manager as plugins_module
from support.scripted import Script, announcing

ROOT = Path(__file__).parents[1]
CLASSES = Script().classes()
ALONE = '''
import alref
from pathlib import Path
from pydantic import Field
from alref.components.base import Propagator, StageOptions


class Mine(Propagator):
    """Summary."""

    name = "mine"

    class Options(StageOptions):
        pace: int = Field(3, ge=1, description="how fast it goes, in frames")
        place: Path | None = Field(None, description="a file that it reads")
        sizes: list[int] = Field(default_factory=lambda: [3, 5], description="what it tries")

    def propagate(self, video, boxes):
        yield from ()


@alref.hookimpl
def register_propagators():
    return [Mine]
'''

DATASET = '''
import alref
from alref.components.dataset import Dataset


class Pairs(Dataset):
    """Two of a kind."""

    name, splits, protocols, license = "pairs", ("all",), ("mevis",), "CC0-1.0"

    def list_videos(self):
        return []

    read_references = open_video = write_masks = read_cases = find_problems = list_videos


@alref.hookimpl
def register_datasets():
    return [Pairs]
'''


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "alone.py"
    path.write_text(ALONE)
    return str(path)


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command(["plugins", *arguments]) == 0
    return capsys.readouterr().out


def data(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(page(capsys, *arguments, "--json"))
    return rows


def install(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    """Install one propagator, made from the scripted one, and nothing else."""
    made = type("Made", (CLASSES[3],), {"__doc__": "Made for this.", "name": "made", **members})
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [announcing("maker", propagators=[made])])


@pytest.mark.parametrize("width", [50, 80, 110, 160, 240])
def test_the_list_fits_the_terminal_and_names_everything(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    printed = page(capsys)
    table = printed.rpartition("\n\n")[0].splitlines()
    names = {line[1:].split()[0] for line in table if line.startswith(" ") and line[1:2] != " "}
    assert names >= {"grammar", "mm-grounding-dino", "sam2", "davis17-semi-supervised", "template-match"}
    assert max(map(len, table)) <= max(width, 80)
    heads = table[0].split("  ")
    assert [head.strip() for head in heads if head.strip()][:6] == ["name", "package", "level", "license", "weights", "state"]
    assert ("needs" in table[0]) == (width >= 110)
    assert ("summary" in table[0]) == (width >= 160)


def test_an_ordinary_terminal_needs_no_folding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("alref.utils.libraries.find_spec", lambda name: None)
    lines = page(capsys).splitlines()
    (row,) = [line.split() for line in lines if line.startswith(" sam3-tracker ")]
    assert row[1:4] == ["alref", metadata.version("alref"), "1"]
    (reason,) = [line for line in lines if line.startswith("edgetam, sam2, sam3-tracker: ")]
    assert "torch, transformers, PIL" in reason
    assert reason.endswith("pip install 'alref[sam2]'")


def test_what_is_known_and_not_installed_stands_with_its_kind(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split()[0] for line in page(capsys).splitlines() if line]
    assert lines.index("proposer") < lines.index("color-regions") < lines.index("propagator")
    (row,) = data(capsys, "color-regions")
    install = "pip install docs/example-plugin  # from a clone of alref"
    assert (row["state"], row["reason"], row["version"]) == ("not installed", install, None)


def test_the_keys_of_the_json_are_those_of_the_page_of_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    keys = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", documented("## For programs"), re.M)))
    (row,) = data(capsys, "sam2")
    assert set(row) == set(keys)
    assert set(data(capsys)[0]) == set(keys)
    assert set(row["options"][0]) == {"name", "type", "default", "help"}


def test_every_state_is_on_the_page_of_plugins() -> None:
    source = "".join((ROOT / "alref/cli" / name).read_text() for name in ("status.py", "plugins/rows.py"))
    states = re.findall(r"^\| ([a-z ]+) \|", documented("# Plugins"), re.M)
    assert set(states) - {"state"} == set(re.findall(r'(?:Status|problems)\("([a-z ]+)"', source))


def documented(heading: str) -> str:
    """Return one part of the page of plugins."""
    text = (ROOT / "docs/plugins.md").read_text()
    return text.partition(f"{heading}\n")[2].partition("\n## ")[0]


def test_one_component_is_shown_with_all_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    printed = page(capsys, "sam3-tracker")
    (row,) = data(capsys, "sam3-tracker")
    for fact in (*row["slots"], row["version"], row["plugin"], row["license"], row["weights_license"], *row["needs"]):
        assert fact in printed
    assert row["homepage"] == "https://huggingface.co/facebook/sam3"
    assert row["homepage"] in printed
    (option,) = [option for option in row["options"] if option["name"] == "prompt"]
    assert (option["type"], option["default"]) == ("mask | box", "mask")
    assert option["name"] in printed
    assert page(capsys, "alref:sam3-tracker") == printed


def test_a_name_of_a_data_set_and_a_way_to_score_shows_both(capsys: pytest.CaptureFixture[str]) -> None:
    dataset, metric = data(capsys, "mevis")
    assert (dataset["slots"], dataset["weights_license"]) == (["dataset"], "CC BY-NC-SA 4.0")
    assert (metric["slots"], metric["license"]) == (["protocol"], "MIT")
    assert dataset["weights_license"] in page(capsys, "mevis")


@pytest.mark.parametrize(("name", "brings"), [("baseline", "grammar"), ("alref-example", "by-place"), ("alref", "sam2")])
def test_the_name_of_a_plugin_or_a_package_lists_what_it_brings(
    name: str, brings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = data(capsys, name)
    assert brings in {row["name"] for row in rows}
    assert {name} in ({row["plugin"] for row in rows}, {row["package"] for row in rows})
    assert f"\n {brings} " in page(capsys, name)


def test_what_is_not_known_of_a_license_leaves_no_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pairs.py"
    path.write_text(DATASET)
    (line,) = [line for line in page(capsys, "pairs", "--plugin", str(path)).splitlines() if "CC0-1.0" in line]
    assert line.split() == ["license", "data:", "CC0-1.0"]


def test_a_typo_is_one_error_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins", "color-region"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "'color-regions'" in line
    assert line.endswith("alref plugins")


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("sam4", ["sam3"]), ("template", ["template-match"]), ("gpt-4", ["gpt4"]), ("zzz", []), ("", [])],
)
def test_the_nearest_names_are_those_that_look_alike_or_go_on(
    typed: str, suggested: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["plugins", typed]) == 4
    assert re.findall(r"'([\w-]*)'", capsys.readouterr().err) == [typed, *suggested]


def test_a_file_is_listed_and_shown(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = [row for row in data(capsys, "--plugin", mine) if row["name"] == "mine"]
    assert (row["package"], row["state"], row["summary"]) == ("alone.py", "ready", "Summary.")
    printed = page(capsys, "mine", "--plugin", mine)
    assert page(capsys, "--plugin", mine, "mine") == printed
    assert page(capsys, "--plugin", mine, "--json", "mine") == page(capsys, "mine", "--plugin", mine, "--json")
    assert re.search(r"pace: integer >= 1, default 3\n\s+how fast it goes, in frames", printed)
    assert "place: string | null, default null" in printed
    assert "sizes: array, default [3, 5]" in printed


def test_what_is_shown_as_usage_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    usage = "alref plugins sam2 [OPTIONS]\n"
    assert usage in page(capsys, "sam2", "--help")
    assert run_command(["plugins", "sam2", "edgetam"]) == 2
    assert usage in capsys.readouterr().err


def test_a_file_before_check_is_checked(mine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins", "--plugin", mine, "--json", "check", "mine", "-o", "pase=1"]) == 4
    printed = capsys.readouterr().err
    assert "mine.pase" in printed
    assert "'pace'" in printed


@pytest.mark.parametrize("kind", ["proposer", "propagator"])
def test_of_two_kinds_with_one_name_the_kind_says_which_is_checked(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    both = announcing("both", proposers=[CLASSES[2]], propagators=[CLASSES[3]])
    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [both])
    check = ["plugins", "check", "scripted"]
    assert run_command(check) == 4
    assert f"module_both:scripted --slot {kind}" in capsys.readouterr().err
    assert run_command([*check, "--slot", kind, "-o", f"{kind}.pace=1"]) == 4
    assert "scripted.pace" in capsys.readouterr().err
    assert run_command([*check, "--slot", "dataset"]) == 4
    assert "'scripted'" in capsys.readouterr().err


def test_what_a_component_prints_is_no_part_of_the_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, problems=lambda _: print("looking") or [])
    assert [row["state"] for row in data(capsys, "made")] == ["ready"]


@pytest.mark.parametrize("method", ["find_missing_libraries", "problems", "weights", "__init__"])
def test_what_a_component_does_wrong_is_its_state(
    method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> list[str]:
        raise KeyError("size")

    install(monkeypatch, **{method: classmethod(fails) if method == "find_missing_libraries" else fails})
    (row,) = data(capsys, "made")
    assert (row["state"], row["reason"]) == ("broken", f"{method}(): KeyError: 'size'")
    (listed,) = [row for row in data(capsys) if row["name"] == "made"]
    assert listed["state"] == ("broken" if method in ("find_missing_libraries", "weights") else "ready")


def test_a_component_that_ends_the_program_is_broken_and_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, problems=lambda _: sys.exit("no\nlicense"))
    (row,) = data(capsys, "made")
    assert (row["state"], row["reason"]) == ("broken", "problems(): SystemExit: no license")
    assert row["reason"] in page(capsys, "made")


def test_what_keeps_a_component_from_working_is_its_state(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, problems=lambda _: [Problem(message="no key", hint="set KEY", option="key", value="K")])
    assert "state     not ready: no key: set KEY, or -o propagator.key=K" in page(capsys, "made")
    (row,) = data(capsys, "made")
    expected = {"slot": "propagator", "option": "key", "message": "no key", "hint": "set KEY, or -o propagator.key=K"}
    assert row["problems"] == [expected]


def test_what_is_switched_off_is_still_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "-sam2")
    rows = {row["name"]: row for row in data(capsys)}
    assert {rows[name]["state"] for name in ("sam2", "edgetam", "sam3-tracker")} == {"switched off"}
    assert rows["label-propagation"]["state"] == "ready"
    (line,) = [line for line in page(capsys).splitlines() if line.startswith("edgetam, sam2, sam3-tracker: ")]
    assert line.endswith("ALREF_PLUGINS=-sam2")


def test_a_component_of_a_broken_plugin_leads_to_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import alref_sam2

    def broken() -> list[type[Stage]]:
        raise OSError("disk on fire")

    monkeypatch.setattr(alref_sam2.register_propagators, "__code__", broken.__code__)
    (row,) = data(capsys, "edgetam")
    assert (row["state"], row["reason"]) == ("broken", "OSError: disk on fire")


def test_a_name_that_a_broken_plugin_may_have_leads_to_the_plugin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, api=99)
    assert run_command(["plugins", "made"]) == 4
    assert capsys.readouterr().err.count("maker") == 2, "as the nearest name, and as a plugin that is broken"
    printed = page(capsys, "maker")
    assert "Made" in printed
    assert "99" in printed


def test_the_list_does_not_ask_for_problems(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*_: object) -> list[str]:
        raise AssertionError("the list asked")

    install(monkeypatch, problems=asked)
    assert "asked" not in page(capsys)


def test_the_list_imports_nothing_that_takes_time() -> None:
    code = "import sys; from alref.cli import run_command; assert run_command(['plugins']) == 0; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert {"alref_sam2", "alref_benchmarks"} <= loaded
    assert loaded.isdisjoint({"rich", "numpy", "cv2", "jinja2", "httpx", "requests", "torch", "transformers"})


def test_a_record_is_shown_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins", "record", "Candidates"]) == 0
    printed = capsys.readouterr().out
    assert "float32 (N, 4)" in printed
    assert "bool (N, H, W) | None" in printed
    assert run_command(["plugins", "record"]) == 0
    assert {"Candidates", "PivotBox", "FrameMasks"} <= {line.partition(":")[0] for line in capsys.readouterr().out.splitlines()}
    assert run_command(["plugins", "record", "Candidate"]) == ConfigError.exit_code
    assert "'Candidates'" in capsys.readouterr().err
