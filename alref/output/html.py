"""How pages are made from the templates beside this module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2


def make_environment(**filters: Callable[[Any], Any]) -> jinja2.Environment:
    """Return what renders ``templates/``: all is escaped, a missing name is an error, ``filters`` are added."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("alref.output"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made
