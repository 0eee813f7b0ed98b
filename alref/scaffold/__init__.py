"""Write the distribution of a new plugin from templates.

``templates/common`` holds the files of every distribution, ``templates/package`` the module of one with several components, the
other folders those of each kind, without and with a model. ``module`` stands for the module of the plugin or the component.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import jinja2

from alref.components.base import API_LEVEL
from alref.config import DEFAULT_PRESET
from alref.errors import ConfigError, OutputError
from alref.scaffold.kinds import PLUGIN_KINDS, PluginKind
from alref.utils import atomic

MAX_NAME_LENGTH = 40
RESERVED_NAMES = {"alref", "check", "new", "none", "null", "true", "false", "yes", "no", "on", "off"}
"""Names with another meaning in ``alref plugins``, in ``ALREF_PLUGINS`` or in YAML."""

PLACEHOLDER_HOMEPAGE = "https://example.org"
"""The homepage until the author enters one."""


@dataclass(frozen=True)
class NewComponent:
    """A component, a dataset, a format or a logger of a new plugin; ``module`` is the module that holds it.

    ``has_model`` selects the example that runs an ONNX model, ``is_alone`` says whether it is the only one of its plugin.
    """

    kind: str
    name: str
    module: str
    has_model: bool
    is_alone: bool

    @property
    def about(self) -> PluginKind:
        """What is known of its kind."""
        return PLUGIN_KINDS[self.kind]

    @property
    def cls(self) -> str:
        """The class: ``MyTrackerPropagator``, but ``MyPropagator`` for "my-propagator"."""
        words = self.name.removesuffix(self.kind).split("-")
        return "".join(word.capitalize() for word in [*words, self.kind])

    @property
    def does(self) -> str:
        """The summary of the example."""
        return self.about.model if self.has_model else self.about.does

    @property
    def needs(self) -> tuple[str, ...]:
        """The import names of the libraries that the example uses."""
        return (*self.about.needs, "onnxruntime") if self.has_model else self.about.needs

    @property
    def check(self) -> str:
        """The command that checks its contract."""
        slot = "" if self.is_alone else f" --slot {(*self.about.slots, self.kind)[0]}"
        return f"alref {self.about.check.format(name=self.name)}{slot}"

    @property
    def folder(self) -> str:
        """The folder of its module in the distribution."""
        return self.module.replace(".", "/")

    def place_file(self, path: str) -> str:
        """Return the path of a file of its templates in the distribution."""
        path = path.replace("module/", f"{self.folder}/")
        return path if self.is_alone else path.replace("tests/test_", f"tests/test_{self.kind}_")


@dataclass(frozen=True)
class NewPlugin:
    """The names of a new plugin: users type ``name``; distribution, modules and classes derive from it.

    ``kinds`` are the kinds of its components, all of the same name; ``has_model`` selects the examples that run an ONNX model.
    """

    kinds: tuple[str, ...]
    name: str
    has_model: bool = False

    @classmethod
    def from_name(cls, kinds: Iterable[str], name: str, has_model: bool = False) -> NewPlugin:
        """Create a plugin from a name such as "My_Tracker" or "alref-my-tracker".

        Raises ConfigError for an invalid name, and for a kind without an example that runs a model.
        """
        kinds = tuple(dict.fromkeys(kinds))
        if without := [kind for kind in kinds if has_model and not PLUGIN_KINDS[kind].model]:
            known = ", ".join(each for each, about in PLUGIN_KINDS.items() if about.model)
            raise ConfigError(f"--model: there is no example of a {without[0]} with a model; expected --slot {known}")
        plain = re.sub(r"[-_.\s]+", "-", name.strip().lower()).removeprefix("alref-")
        example = f"alref plugins new my-{kinds[0]} --slot {kinds[0]}"
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", plain) or len(plain) > MAX_NAME_LENGTH:
            raise ConfigError(
                f"{name!r}: expected a letter, then letters a-z, digits and hyphens, at most {MAX_NAME_LENGTH} in all; "
                f"for example: {example}"
            )
        if plain in RESERVED_NAMES:
            raise ConfigError(f"{name!r}: reserved by alref or YAML; choose another name: {example}")
        return cls(kinds, plain, has_model)

    @property
    def distribution(self) -> str:
        """The name to install: ``alref-my-tracker``."""
        return f"alref-{self.name}"

    @property
    def module(self) -> str:
        """The name to import: ``alref_my_tracker``."""
        return self.distribution.replace("-", "_")

    @property
    def components(self) -> list[NewComponent]:
        """Its components. A single one is in the module itself, several are in a module each."""
        alone = len(self.kinds) == 1
        modules = [self.module if alone else f"{self.module}.{kind}" for kind in self.kinds]
        return [
            NewComponent(kind, self.name, module, self.has_model, alone)
            for kind, module in zip(self.kinds, modules, strict=True)
        ]

    @property
    def uses(self) -> list[str]:
        """The commands that use it, in a folder with a clip or a dataset; the other components are those of the default.

        Components that can be used together share a command.
        """
        flags: dict[str, list[str]] = {}
        for component in self.components:
            use, _, flag = component.about.use.format(name=self.name).rpartition(" --")
            flags.setdefault(use, []).append(f" --{flag}")
        preset = f" --preset {DEFAULT_PRESET}" if self.has_model else ""
        return [f"alref {use}{''.join(own)}{preset}" for use, own in flags.items()]

    @property
    def hooks(self) -> dict[str, list[str]]:
        """The classes that each hook registers."""
        hooks: dict[str, list[str]] = {}
        for component in self.components:
            hooks.setdefault(component.about.hook, []).append(component.cls)
        return hooks

    def write_distribution(self, folder: Path) -> None:
        """Write the distribution into a new folder. Raises OutputError if the folder exists or cannot be written."""
        if folder.exists():
            raise OutputError(f"{folder}: already exists and was not changed; choose another folder with --out")
        for path, text in self._render_files():
            atomic.make_folder((folder / path).parent)
            atomic.write_text(folder / path, text)
        for each in self.components if self.has_model else ():
            from alref.scaffold.example_models import build_example_model

            atomic.write_bytes(folder / each.folder / "example.onnx", build_example_model(each.kind))

    def _render_files(self) -> Iterator[tuple[str, str]]:
        """Yield the relative path and the text of each file."""
        environment = _get_environment()
        components = self.components
        for template in environment.list_templates():
            folder, _, path = template.removesuffix(".j2").partition("/")
            known = {"plugin": self, "level": API_LEVEL, "homepage": PLACEHOLDER_HOMEPAGE}
            if path and folder in ("common", "package") and (folder == "common" or len(components) > 1):
                yield path.replace("module/", f"{self.module}/"), environment.get_template(template).render(known)
            for each in components:
                if path and folder == (f"{each.kind}-model" if self.has_model else each.kind):
                    yield each.place_file(path), environment.get_template(template).render(known, plan=each)


@lru_cache(maxsize=1)
def _get_environment() -> jinja2.Environment:
    """Return the environment of the templates; it compiles each template once."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("alref.scaffold"),
        autoescape=False,  # noqa: S701 - Python, TOML, YAML and Markdown, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
