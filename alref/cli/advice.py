"""Command-line options that help with an error; messages of the library itself name no options."""

from __future__ import annotations

from alref.errors import AlrefError

ADVICE = {
    "no-reference": "give an expression, for example: alref run clip.mp4 'the dog'",
    "several-references": "write the references to a file: -r references.yaml",
    "folder-of-another-job": "name another folder with --out, or replace what it holds with --force",
    "export-exists": "name another folder with --out, or replace it with --force",
    "folder-of-others": "name another folder with --out",
}
"""Advice on the next command, by the ``code`` of an error."""


def format_error(error: AlrefError) -> str:
    """Return the message of an error with advice on options."""
    return "; ".join([str(error), *([ADVICE[error.code]] if error.code in ADVICE else [])])
