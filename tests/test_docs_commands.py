"""Every command and every block of code that the documentation shows works.

A page is a story: what its blocks show is done in their order, in one folder. A command in a sentence stands alone, and so do
the examples of the reference.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
import shlex
import shutil
import symtable
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

pytest.importorskip("llguidance")
pytest.importorskip("openai")
pytest.importorskip("transformers")

from alref.ablation import grid
from alref.cli import COMMANDS, cli
from alref.config import resolve_config
from alref.pipeline import references
from alref.plugins.manager import PluginManager
from alref.utils.yaml_files import parse_yaml
from support.docs_commands import ROOT, Shown, pages, read
from support.docs_environment import UNTRIED, Place, place
from support.docs_folder import DATA, models, stock

SHOWN = {str(page.relative_to(ROOT)).removeprefix("docs/"): read(page) for page in pages()}
REFERENCE = "commands.md"
"""The page whose examples are no story: each stands alone, as a command in a sentence does."""
STORIES = {name: [each for each in shown if each.language != "inline"] for name, shown in SHOWN.items() if name != REFERENCE}
ALONE = {
    each.text: each
    for name, shown in SHOWN.items()
    for each in shown
    if each.language == "inline" or (name == REFERENCE and each.language == "command")
}
PLAIN = ["--temporal", "middle-frame", "--spatial", "top-score"]
MEVIS = ["eval", "mevis", "--data", "mevis", "--split", "valid_u", *PLAIN, "--out"]
RUN_DOG = ["run", "clip.mp4", "the dog", *PLAIN, "--out", "runs/dog"]
CONFIRMED = [
    ["run", "clip.mp4", "the dog", *PLAIN],
    ["correct", "alref-out/clip-the-dog", "--object", "1", "--frame", "2", "--confirm"],
]
IMPORTED = ["answers", "import", "gpt_results/s4", "s4.json"]
BEFORE = {
    "answers.md": [["run", "clip.mp4", "the dog that jumps", "--reasoner", "gpt4"]],
    "evaluation.md": [[*MEVIS, "runs/top-score"]],
    "alref compare runs/top-score runs/gpt4": [[*MEVIS, "runs/top-score"], [*MEVIS, "runs/gpt4"]],
    "alref compare runs/top-score runs/gpt4 --table table.tex --published": [[*MEVIS, "runs/top-score"], [*MEVIS, "runs/gpt4"]],
    "alref correct alref-out/clip-the-dog --undo": CONFIRMED,
    "alref correct runs/dog": [[*RUN_DOG]],
    "alref correct runs/dog --undo": [[*RUN_DOG], ["correct", "runs/dog", "--object", "1", "--frame", "2", "--confirm"]],
    "alref studio alref-out/clip-the-dog": [["run", "clip.mp4", "the dog", "--out", "alref-out/clip-the-dog"]],
    "alref plugins uninstall my-plugin": [["plugins", "install", "my-plugin.py"]],
    "alref submit RUN": [[*MEVIS, "runs/mevis"]],
    "alref submit runs/ryvos": [["eval", "ref-youtube-vos", "--data", "ryvos", *PLAIN, "--out", "runs/ryvos"]],
    'alref run --reasoner replay -o reasoner.answers=s4.json -- -OTbClCJQKs "the cat"': [IMPORTED],
}
"""What the reader of a page, or of a command that stands alone, has done before."""
STANDS_FOR = {
    "alref COMMAND --help": "alref run --help",
    "alref batch videos.csv --out s3://bucket/run --shard 0/4": "alref batch videos.csv --out results --shard 0/4",
    "alref collect s3://bucket/run --index index.parquet --shards shards": "alref collect results --index index.parquet",
    'alref batch videos "the dog" --out results --reasoner gpt4 -o reasoner.batch=true': (
        'alref batch videos "the dog" --out results --reasoner gpt4 -o reasoner.batch=true --plan'
    ),
    "alref correct RUN": "alref correct alref-out/clip-the-dog",
    'alref correct RUN --add "the second dog"': 'alref correct alref-out/clip-the-dog --add "the second dog"',
    "alref flags RUN": "alref flags alref-out/clip-the-dog",
    "alref data check NAME DIR": "alref data check mevis mevis",
    "alref eval alref:mevis": "alref eval alref:mevis --data mevis --split valid_u",
    "alref models pull --preset NAME --sound": "alref models pull --preset paper-s4 --sound",
    "alref plugins NAME": "alref plugins sam2",
    "alref plugins FORMAT": "alref plugins coco",
    "alref plugins check NAME": "alref plugins check uniform",
    "alref plugins check boxes": "alref plugins check coco",
    "alref score NAME --data DIR --masks DIR": "alref score mevis --data mevis --split valid_u --masks my-results",
    "alref submit RUN": "alref submit runs/mevis",
}
"""What a reader types for commands with a word to be filled in."""
FILES = {"ablations.md": "grid.yaml", "configuration.md": "mine.yaml", "usage.md": "references.yaml"}
"""What the first YAML of a page is kept as."""
SQUARES = np.zeros((2, 8, 8), np.bool_)
GIVEN = {
    "python.md": {"paths": ["clip.mp4"]},
    "metrics.md": {"true_masks": SQUARES, "masks": SQUARES},
    "other-models.md": {"__file__": "people.py"},
}
"""What a page's Python takes for granted."""
FRAGMENTS = {"hooks.md", "weights.md"}
"""Pages with Python that is a part of something and only has to be correct in its form."""


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stock(tmp_path_factory.mktemp("stocked"))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    return models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def here(stocked: Path, held: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with place(stocked, held, tmp_path, monkeypatch) as made:
        monkeypatch.chdir(made.folder)
        yield made


@pytest.mark.parametrize("page", STORIES)
def test_a_page_can_be_followed(page: str, here: Place) -> None:
    home = (ROOT / STORIES[page][0].page).parent if STORIES[page] else ROOT
    if home != ROOT and (home / "pyproject.toml").exists():
        shutil.copytree(home, here.folder, dirs_exist_ok=True)
    for arguments in BEFORE.get(page, []):
        here.alref(arguments)
    file, names = FILES.get(page), dict(GIVEN.get(page, {}))
    for each in STORIES[page]:
        if each.language == "command":
            here.run(replace(each, text=typed(each.text)))
            continue
        name = re.match(r"# (\S+\.\w+)\n", each.text)
        if name or (file and each.language == "yaml"):
            path = here.folder / (name[1] if name else str(file))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(each.text)
            file = None if not name else file
        CHECKS.get(each.language, lambda each, names: None)(each, names)


def check_python(each: Shown, names: dict[str, Any]) -> None:
    """Run a program; of a fragment look at the form."""
    code = compile(ast.parse(each.text, each.place), each.place, "exec")
    if not missing(each.text) - names.keys():
        exec(code, names)
    else:
        assert Path(each.page).name in FRAGMENTS, f"{each.place}: {missing(each.text)} is defined nowhere"


def missing(text: str) -> set[str]:
    """Return the names that a program takes from elsewhere."""
    whole = symtable.symtable(text, "shown", "exec")
    tables = [whole]
    for table in tables:
        tables += table.get_children()
    used = {name.get_name() for table in tables for name in table.get_symbols() if name.is_global() or table is whole}
    made = {name.get_name() for name in whole.get_symbols() if name.is_assigned() or name.is_imported() or name.is_namespace()}
    return used - made - set(dir(builtins))


def check_yaml(each: Shown, names: dict[str, Any]) -> None:
    """Look whether it is an ablation, a configuration or a list of references that alref takes."""
    data, plugins = parse_yaml(each.text, each.place), PluginManager()
    if {"vary", "rows"} & data.keys():
        Path("shown.yaml").write_text(each.text)
        assert grid.read_ablation(Path("shown.yaml"), plugins).rows
    elif Path("references.yaml").exists():
        assert references.read_references(Path("references.yaml"))
    else:
        resolve_config(plugins, [data])


CHECKS = {
    "python": check_python,
    "yaml": check_yaml,
    "json": lambda each, names: json.loads(each.text),
    "toml": lambda each, names: tomllib.loads(each.text),
}


@pytest.mark.parametrize("text", sorted(ALONE))
def test_a_command_works_alone(text: str, here: Place) -> None:
    finished = text.startswith(("alref export", "alref correct", "alref flags"))
    for arguments in BEFORE.get(text, [["run", "clip.mp4", "the dog", *PLAIN]] if finished else []):
        here.alref(arguments)
    words = shlex.split(text)
    if words[0] != "alref" or not named_only(words[1:]):
        here.run(replace(ALONE[text], text=typed(text)))


def typed(text: str) -> str:
    """Return what a reader types: names in the place of the words that stand for them."""
    words = text.split()
    return STANDS_FOR.get(text) or text.replace("DIR", DATA.get(words[2], "DIR") if len(words) > 2 else "DIR")


def named_only(words: list[str]) -> bool:
    """Say whether words name a command that needs more to be run."""
    command: click.Command = cli
    for word in words:
        if not isinstance(command, click.Group):
            return False
        found = command.get_command(click.Context(command), word)
        if found is None:
            return False
        command = found
    return isinstance(command, click.Group) or any(each.required for each in command.params)


def test_no_command_is_overlooked() -> None:
    """Every line of code with a command of alref in it was taken for one."""
    lines = {(each.page, each.line) for shown in SHOWN.values() for each in shown if each.language == "command"}
    calls = re.compile(rf"(?<!see:) alref (?:{'|'.join(COMMANDS)})\b")
    for page in pages():
        for number, line in enumerate(page.read_text().splitlines(), 1):
            if line.startswith("    ") and calls.search(line):
                assert (page.relative_to(ROOT).as_posix(), number) in lines, f"{page}:{number}: {line}"


def test_what_is_not_tried_is_shown() -> None:
    shown = {each.text for listed in SHOWN.values() for each in listed}
    assert set(UNTRIED) <= shown


def test_fragments_are_exactly_what_is_named() -> None:
    found = set()
    for page, story in STORIES.items():
        names = set(GIVEN.get(page, {}))
        for each in (each for each in story if each.language == "python"):
            found |= {page} if missing(each.text) - names else set()
            names |= {symbol.get_name() for symbol in symtable.symtable(each.text, page, "exec").get_symbols()}
    assert found == FRAGMENTS
