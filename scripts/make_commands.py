"""Write ``commands.md`` beside this script from the commands themselves: ``python scripts/make_commands.py``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from alref.cli import cli, list_command_helps
from alref.cli.common_options import add_config_options
from alref.cli.verbose_option import VERBOSE_OPTION

HEAD = """# Commands

Written from the commands themselves: `alref COMMAND --help` says the same. `alref --version` prints the version.
Every command takes `-v` (`--verbose`), which shows the traceback of an error.

| command | what it does |
|---|---|
{rows}

## Shared options

Every command that works with a [configuration](configuration.md) takes these options:

{shared}
"""
SECTION = """
{heading} {path}

{help}

```text
{usage}
```
"""
REFERENCE = "\nIt also takes the [shared options](#shared-options).\n"


def main() -> None:
    """Write the page."""
    (Path(__file__).parents[1] / "docs" / "commands.md").write_text(build_page(), encoding="utf-8")


def build_page() -> str:
    """Return the whole page as Markdown."""
    rows = "\n".join(f"| [`alref {name}`](#alref-{name}) | {text} |" for name, text in list_command_helps().items())
    shared = click.command()(add_config_options(lambda: None))
    head = HEAD.format(rows=rows, shared=format_options(shared.params, click.Context(shared)))
    own: set[str | None] = {option.name for option in shared.params}
    return head + "".join(format_section(context, own) for context in walk_commands(click.Context(cli, info_name="alref")))


def walk_commands(parent: click.Context) -> Iterator[click.Context]:
    """Yield every command below a group, a group before its own commands."""
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, parent=parent, info_name=name)
        yield context
        if isinstance(command, click.Group):
            yield from walk_commands(context)


def format_section(context: click.Context, shared: set[str | None]) -> str:
    """Return what one command does, how it is called, and its options."""
    depth = context.command_path.count(" ")
    usage = context.command.get_usage(context).removeprefix("Usage: ").replace("\n" + " " * len("Usage: "), "\n")
    text = SECTION.format(heading="#" * (depth + 1), path=context.command_path, help=format_help(context.command), usage=usage)
    options = [param for param in context.command.params if isinstance(param, click.Option) and param is not VERBOSE_OPTION]
    takes = shared <= {option.name for option in options}
    own = [option for option in options if not (takes and option.name in shared)]
    rows = f"\n{format_options(own, context)}\n" if own else ""
    return text + rows + (REFERENCE if takes else "")


def format_help(command: click.Command) -> str:
    """Return a help text as Markdown: its examples, which stand after a ``\\b``, as blocks of code."""
    parts = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(re.sub("^", "    ", part[2:], flags=re.MULTILINE) if part.startswith("\b\n") else part for part in parts)


def format_options(options: list[click.Parameter] | list[click.Option], context: click.Context) -> str:
    """Return options as a table: their flags, what they take, and their help with the default where it is shown."""
    lines = ["| option | takes | what it does |", "|---|---|---|"]
    for option in options:
        flags = ", ".join(f"`{flag}`" for flag in option.opts)
        record = option.get_help_record(context)
        lines.append(f"| {flags} | {format_argument(option, context)} | {' '.join(record[1].split()) if record else ''} |")
    return "\n".join(lines)


def format_argument(option: click.Parameter, context: click.Context) -> str:
    """Return what an option takes: nothing, one of several words, or the name of a value."""
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{choice}`" for choice in option.type.choices)
    return "" if isinstance(option, click.Option) and option.is_flag else option.make_metavar(context)


if __name__ == "__main__":
    main()
