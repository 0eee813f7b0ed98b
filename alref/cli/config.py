"""``alref config``: print the resolved configuration, or the JSON Schema of configuration files."""

from __future__ import annotations

import json
from typing import Any

import click

from alref.cli.common_options import add_config_options, resolve_configuration
from alref.config import build_schema
from alref.plugins.manager import PluginManager


@click.command("config")
@add_config_options
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON Schema of configuration files.")
def command(as_schema: bool, **flags: Any) -> None:
    """Print the resolved configuration as YAML, with every default filled in.

    \b
    alref config --spatial top-score > mine.yaml
    alref run clip.mp4 "the dog" -c mine.yaml
    """
    plugins = PluginManager(files=flags["plugin_files"])
    click.echo(
        json.dumps(build_schema(plugins), indent=2) if as_schema else resolve_configuration(plugins, flags).to_yaml(),
        nl=as_schema,
    )
