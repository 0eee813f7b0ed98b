"""Write ``docs/api.md`` and the tables of ``docs/contract-kit.md`` from the docstrings: ``python scripts/make_api.py``."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

import alref
import alref.testing
from alref.utils.masks import ARRAY_TYPES

DOCS = Path(__file__).parents[1] / "docs"
MARK = "<!-- The rest is generated from the docstrings of alref.testing by scripts/make_api.py. -->\n"
HEAD = """# API reference

This page is generated from the docstrings. The names of `alref` and `alref.testing` are [public](stability.md#what-is-public).
[From Python](python.md) shows how to use them. Shapes are `(T, H, W)`: frames, rows, columns. Boxes are `x0, y0, x1, y1` in
pixels. Frames count from 0.
"""
SECTIONS = {
    "Every component": ("DeclarationContract", "StageContract"),
    "Components that get frames": ("FrameContract",),
    "Propagators, trackers and temporal reasoners": ("EnduranceContract",),
    "Unifiers": ("UnifierContract",),
    "Taggers": ("TaggerContract",),
    "Locators": ("LocatorContract",),
    "Transcribers": ("TranscriberContract",),
    "Temporal reasoners": ("TemporalReasonerContract",),
    "Spatial reasoners": ("SpatialReasonerContract",),
    "Proposers": ("ProposerContract",),
    "Propagators": ("PropagatorContract",),
    "Trackers": ("TrackerContract",),
    "Track reasoners": ("TrackReasonerContract",),
    "Reviewers": ("ReviewerContract",),
    "Export formats": ("ExporterContract",),
    "Runners": ("RunnerContract",),
    "Loggers": ("LoggerContract",),
}
"""The headings of the contract kit's page, with the classes whose promises stand there."""
MAX_WIDTH = 80
"""Characters of parameters on one line of a signature."""
PLAIN_DEFAULTS = (bool, int, float, str, tuple, type(None))


def main() -> None:
    """Write both pages."""
    (DOCS / "api.md").write_text(build_page(), encoding="utf-8")
    (DOCS / "contract-kit.md").write_text(build_contract_kit(), encoding="utf-8")


def build_page() -> str:
    """Return the API reference as Markdown."""
    return HEAD + "".join(format_module(module) for module in (alref, alref.testing))


def format_module(module: ModuleType) -> str:
    """Return the section of one module: an entry for each of its public names."""
    names = sorted(module.__all__, key=str.casefold)
    entries = (format_entry(module.__name__, name, getattr(module, name)) for name in names)
    return f"\n## {module.__name__}\n" + "".join(entries)


def format_entry(module: str, name: str, value: Any) -> str:
    """Return the heading, the signature, the docstring and the members of one public name."""
    parts = [f"### {module}.{name}"]
    if inspect.isclass(value):
        parts += [*format_signature(name, value), format_docstring(value), format_fields(value), *format_members(value)]
    elif inspect.isfunction(value):
        parts += [f"```py\n{name}{format_parameters(value, wrap=True)}\n```", format_docstring(value)]
    elif not isinstance(value, ModuleType):
        parts.append(f"An instance of `{type(value).__name__}`.")
    return "\n" + "\n\n".join(part for part in parts if part) + "\n"


def format_signature(name: str, cls: type) -> list[str]:
    """Return how an instance is made; nothing for records and exceptions, whose fields or message say it."""
    own = next((base for base in cls.__mro__ if "__init__" in vars(base)), object)
    if issubclass(cls, (BaseModel, BaseException)) or own is object or dataclasses.is_dataclass(cls):
        return []
    constructor = vars(own)["__init__"]
    return [f"```py\n{name}{format_parameters(constructor, wrap=True)}\n```"]


def format_parameters(function: Any, wrap: bool = False) -> str:
    """Return the parameters of a function as written, without ``self``, and its return type; one per line to ``wrap``."""
    signature = inspect.signature(function)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name not in ("self", "cls")]
    written = [format_parameter(parameter) for parameter in insert_markers(parameters)]
    text = ", ".join(written)
    if wrap and len(text) > MAX_WIDTH:
        text = "".join(f"\n    {line}," for line in written) + "\n"
    returns = signature.return_annotation
    returned = "" if returns in (inspect.Signature.empty, "None", None) else f" -> {format_type(returns)}"
    return f"({text}){returned}"


def insert_markers(parameters: list[inspect.Parameter]) -> Iterator[inspect.Parameter | str]:
    """Yield parameters with the star before the first that is only given by name."""
    starred = False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        yield parameter


def format_parameter(parameter: inspect.Parameter | str) -> str:
    """Return one parameter with its type and its default."""
    if isinstance(parameter, str):
        return parameter
    stars = "*" * ((parameter.kind is parameter.VAR_POSITIONAL) + 2 * (parameter.kind is parameter.VAR_KEYWORD))
    written = "" if parameter.annotation is parameter.empty else f": {format_type(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{written}"
    default = repr(parameter.default) if isinstance(parameter.default, PLAIN_DEFAULTS) else "..."
    return f"{stars}{parameter.name}{written}{' = ' if written else '='}{default}"


def format_type(annotation: Any) -> str:
    """Return a type as it is written in the code."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return " ".join(ARRAY_TYPES.get(word, word) for word in text.split(" "))


def format_docstring(value: Any) -> str:
    """Return an own docstring as Markdown: literal blocks become fenced code."""
    text = inspect.cleandoc(vars(value).get("__doc__") or "") if inspect.isclass(value) else inspect.getdoc(value) or ""
    text = re.sub(r"::\n\n((?:    .*\n|\n)+)", fence_block, f"{text}\n")
    return text.replace("``", "`").replace("\x00", "```").strip()


def fence_block(found: re.Match[str]) -> str:
    """Return a literal block of a docstring as fenced code; its fences are still hidden from the replacement of backticks."""
    return f":\n\n\x00py\n{inspect.cleandoc(found[1])}\n\x00\n\n"


def format_fields(cls: type) -> str:
    """Return the fields of a record as a table: their types as written, and their descriptions where they have one."""
    if issubclass(cls, BaseModel):
        described = {name: field.description or "" for name, field in cls.model_fields.items()}
    elif dataclasses.is_dataclass(cls):
        described = {field.name: "" for field in dataclasses.fields(cls)}
    else:
        return ""
    types = {name: kind for base in reversed(cls.__mro__) for name, kind in inspect.get_annotations(base).items()}
    rows = [(f"`{name}`", f"`{format_type(types[name])}`", text) for name, text in described.items()]
    columns = ("field", "type", "meaning") if any(described.values()) else ("field", "type")
    return format_table(columns, rows) if rows else ""


def format_members(cls: type) -> Iterator[str]:
    """Yield the public methods and properties of a class that alref documents, but not the promises of the contract kit."""
    for name, member in collect_members(cls).items():
        function = getattr(member, "__func__", member)
        if isinstance(member, property):
            kind = inspect.signature(member.fget).return_annotation if member.fget else ""
            yield f"**`{name}`**: `{format_type(kind)}`\n\n{format_docstring(member)}"
        elif inspect.isfunction(function) and function.__doc__:
            yield f"**`{name}{format_parameters(function)}`**\n\n{format_docstring(function)}"


def collect_members(cls: type) -> dict[str, Any]:
    """Return what a class and its bases in alref define under public names, those of the class itself first."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] == "alref":
            found = {**{name: member for name, member in vars(base).items() if name not in found}, **found}
    return {name: member for name, member in sorted(found.items()) if not name.startswith(("_", "test_", "model_"))}


def build_contract_kit() -> str:
    """Return the page of the contract kit: its written part, then a table of promises for each section."""
    written = (DOCS / "contract-kit.md").read_text(encoding="utf-8").partition(MARK)[0]
    return written + MARK + "".join(format_promises(title, names) for title, names in SECTIONS.items())


def format_promises(title: str, names: tuple[str, ...]) -> str:
    """Return one section: each promise of some classes of the kit, with what to do where it is broken."""
    classes = {base.__name__: base for name in alref.testing.__all__ for base in get_bases(getattr(alref.testing, name))}
    tests = [test for name in names for test_name, test in vars(classes[name]).items() if test_name.startswith("test_")]
    rows = []
    for test in tests:
        promise, _, advice = inspect.cleandoc(test.__doc__ or "").partition("\n")
        rows.append((promise.replace("``", "`"), " ".join(advice.split()).replace("``", "`")))
    return f"\n## {title}\n\n{format_table(('promise', 'if it is broken'), rows)}\n"


def get_bases(value: Any) -> tuple[type, ...]:
    """Return a class with all its bases; nothing for what is not a class."""
    return value.__mro__ if inspect.isclass(value) else ()


def format_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table with as many columns as its head."""
    lines: list[tuple[str, ...]] = [head, ("---",) * len(head), *(row[: len(head)] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
