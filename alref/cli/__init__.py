"""The command line. Each command module is imported on first use, so that ``alref --help`` is fast."""

from __future__ import annotations

import atexit
import os
import sys
from importlib import import_module

import click

from alref.cli.terminal import close_standard_output, open_standard_streams
from alref.cli.verbose_option import VERBOSE_OPTION, add_verbose_option
from alref.models import cpu_tuning
from alref.utils.text import escape_controls

INTERRUPTED, OUTPUT_FAILED = 130, 7
COMMANDS = {
    "run": "Segment what expressions point at in a video.",
    "batch": "Segment many videos on many processes or machines, into one store.",
    "collect": "Merge the store of a batch into one index.",
    "flags": "List the doubtful frames of a finished run, worst first.",
    "correct": "Correct one object of a finished run; the others do not change.",
    "eval": "Run a pipeline on a benchmark and score the results.",
    "score": "Score masks of any program by a benchmark's protocol.",
    "submit": "Pack the masks of an evaluation for a benchmark server.",
    "compare": "Compare evaluations, with confidence intervals.",
    "data": "List the available datasets, or check one on disk.",
    "ablate": "Run an ablation grid over a dataset.",
    "export": "Write finished runs in the formats of editors and annotation tools.",
    "demo": "Segment a small generated clip and score the result.",
    "models": "List the models that a configuration loads, or download missing ones.",
    "plugins": "List components, show one with its options, or write and check your own.",
    "config": "Print the resolved configuration as YAML.",
    "doctor": "Show what is installed, usable and missing, with the next command.",
    "answers": "Show the cached answers of language models, or import published ones.",
    "cache": "Show or clear the stage cache that ablations share.",
    "completion": "Print the shell completion script.",
}


RESUMABLE = {"run", "batch", "eval", "ablate", "models"}
"""Commands that resume after an interruption."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(list_command_helps())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = import_module(f"alref.cli.{cmd_name}").command
            return add_verbose_option(command)
        from alref.cli.plugin_commands import find_plugin_command

        found = find_plugin_command(cmd_name)
        return add_verbose_option(found) if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(list_command_helps().items()))


def list_command_helps() -> dict[str, str]:
    """Return the help line of each command of alref and of the plugins that come with it; no plugin is loaded."""
    from alref.plugins.catalogue import load_cards

    shipped = [each for card in load_cards() if card.package == "alref" for each in card.components]
    return COMMANDS | {each.name: each.summary for each in shipped if "command" in each.slots}


def _print_version(ctx: click.Context, _: click.Parameter, wanted_version: bool) -> None:
    if wanted_version:
        from importlib import metadata

        click.echo(f"alref {metadata.version('alref')}")
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, callback=_print_version, expose_value=False, is_eager=True, help="Print the version.")
def cli() -> None:
    """Segment, in every frame of a video, the object that text or audio refers to.

    \b
    alref demo                          see it work
    alref run clip.mp4 "the red cup"    segment your own clip
    alref run clip.mp4 --sound          segment what makes the sound
    """


cli.params.append(VERBOSE_OPTION)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code: see ``alref.errors``; 130 after an interruption."""
    open_standard_streams()
    cpu_tuning.apply_thread_settings()
    code = run_command(sys.argv[1:] if arguments is None else arguments)
    reason = close_standard_output()
    if reason and code == 0:
        click.echo(f"error: standard output cannot be written: {reason}; the files of the command are complete", err=True)
        code = OUTPUT_FAILED
    if code == INTERRUPTED:
        atexit.register(_exit_now)
    sys.exit(code)


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code. Print an error as one message on stderr; add its traceback with ``-v``."""
    from alref.errors import AlrefError

    try:
        done = cli.main(arguments, prog_name="alref", standalone_mode=False)
        return done if isinstance(done, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        name = next((argument for argument in arguments if not argument.startswith("-")), "")
        hint = "; re-run the same command to resume" if name in RESUMABLE else ""
        click.echo(f"interrupted{hint}", err=True)
        return INTERRUPTED
    except AlrefError as error:
        from alref.cli.advice import format_error

        _print_error(f"error: {format_error(error)}", arguments)
        return error.exit_code
    except Exception as error:  # the last resort: a defect of alref itself
        _print_error(f"unexpected error: {type(error).__name__}: {error}; add -v to see where, and please report it", arguments)
        return 1


def _exit_now() -> None:
    """Exit before Python shuts down, which aborts the process while a thread runs in a compiled library."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _print_error(message: str, arguments: list[str]) -> None:
    if "-v" in arguments or "--verbose" in arguments:
        import traceback

        click.echo(escape_controls(traceback.format_exc()), err=True)
    click.echo(escape_controls(message), err=True)
