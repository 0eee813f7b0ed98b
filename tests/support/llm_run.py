"""Run the command line with a reasoner that asks a server, and scripted components around it.

python -m support.llm_run ARGUMENT...
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from alref.cli import run_command
from alref.plugins import manager
from support.llm_server import Body, ChatServer, text_of
from support.scripted import Script

TEXTS = ("the dog", "the cat", "the cup")
QUESTIONS = 2 * len(TEXTS)
"""One about the frame and one about the box of each."""


class ServerScript(Script):
    """Scripted components, beside the reasoners that ask servers."""

    def __init__(self) -> None:
        super().__init__()
        self.entries += [EntryPoint(name, f"alref_{name}", "alref") for name in ("openai", "ollama")]
        self.plugins = manager.PluginManager(self.entries)
        assert not self.plugins.broken, self.plugins.broken


def right(body: Body) -> str:
    """Answer each question about TEXTS: frame 2 of those shown, and box 2."""
    return json.dumps(
        {"why": f"{asked_about(body)} is there", "finding": "found", "frame" if "frame" in wanted(body) else "box": 2}
    )


def asked_about(body: Body) -> str:
    """Return the one of TEXTS that a question is about."""
    return next(text for text in TEXTS if text in text_of(body))


def wanted(body: Body) -> dict[str, Any]:
    """Return the properties that a question wants in its answer."""
    schema = body["response_format"]["json_schema"]["schema"] if "response_format" in body else body["format"]
    properties: dict[str, Any] = schema["properties"]
    return properties


def settings(server: ChatServer, service: str, store: Path, **given: Any) -> dict[str, Any]:
    """Return the configuration of a reasoner that asks the server."""
    small = {"max_questions": 1, "image_size": 224, "concurrency": 1}
    where = {"base_url": server.base_url} if service == "openai" else {"host": server.root}
    return {"use": service, "model": "tiny", "answers": str(store), **small, **where, **given}


def arguments(clip: Path, out: Path, reasoner: dict[str, Any]) -> list[str]:
    """Return the command line of a run over TEXTS."""
    scripted = [f"--{slot}=scripted" for slot in ("unifier", "proposer", "propagator")]
    chosen = [f"-oreasoner.{name}={value}" for name, value in reasoner.items() if name != "use"]
    return ["run", str(clip), *TEXTS, *scripted, f"--reasoner={reasoner['use']}", *chosen, f"--out={out}", "--quiet"]


if __name__ == "__main__":
    script = ServerScript()
    manager.entry_points = lambda group: script.entries  # type: ignore[assignment]
    sys.exit(run_command(sys.argv[1:]))
