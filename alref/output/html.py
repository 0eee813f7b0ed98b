"""Render HTML pages from the templates in this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2

from alref.utils.text import escape_controls


def make_environment(**filters: Callable[[Any], Any]) -> jinja2.Environment:
    """Return the Jinja environment of ``templates/``, with escaping, strict undefined names and ``filters``."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("alref.output"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_show_controls,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made


def _show_controls(value: Any) -> Any:
    """Return a value of a page; control characters of a text are shown, since a model may have written it."""
    return type(value)(escape_controls(value)) if isinstance(value, str) else value
