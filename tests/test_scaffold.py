"""What ``alref plugins new`` writes is installed from its own folder, keeps its contract, and is used by name."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from zipfile import ZipFile

import av
import jsonschema
import numpy as np
import pytest
import yaml
from PIL import Image

from alref.cli import run_command
from alref.components.base import API_LEVEL
from alref.errors import ConfigError, MissingError, OutputError
from alref.output.run_folder import load_result
from alref.plugins.registered import SLOTS
from alref.scaffold import NewPlugin
from alref.scaffold.example_models import build_example_model
from alref.scaffold.kinds import PLUGIN_KINDS
from alref.testing import make_moving_square, write_frames
from support.clips import encode

PLANS = {kind: NewPlugin.from_name([kind], f"my-{kind}") for kind in PLUGIN_KINDS}


MODEL = NewPlugin.from_name(["proposer", "propagator", "tagger"], "my-models", has_model=True)
PAIR = NewPlugin.from_name(["reasoner", "selector", "exporter", "dataset", "transcriber"], "my-several")
CARD_SCHEMA = json.loads((Path(__file__).parents[1] / "registry" / "card.schema.json").read_text())
QUICK = ("reasoner", "proposer", "propagator")
"""Those that stand in for the slower ones of the default pipeline."""


def done(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Run a program; return what it printed. Its output is shown where it fails."""
    finished = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment})
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write one distribution of each kind, and two of several kinds, by the command."""
    folder = tmp_path_factory.mktemp("written")
    for plan in (*PLANS.values(), MODEL, PAIR):
        slots = [part for kind in plan.kinds for part in ("--slot", kind)]
        model = ["--model"] * plan.has_model
        assert run_command(["plugins", "new", plan.name, *slots, *model, "--out", str(folder / plan.distribution)]) == 0
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def installed(written: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install them into a folder, each from its own folder, with nothing fetched."""
    target = tmp_path_factory.mktemp("installed")
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--no-compile"]
    done(sys.executable, "-m", "pip", "install", "--quiet", *alone, "--target", target, *written)
    return target


def write_dataset(root: Path) -> None:
    """Write one video of four frames with one expression as the dataset of the templates is laid out."""
    video, truth = make_moving_square(frames=4, size=(48, 64), side=16)
    names = [frame.stem for frame in sorted(write_frames(video, root / "frames" / "clip").iterdir())]
    masks = root / "masks" / "clip" / "0"
    masks.mkdir(parents=True)
    for name, mask in zip(names, truth, strict=True):
        Image.fromarray(mask.astype(np.uint8) * 255).save(masks / f"{name}.png")
    (root / "index.json").write_text(json.dumps({"clip": {"frames": names, "expressions": {"0": "the red square"}}}))


@pytest.fixture
def folder(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a folder that holds a clip that sounds, a spoken question and a dataset, where the plugins are found."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.chdir(tmp_path)
    write_dataset(tmp_path / "data")
    hum = np.sin(np.arange(6_400) / 4)[None].astype(np.float32)
    encode(tmp_path / "clip.mp4", count=10, sounds=[(hum, 0)])
    with av.open("question.wav", "w") as file:
        file.metadata["title"] = "the blue stripe"
        track = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 1_600), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        file.mux(track.encode(frame))
        file.mux(track.encode())
    return tmp_path


def test_their_own_tests_pass_as_created(written: list[Path], installed: Path) -> None:
    tests = [folder / "tests" for folder in written]
    quick = ["-k", "not (MySeveral or MyModels) or not (long or 4k)"]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", str(written[0].parent)]
    assert " passed" in done(sys.executable, "-m", "pytest", *options, *quick, *tests, PYTHONPATH=str(installed))


def test_the_tests_of_a_dataset_warn_of_nothing(written: list[Path], installed: Path) -> None:
    (folder,) = (each for each in written if each.name == PLANS["dataset"].distribution)
    said = done(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", cwd=folder, PYTHONPATH=str(installed))
    assert " passed" in said
    assert "warning" not in said


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_what_they_say_of_themselves_fits_their_kind(kind: str, written: list[Path]) -> None:
    (folder,) = (each for each in written if each.name == PLANS[kind].distribution)
    text = (folder / "README.md").read_text()
    assert ("options" in text) == (kind not in ("dataset", "logger"))
    assert ("FOLDER" in text) == (kind in ("dataset", "logger"))


def test_they_are_clean_by_their_own_rules(written: list[Path]) -> None:
    done(sys.executable, "-m", "ruff", "check", "--no-cache", *written)
    done(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", *written)


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_each_is_shown_and_used_by_name(kind: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = PLANS[kind]
    words = shlex.split(plan.uses[0].replace("FOLDER", "data").replace("DATASET", "my-dataset"))[1:]
    quick = [part for slot in QUICK if f"--{slot}" not in words for part in (f"--{slot}", f"my-{slot}")]
    assert run_command(["plugins", plan.name]) == 0
    assert PLUGIN_KINDS[kind].does in " ".join(capsys.readouterr().out.split())
    if kind == "exporter":
        assert run_command(["run", "clip.mp4", "the dog", *quick, "--out", "RUN", "--quiet"]) == 0
        assert run_command([*words, "--quiet"]) == 0
        assert Path("RUN/exports", f"{plan.name}.csv").is_file()
        return
    assert run_command([*words, *quick, "--out", "out", "--quiet"]) == 0
    if kind == "logger":
        assert json.loads(Path("out", f"{plan.name}.json").read_text())["numbers"]["videos"] == 1
        return
    assert plan.name in Path("out", "run.yaml" if words[0] == "run" else "eval.yaml").read_text()


def test_code_that_is_edited_in_place_is_another_version(folder: Path, installed: Path, tmp_path: Path) -> None:
    plan, place = PLANS["tagger"], tmp_path / "edited"
    for name in (plan.module, f"{plan.module}-0.1.0.dist-info"):
        shutil.copytree(installed / name, place / name)
    link = place / f"{plan.module}-0.1.0.dist-info" / "direct_url.json"
    link.write_text(json.dumps({**json.loads(link.read_text()), "dir_info": {"editable": True}}))
    runtime = place / plan.module / "_runtime.py"
    shown = (
        "from alref.plugins.manager import PluginManager; print(PluginManager().get_component('tagger', 'my-tagger').version)"
    )
    before, again = (done(sys.executable, "-c", shown, PYTHONPATH=str(place)) for _ in range(2))
    runtime.write_text(runtime.read_text() + "\n")
    after = done(sys.executable, "-c", shown, PYTHONPATH=str(place))
    assert before == again != after
    assert before.startswith("0.1.0+")


def test_a_pipeline_of_them_finds_what_stands_out(folder: Path) -> None:
    parts = [part for slot in ("unifier", *QUICK) for part in (f"--{slot}", f"my-{slot}")]
    assert run_command(["run", "data/frames/clip", "the square and the box", *parts, "--out", "out", "--quiet"]) == 0
    result = load_result(Path("out"))
    assert [phrase.text for phrase in result.phrases] == ["the square", "the box"]
    found, truth = result.masks(), make_moving_square(frames=4, size=(48, 64), side=16)[1]
    assert (found & truth).sum() / (found | truth).sum() > 0.9


@pytest.mark.parametrize("plan", [MODEL, PAIR], ids=lambda plan: plan.name)
def test_several_components_of_one_distribution_fit_its_card(plan: NewPlugin, folder: Path, written: list[Path]) -> None:
    (own,) = (each for each in written if each.name == plan.distribution)
    jsonschema.validate(yaml.safe_load((own / "card.yaml").read_text()), CARD_SCHEMA)
    assert run_command(["plugins", "card", plan.name, "--check", str(own / "card.yaml")]) == 0
    said = (own / "README.md").read_text()
    assert all(f"    {line}\n" in said for line in (*plan.uses, *(each.check for each in plan.components)))


@pytest.mark.parametrize("use", MODEL.uses)
def test_a_component_with_a_model_runs_as_its_readme_says(use: str, folder: Path) -> None:
    assert run_command([*shlex.split(use)[1:], "--every", "5", "--out", "used", "--quiet"]) == 0
    assert MODEL.name in Path("used/run.yaml").read_text()


@pytest.mark.parametrize("kind", MODEL.kinds)
def test_a_component_with_a_model_keeps_its_contract(kind: str, folder: Path) -> None:
    assert run_command(["plugins", "check", MODEL.name, "--slot", kind, "--quick"]) == 0


def test_a_model_of_the_user_takes_the_place_of_the_example(folder: Path) -> None:
    run = ["run", "data/frames/clip", "the square", "--reasoner", "my-reasoner", "--quiet"]
    run += ["--proposer", MODEL.name, "--propagator", MODEL.name]
    assert run_command([*run, "--out", "out"]) == 0
    found, truth = load_result(Path("out")).masks(), make_moving_square(frames=4, size=(48, 64), side=16)[1]
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    for slot in ("proposer", "propagator"):
        Path(f"{slot}.onnx").write_bytes(build_example_model(slot))
    mine = ["-o", "proposer.model=proposer.onnx", "-o", "propagator.model=propagator.onnx", "--out", "mine"]
    assert run_command([*run, *mine]) == 0
    assert (load_result(Path("mine")).masks() == found).all()
    assert run_command([*run, "-o", "propagator.model=absent.onnx", "--out", "other"]) == MissingError.exit_code


def test_a_kind_without_an_example_of_a_model_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a unifier .* --slot tagger, proposer, propagator"):
        NewPlugin.from_name(["proposer", "unifier"], "my-words", has_model=True)


@pytest.mark.parametrize("kind", PLUGIN_KINDS)
def test_the_card_says_what_the_plugin_announces(kind: str, folder: Path, written: list[Path]) -> None:
    plan = PLANS[kind]
    text = next(each for each in written if each.name == plan.distribution).joinpath("card.yaml").read_text()
    card = yaml.safe_load(text)
    jsonschema.validate(card, CARD_SCHEMA)
    (said,) = card.get("components", []) + card.get("datasets", []) + card.get("exporters", []) + card.get("loggers", [])
    cls = getattr(import_module(plan.module), plan.components[0].cls)
    assert (card["plugin"], card["package"], card["level"], said["name"]) == (plan.name, plan.distribution, API_LEVEL, cls.name)
    assert said["summary"] == cls.__doc__
    assert tuple(said.get("needs", ())) == getattr(cls, "needs", ())
    assert said.get("slots", []) == [slot for slot, (_, base) in SLOTS.items() if issubclass(cls, base)]


def test_what_is_spoken_is_read_from_the_file(folder: Path) -> None:
    parts = [part for slot in ("transcriber", *QUICK) for part in (f"--{slot}", f"my-{slot}")]
    assert run_command(["run", "clip.mp4", "--spoken", "question.wav", *parts, "--out", "out", "--quiet"]) == 0
    assert [each.text for each in load_result(Path("out")).transcripts] == ["the blue stripe"]


@pytest.mark.parametrize(
    ("typed", "name", "module", "cls"),
    [
        ("sky", "sky", "alref_sky", "SkyProposer"),
        ("My_Sky.2", "my-sky-2", "alref_my_sky_2", "MySky2Proposer"),
        ("alref-sky", "sky", "alref_sky", "SkyProposer"),
        ("class", "class", "alref_class", "ClassProposer"),
        ("sky-proposer", "sky-proposer", "alref_sky_proposer", "SkyProposer"),
    ],
)
def test_names_follow_from_what_is_typed(typed: str, name: str, module: str, cls: str) -> None:
    plan = NewPlugin.from_name(["proposer"], typed)
    assert (plan.name, plan.module, plan.components[0].cls) == (name, module, cls)
    assert plan.components[0].cls.isidentifier()


@pytest.mark.parametrize("typed", ["", "3d", "größe", "a/b", "../up", "x" * 41, "alref-", "a b!", "-"])
def test_a_name_that_cannot_be_used_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(ConfigError, match="alref plugins new my-tagger --slot tagger"):
        NewPlugin.from_name(["tagger"], typed)


def test_the_next_commands_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command(["plugins", "new", "Sky", "--slot", "proposer"]) == 0
    said = capsys.readouterr().out
    for line in ("cd alref-sky", 'pip install -e ".[test]"', "pytest", "--proposer sky", "alref plugins check sky"):
        assert line in said
    assert Path("alref-sky/alref_sky/_runtime.py").is_file()


@pytest.mark.parametrize("typed", ["new", "check", "none", "alref", "True", "no", "alref-null"])
def test_a_name_that_means_something_else_is_refused(typed: str) -> None:
    with pytest.raises(ConfigError, match="alref plugins new my-tagger"):
        NewPlugin.from_name(["tagger"], typed)


def test_the_next_commands_can_be_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my plugins" / "sky"
    assert run_command(["plugins", "new", "Sky", "--slot", "proposer", "--out", str(folder)]) == 0
    assert f"cd '{folder}'\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sam2", "rules", "ref-davis17", "baseline", "example"])
def test_a_name_that_is_taken_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["plugins", "new", name, "--slot", "proposer", "--out", str(tmp_path / "out")]) == ConfigError.exit_code
    assert re.search(rf"'{name}'.*alref plugins", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "gone"])
def test_a_module_is_taken_only_while_it_is_installed(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "alref_oddly.py").write_text("")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(place))
        spec = find_spec("alref_oddly")
        assert spec is not None
        patch.setitem(sys.modules, "alref_oddly", module_from_spec(spec))
        if not installed:
            patch.setattr(sys, "path", sys.path[1:])
        code = run_command(["plugins", "new", "oddly", "--slot", "proposer", "--out", str(tmp_path / "out")])
    assert code == (ConfigError.exit_code if installed else 0)


def test_what_is_there_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "alref-sky" / "pyproject.toml"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert run_command(["plugins", "new", "sky", "--slot", "proposer", "--out", str(mine.parent)]) == OutputError.exit_code
    assert str(mine.parent) in capsys.readouterr().err
    assert [path.read_text() for path in mine.parent.iterdir()] == ["mine"]


def test_the_templates_are_in_the_wheel(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=root)
    (wheel,) = tmp_path.iterdir()
    shipped = {name for name in ZipFile(wheel).namelist() if name.startswith("alref/scaffold/templates/")}
    assert shipped == {str(path.relative_to(root)) for path in (root / "alref/scaffold/templates").rglob("*.j2")}
