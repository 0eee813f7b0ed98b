"""Render HTML pages from the templates in this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2


def make_environment(**filters: Callable[[Any], Any]) -> jinja2.Environment:
    """Return the Jinja environment of ``templates/``, with escaping, strict undefined names and ``filters``."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("alref.output"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made
