"""Commands that plugins add to ``alref``."""

from __future__ import annotations

from functools import wraps
from typing import Any

import click

from alref.components.command import PluginCommand
from alref.plugins import catalogue
from alref.plugins.manager import PluginManager
from alref.plugins.registered import has_name
from alref.utils.libraries import require_libraries


def find_plugin_command(name: str) -> click.Command | None:
    """Return the command ``name`` of a plugin, None if no plugin has one.

    Raises ConfigError if the plugin of a known command is not loaded, and if several plugins have a command of this name. The
    command raises MissingError when it is run without its libraries.
    """
    plugins = PluginManager()
    registered = [each for each in plugins.registered_classes if issubclass(each.cls, PluginCommand) and has_name(each, name)]
    if not registered and not any(catalogue.find_cards("command", name)):
        return None
    return _check_libraries_first(plugins.get_command(name))


def _check_libraries_first(cls: type[PluginCommand]) -> click.Command:
    command = cls.build_command()
    callback = command.callback or (lambda: None)

    @wraps(callback)
    def call_with_libraries(*args: Any, **kwargs: Any) -> Any:
        require_libraries(cls, f"alref {cls.name}")
        return callback(*args, **kwargs)

    command.callback = call_with_libraries
    return command
