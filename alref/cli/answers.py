"""``alref answers``: show cached answers of language models, or import published ones."""

from __future__ import annotations

from pathlib import Path

import click

from alref.llm.answer_store import AnswerStore, get_default_path
from alref.llm.published_answers import import_published_answers
from alref.utils import atomic
from alref.utils.text import escape_controls


@click.group("answers")
def command() -> None:
    """Show the cached answers of language models, or import published ones."""


@command.command("info")
@click.argument("store", type=click.Path(path_type=Path), required=False)
def show_info(store: Path | None) -> None:
    """Print the path and size of the answer store, and the number of answers by model.

    STORE defaults to the user's own store.
    """
    answers = AnswerStore(store or get_default_path())
    try:
        facts = answers.get_info()
    finally:
        answers.close()
    click.echo(answers.path)
    click.echo(f"{facts.count:,} answers, {facts.size / 1e6:.1f} MB")
    for model, count in facts.models.items():
        click.echo(escape_controls(f"{count:8,}  {model}"))


@command.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path), required=False)
def import_answers(folder: Path, file: Path | None) -> None:
    """Convert the answers that the authors of AL-Ref-SAM 2 published for a dataset to FILE, for the reasoner 'replay'.

    FOLDER holds cot_stage_1_outputs.json and cot_stage_2_outputs.json; FILE defaults to FOLDER-answers.json.
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
