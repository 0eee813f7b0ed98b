"""``alref answers``: what is kept of language models, and what others published."""

from __future__ import annotations

from pathlib import Path

import click

from alref.llm.answer_store import AnswerStore, get_default_path
from alref.llm.published_answers import import_published_answers
from alref.utils import atomic


@click.group("answers")
def command() -> None:
    """Show the cached answers of language models, or import published ones."""


@command.command("info")
@click.argument("store", type=click.Path(path_type=Path), required=False)
def show_info(store: Path | None) -> None:
    """Say where the answers are kept, how large the file is, and how many there are of each model.

    STORE is another file than the user's own.
    """
    kept = AnswerStore(store or get_default_path())
    try:
        facts = kept.get_info()
    finally:
        kept.close()
    click.echo(kept.path)
    click.echo(f"{facts.count:,} answers, {facts.size / 1e6:.1f} MB")
    for model, count in facts.models.items():
        click.echo(f"{count:8,}  {model}")


@command.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), required=False)
def import_answers(folder: Path, file: Path | None) -> None:
    """Turn the answers that AL-Ref-SAM 2's authors published for a data set into FILE, for the reasoner 'replay'.

    FOLDER holds cot_stage_1_outputs.json and cot_stage_2_outputs.json; FILE is FOLDER's name with -answers.json if not given.
    """
    published = import_published_answers(folder)
    path = file or Path(f"{folder.resolve().name}-answers.json")
    atomic.make_folder(path.parent)
    atomic.write_text(path, published.model_dump_json(indent=1))
    empty = sum(not choices for choices in published.clips.values())
    boxes = sum(choice.box is not None for choice in published.choices)
    click.echo(
        f"{path}: {len(published.clips):,} clips, {empty} of them empty, {len(published.choices):,} labels, {boxes:,} boxes"
    )
    for line in published.unused:
        click.echo(f"not used: {line}", err=True)
    click.echo(f"run it with: --reasoner replay -o reasoner.answers={path}")
