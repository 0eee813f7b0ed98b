"""What the documentation shows: every command line, and every block of code, in the order in which a reader meets them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ("alref", "pip", "make", "export", "cd", "python", "pytest", "ollama", "hf", "mutmut")
"""What a line is recognized by; an assignment or a folder may stand before it."""
SHELLS = ("sh", "console", "bash", "shell")
_FENCE = re.compile(r"^\s*```(\w*)")
_STARTS = re.compile(rf"^(?:[A-Z_]+=\S* )*(?:[\w./]*/)?(?:{'|'.join(PROGRAMS)})(?: |$)")
_PARTS = re.compile(r"^\w+:  +.*?(alref [^|)]*[^|) ])")
"""A command in a part of another shell's line, which has a name before it."""
_INLINE = re.compile(r"`((?:(?:alref|pip install|make|export) |(?:[A-Z_]+=\S* )*python bench/)[^`]+)`")


@dataclass(frozen=True)
class Shown:
    """One command line, or one block of code; ``language`` is command, inline for one in a sentence, or that of the code."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """List every page of documentation."""
    own = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "registry/README.md")]
    return [*(page for page in own if page.exists()), *sorted((ROOT / "docs").rglob("*.md"))]


def read(page: Path) -> list[Shown]:
    """Return what a page shows."""
    return list(_shown(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8").splitlines()))


def _shown(page: str, lines: list[str]) -> Iterator[Shown]:
    """Go through the lines, by fenced blocks and single ones."""
    number = 0
    while number < len(lines):
        start, line = number + 1, lines[number]
        if fence := _FENCE.match(line):
            end = next(place for place in range(number + 1, len(lines)) if lines[place].strip() == "```")
            yield from _fenced(page, start, fence[1], lines[start:end])
            number = end + 1
            continue
        while line.startswith("    ") and line.endswith("\\"):
            number += 1
            line = line.removesuffix("\\") + lines[number].strip()
        number += 1
        if line.startswith("    ") and (call := _within(line.strip())):
            yield Shown(page, start, "command", call)
        elif not line.startswith("    "):
            yield from (Shown(page, start, "inline", text) for text in _INLINE.findall(line))


def _within(line: str) -> str:
    """Return the command that an indented line shows, or nothing."""
    part = _PARTS.match(line)
    return line if _STARTS.match(line) else part[1] if part else ""


def _fenced(page: str, start: int, language: str, lines: list[str]) -> Iterator[Shown]:
    """Take every line of a shell block that is no comment for a command, in a console those after a prompt; others are code."""
    if language not in SHELLS:
        yield Shown(page, start, language, "\n".join(lines) + "\n")
        return
    typed = [(start + place, line) for place, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    for place, line in typed:
        if language != "console" or line.startswith("$ "):
            yield Shown(page, place, "command", line.removeprefix("$ "))
