"""Write the distribution of a new plugin from templates.

``templates/common`` holds the files of every distribution, the other folders those of each kind, without and with a model.
``module`` stands for the plugin's own module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from alref.components.base import API_LEVEL
from alref.config import DEFAULT_PRESET
from alref.errors import ConfigError, OutputError
from alref.utils import atomic

MAX_NAME_LENGTH = 40
RESERVED_NAMES = {"alref", "check", "new", "none", "null", "true", "false", "yes", "no", "on", "off"}
"""Names with another meaning in ``alref plugins``, in ``ALREF_PLUGINS`` or in YAML."""

PLACEHOLDER_HOMEPAGE = "https://example.org"
"""The homepage until the author enters one."""


@dataclass(frozen=True)
class PluginKind:
    """A kind of plugin: its base class, the hook that registers it, and the summary and requirements of the example.

    ``slots`` are the slots that it fills, none for a dataset or an export format; ``use`` and ``check`` are commands. ``model``
    is the summary of the example with a model, empty if there is none.
    """

    base: str
    hook: str
    slots: tuple[str, ...]
    does: str
    needs: tuple[str, ...]
    use: str
    check: str = "plugins check {name}"
    model: str = ""


PLUGIN_KINDS = {
    "unifier": PluginKind(
        "Unifier",
        "register_unifiers",
        ("unifier",),
        "Splits an expression at the words between two objects.",
        (),
        'run clip.mp4 "the dog and the cat" --unifier {name}',
    ),
    "tagger": PluginKind(
        "Tagger",
        "register_unifiers",
        ("tagger",),
        "Names a sound a hum or a whistle, by its pitch.",
        (),
        "run clip.mp4 --sound --tagger {name}",
    ),
    "transcriber": PluginKind(
        "Transcriber",
        "register_unifiers",
        ("transcriber",),
        "Reads the words of an audio file from its title.",
        ("av",),
        "run clip.mp4 --spoken question.wav --transcriber {name}",
        "plugins check {name} --spoken question.wav",
    ),
    "locator": PluginKind(
        "Locator",
        "register_unifiers",
        ("locator",),
        "Finds the seconds in which the sound is loud.",
        (),
        "run clip.mp4 --sound --locator {name}",
    ),
    "reasoner": PluginKind(
        "Reasoner",
        "register_reasoners",
        ("temporal", "spatial"),
        "Starts from the sharpest frame and the largest box.",
        ("cv2",),
        'run clip.mp4 "the dog" --reasoner {name}',
    ),
    "proposer": PluginKind(
        "Proposer",
        "register_proposers",
        ("proposer",),
        "Proposes regions whose color stands out from the frame.",
        ("cv2",),
        'run clip.mp4 "the dog" --proposer {name}',
        model="Proposes regions that an ONNX model scores highly.",
    ),
    "propagator": PluginKind(
        "Propagator",
        "register_propagators",
        ("propagator",),
        "Tracks each object by the colors inside its box.",
        ("cv2",),
        'run clip.mp4 "the dog" --propagator {name}',
    ),
    "tracker": PluginKind(
        "Tracker",
        "register_trackers",
        ("tracker",),
        "Follows regions whose color stands out from the frame.",
        ("cv2", "pycocotools"),
        'run clip.mp4 "the dog" --order tracks --tracker {name}',
    ),
    "selector": PluginKind(
        "TrackReasoner",
        "register_reasoners",
        ("selector",),
        "Names the last word, and picks the largest track.",
        (),
        'run clip.mp4 "the dog" --order tracks --selector {name}',
    ),
    "exporter": PluginKind(
        "Exporter",
        "register_exporters",
        (),
        "A table with the box of each object on each frame.",
        (),
        "export RUN --as {name}",
    ),
    "dataset": PluginKind(
        "Dataset",
        "register_datasets",
        (),
        "Reads folders of frames and masks, and an index of expressions.",
        (),
        "eval {name} --data FOLDER",
        "plugins check {name} --data FOLDER",
    ),
}


@dataclass(frozen=True)
class NewPlugin:
    """The names of a new plugin: users type ``name``; distribution, module and class derive from it.

    ``has_model`` selects the example that runs an ONNX model.
    """

    kind: str
    name: str
    has_model: bool = False

    @classmethod
    def from_name(cls, kind: str, name: str, has_model: bool = False) -> NewPlugin:
        """Create a plugin from a name such as "My_Tracker" or "alref-my-tracker".

        Raises ConfigError for an invalid name, and for a kind without an example that runs a model.
        """
        if has_model and not PLUGIN_KINDS[kind].model:
            known = ", ".join(each for each, about in PLUGIN_KINDS.items() if about.model)
            raise ConfigError(f"--model: there is no example of a {kind} with a model; expected --slot {known}")
        plain = re.sub(r"[-_.\s]+", "-", name.strip().lower()).removeprefix("alref-")
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", plain) or len(plain) > MAX_NAME_LENGTH:
            raise ConfigError(
                f"{name!r}: expected a letter, then letters a-z, digits and hyphens, at most {MAX_NAME_LENGTH} in all; "
                f"for example: alref plugins new my-{kind} --slot {kind}"
            )
        if plain in RESERVED_NAMES:
            raise ConfigError(
                f"{name!r}: reserved by alref or YAML; choose another name: alref plugins new my-{kind} --slot {kind}"
            )
        return cls(kind, plain, has_model)

    @property
    def distribution(self) -> str:
        """The name to install: ``alref-my-tracker``."""
        return f"alref-{self.name}"

    @property
    def module(self) -> str:
        """The name to import: ``alref_my_tracker``."""
        return self.distribution.replace("-", "_")

    @property
    def cls(self) -> str:
        """The class: ``MyTrackerPropagator``, but ``MyPropagator`` for "my-propagator"."""
        words = self.name.removesuffix(self.kind).split("-")
        return "".join(word.capitalize() for word in [*words, self.kind])

    @property
    def use(self) -> str:
        """The command that uses it, in a folder with a clip or a dataset; the other components are those of the default."""
        preset = f" --preset {DEFAULT_PRESET}" if self.has_model else ""
        return f"alref {PLUGIN_KINDS[self.kind].use.format(name=self.name)}{preset}"

    @property
    def check(self) -> str:
        """The command that checks its contract."""
        return f"alref {PLUGIN_KINDS[self.kind].check.format(name=self.name)}"

    def write_distribution(self, folder: Path) -> None:
        """Write the distribution into a new folder. Raises OutputError if the folder exists or cannot be written."""
        if folder.exists():
            raise OutputError(f"{folder}: already exists and was not changed; choose another folder with --out")
        for path, text in self._render_files():
            atomic.make_folder((folder / path).parent)
            atomic.write_text(folder / path, text)

    def _render_files(self) -> Iterator[tuple[str, str]]:
        """Yield the relative path and the text of each file."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("alref.scaffold"),
            autoescape=False,  # noqa: S701 - Python, TOML, YAML and Markdown, not HTML
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        about = dict(vars(PLUGIN_KINDS[self.kind]))
        if self.has_model:
            about |= {"does": about["model"], "needs": (*about["needs"], "onnxruntime")}
        for template in environment.list_templates():
            folder, _, path = template.removesuffix(".j2").partition("/")
            if path and folder in ("common", f"{self.kind}-model" if self.has_model else self.kind):
                text = environment.get_template(template).render(
                    plan=self, level=API_LEVEL, homepage=PLACEHOLDER_HOMEPAGE, **about
                )
                yield path.replace("module/", f"{self.module}/"), text
