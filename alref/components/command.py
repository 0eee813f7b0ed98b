"""Base of commands that plugins add to ``alref``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import click


class PluginCommand(ABC):
    """A command of the program ``alref``; the first line of the docstring of its class is its help in ``alref --help``.

    ``needs`` are import names of required libraries, ``extra`` is the extra of its distribution that installs them, if any.
    alref checks them before it runs the command; its ``--help`` works without them.
    """

    name: ClassVar[str]
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def build_command(cls) -> click.Command:
        """Return the command; import what takes time when it is called, not here."""
