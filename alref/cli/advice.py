"""The options that help with an error: the engine, which Python calls too, names only what is wrong."""

from __future__ import annotations

from alref.errors import AlrefError

ADVICE = {
    "no-reference": "give an expression, for example: alref run clip.mp4 'the dog'",
    "several-references": "write a file of them: -r references.yaml",
    "folder-of-another-job": "name another folder with --out, or replace what it holds with --force",
    "folder-of-others": "name another folder with --out",
}
"""What to type next, by the ``code`` of an error."""


def format_error(error: AlrefError) -> str:
    """Return the message of an error with the options that help."""
    return "; ".join([str(error), *([ADVICE[error.code]] if error.code in ADVICE else [])])
