"""The place in which the commands of the documentation run: a folder with what a reader would have, and servers on loopback.

All models, servers and keys are stand-ins behind the real code: the hub gives tiny random models under the names that the
defaults and presets ask for, and language models answer at once. In the place of Qwen3-VL, whose processor needs torchvision,
stands a LLaVA.

The embedded network looks at small pictures and finds whatever it is asked for, the demonstration is short, and contracts are
checked but for the promises that take longest.

Not run, but looked up, are targets of ``make``, scripts of the project, and distributions of others that ``pip`` installs.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from alref.cli import demo_clip, run_command
from alref.models import download
from alref.testing.runner import SLOW_TESTS
from alref.utils import http_client
from alref_benchmarks.datasets import DATASETS
from support.docs_commands import ROOT, Shown
from support.docs_folder import BEATS
from support.fake_hub import run_fake_hub
from support.llm_server import Body, ChatServer, hurry, serving, text_of
from support.sam3_server import Sam3Server, format_records, serve_sam3

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
OTHERS = {"mutmut", "pre-commit", "pytest", "supervision", "timm", "torchvision"}
"""Distributions that the pages name beside alref's own."""
UNTRIED = {
    "ollama pull qwen2.5vl": "the server is a stand-in, which has the model",
    ".venv/bin/mutmut run": "takes hours",
    "pip install git+https://…": "the address is to be filled in",
}
"""Commands that are shown and not run, with the reason."""
GPT = ["gpt-4o", "gpt-4o-2024-05-13", "gpt-4-turbo-2024-04-09", "gpt-4.1"]


def answered(body: Body) -> str:
    """Answer as a language model would: two objects that sound, the first box, or the second frame."""
    said = text_of(body)
    if "sound track" in said or "audio tagger" in said:
        return '["dog": 1, "piano": 2]'
    return "The box fits. [1]" if "box" in said else "It is seen best there. [2]"


class Place:
    """A folder to run commands in; what they export holds for those that follow."""

    def __init__(self, folder: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.site, self.monkeypatch = folder, site, monkeypatch

    def run(self, shown: Shown) -> str:
        """Run one command line, and return what it prints; fails where it does not end well."""
        if shown.text in UNTRIED:
            return ""
        words = shlex.split(shown.text, comments=True)
        while re.match(r"[A-Z_]+=", words[0]):
            self.export(words.pop(0))
        runner: Callable[[list[str]], str] | None = getattr(self, Path(words[0]).name, None)
        assert runner, f"{shown.place}: {shown.text}\nno test can run this"
        with chdir(self.folder):
            words, _, file = (words[: words.index(">")], *words[-2:]) if ">" in words else (words, "", "")
            try:
                printed = runner(words[1:])
            except AssertionError as error:
                raise AssertionError(f"{shown.place}: {shown.text}\n{error}") from None
            if file:
                Path(file).write_text(printed)
        return printed

    def alref(self, arguments: list[str]) -> str:
        """Run alref in this process; warnings and errors are told apart from what it prints."""
        quick = ["--quick"] if arguments[:2] == ["plugins", "check"] else []
        printed, told = io.StringIO(), io.StringIO()
        with redirect_stdout(printed), redirect_stderr(told):
            code = run_command([*arguments, *quick])
        both = f"{printed.getvalue()}{told.getvalue()}"
        assert code == 0, f"exit code {code}\n{both}"
        assert "Traceback" not in both, both
        return printed.getvalue()

    def pip(self, arguments: list[str]) -> str:
        """Install a folder of the reader's for what follows; of other distributions look whether there are such."""
        assert arguments[0] == "install"
        for given in (each for each in arguments[1:] if not each.startswith("-")):
            folder = Path(given.partition("[")[0])
            if (folder / "pyproject.toml").exists():
                self._install(folder.resolve(), editable="-e" in arguments)
            elif not (ROOT / folder / "pyproject.toml").exists():
                wanted = Requirement(given)
                assert wanted.name in ("alref", *OTHERS), f"no distribution {wanted.name}"
                assert wanted.extras <= PROJECT["optional-dependencies"].keys(), f"no such extra: {wanted}"
        return ""

    def _install(self, folder: Path, editable: bool) -> None:
        quiet = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
        self._started("python", "-m", "pip", "install", *quiet, "--target", str(self.site), str(folder))
        for place in (self.site, *([folder] if editable else [])):
            self.monkeypatch.syspath_prepend(str(place))
            self.monkeypatch.setenv("PYTHONPATH", str(place), prepend=os.pathsep)

    def make(self, arguments: list[str]) -> str:
        """Look whether the Makefile has the targets."""
        assert {each for each in arguments if "=" not in each} <= TARGETS, (
            f"no such target; targets: {', '.join(sorted(TARGETS))}"
        )
        return ""

    def export(self, *words: Any) -> str:
        """Set a variable of the environment, also where the page leaves out the value."""
        for word in words if isinstance(words[0], str) else words[0]:
            name, _, value = word.partition("=")
            self.monkeypatch.setenv(name, value if value.strip(".…") else "a-key")
        return ""

    def cd(self, arguments: list[str]) -> str:
        """Go on in another folder."""
        self.folder = Path(arguments[0]).resolve(strict=True)
        return ""

    def python(self, arguments: list[str]) -> str:
        """Run a program of the reader's; of one of the project look whether it is there with these options."""
        own = next((ROOT / each for each in arguments if "/" in each and (ROOT / each).is_file()), None)
        if own is None:
            return self._started("python", *arguments)
        assert all(f'"{each}"' in own.read_text() for each in arguments if each.startswith("--"))
        return ""

    def pytest(self, arguments: list[str]) -> str:
        """Run the reader's tests, but for those that take longest."""
        quick = f"not ({' or '.join(SLOW_TESTS)})"
        return self._started("pytest", "-p", "no:cacheprovider", "-k", quick, *arguments)

    def _started(self, program: str, *arguments: str) -> str:
        """Run a program of the environment that the tests run in."""
        done = subprocess.run([Path(sys.executable).with_name(program), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def place(stocked: Path, held: dict[str, dict[str, bytes]], home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Open a place with what the folder ``stocked`` holds, with a hub that holds models and with language models."""
    for name in [name for name in os.environ if name.startswith(("ALREF_", "XDG_", "HF_", "OPENAI_", "OLLAMA_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr("alref_baseline.features.LONG_SIDE", 128)
    monkeypatch.setattr("alref_baseline.grounding.ABSENT_THRESHOLD", 0.0)
    for dataset in DATASETS:
        monkeypatch.setattr(dataset, "published_counts", {})
    monkeypatch.setattr("alref.cli.demo_clip.FRAME_COUNT", 14)
    _stock(home / "reader", stocked)
    monkeypatch.syspath_prepend(str(home / "reader"))
    monkeypatch.setattr("alref_studio._runtime.serve", lambda *given: None)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    before = set(sys.modules)
    with (
        run_fake_hub(monkeypatch, home) as hub,
        serving(answered, models=GPT) as gpt,
        serving(answered) as own,
        serve_sam3(_segment) as sam3,
    ):
        hub.models = {**held, "lone/files": {name: (stocked / name).read_bytes() for name in BEATS}}
        _publish_beats(hub.address, stocked, monkeypatch)
        _answer(gpt, own, monkeypatch)
        _segment_at_meta(sam3, monkeypatch)
        yield Place(home / "reader", home / "site", monkeypatch)
    for name in set(sys.modules) - before:
        if str(home) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _stock(folder: Path, stocked: Path) -> None:
    """Give the reader copies of the files, and links to folders, which nobody writes to."""
    folder.mkdir()
    for each in stocked.iterdir():
        if each.is_dir():
            (folder / each.name).symlink_to(each)
        else:
            shutil.copy(each, folder)


def _publish_beats(address: str, stocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checkpoints of BEATs be those of the folder; the one that no program can fetch is in the reader's own."""
    weights = download.get_weights_folder()
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copy(stocked / BEATS[1], weights)
    digests = {name: hashlib.sha256((stocked / name).read_bytes()).hexdigest() for name in BEATS}
    monkeypatch.setattr("alref_beats.SHA256", digests)
    monkeypatch.setattr("alref_beats.URL", f"{address}/{BEATS[0]}")


def _answer(gpt: ChatServer, own: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``gpt`` answer at the address of OpenAI, and ``own`` wherever else a server is looked for."""
    hurry(monkeypatch)
    own.models = ["qwen2.5vl"]
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.setenv("OLLAMA_HOST", own.root)
    open_client = http_client.open_client

    def redirect(request: Any) -> None:
        server = gpt if request.url.host == "api.openai.com" else own
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=server.http.server_port)

    def open_redirected(*given: Any, **settings: Any) -> Any:
        client = open_client(*given, **settings)
        client.event_hooks = {**client.event_hooks, "request": [redirect]}
        return client

    monkeypatch.setattr(http_client, "open_client", open_redirected)


def _segment(text: str) -> list[str]:
    """Find one object of any noun in the middle of two frames of the clip."""
    mask = np.zeros(demo_clip.SIZE, np.bool_)
    mask[20:40, 30:50] = True
    return format_records({0: {2: mask, 3: mask}})


def _segment_at_meta(service: Sam3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a service answer at the address of Meta, for any key."""
    service.key = ""
    make_client = http_client.make_client

    def redirect(request: Any) -> None:
        request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=service.http.server_port)

    def make_redirected(address: str, *given: Any, **settings: Any) -> Any:
        client = make_client(address, *given, **settings)
        if "api.meta.ai" in address:
            client.event_hooks = {**client.event_hooks, "request": [redirect]}
        return client

    monkeypatch.setattr(http_client, "make_client", make_redirected)
