"""``alref plugins record``: show a record that components exchange, with its fields."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
from rich.box import SIMPLE
from rich.table import Table

import alref
from alref.cli.console import make_console
from alref.errors import ConfigError, suggest_names
from alref.records import Record
from alref.utils.masks import ARRAY_TYPES


@click.command("record")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """Show the record NAME and its fields, or list all records that components exchange.

    \b
    alref plugins record Candidates
    """
    records = {each: getattr(alref, each) for each in alref.__all__}
    records = {each: cls for each, cls in records.items() if inspect.isclass(cls) and issubclass(cls, Record)}
    console = make_console()
    if name is None:
        for each, cls in records.items():
            console.print(f"{each}: {inspect.cleandoc(cls.__doc__ or '').splitlines()[0]}".replace("``", ""), highlight=False)
        return
    if name not in records:
        raise ConfigError(f"no record {name!r}{suggest_names(name, records)}; records: {', '.join(records)}")
    console.print(inspect.cleandoc(records[name].__doc__ or "").replace("``", ""), highlight=False)
    table = Table("field", "type", "default", box=SIMPLE)
    for cells in describe_fields(records[name]):
        table.add_row(*cells)
    console.print(table)


def describe_fields(cls: type[Record]) -> Iterator[tuple[str, str, str]]:
    """Yield the name, the type and the default of each field; arrays with their dtype and shape."""
    types = {name: kind for base in reversed(cls.__mro__) for name, kind in inspect.get_annotations(base).items()}
    for name, field in cls.model_fields.items():
        words = [ARRAY_TYPES.get(word, word) for word in str(types[name]).split(" ")]
        yield name, " ".join(words), "required" if field.is_required() else repr(field.default)
