"""Writing the distribution of a new plugin from templates: all that an author would else copy from somewhere.

Below ``templates`` lie the files of every distribution (``common``) and those of each kind, in the folders that they get;
``module`` stands for the plugin's own module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from alref.components.base import API_LEVEL
from alref.errors import ConfigError, OutputError
from alref.utils import atomic

MAX_NAME_LENGTH = 40
RESERVED_NAMES = {"alref", "check", "new", "none", "null", "true", "false", "yes", "no", "on", "off"}
"""Names that have another meaning: in ``alref plugins``, in ``ALREF_PLUGINS``, or in YAML."""

PLACEHOLDER_HOMEPAGE = "https://example.org"
"""What stands for a homepage until the author puts in the right one."""


@dataclass(frozen=True)
class PluginKind:
    """A kind of plugin: its base class, the hook that announces it, and what the example of it does and needs.

    ``slots`` are the places of a pipeline that it fills, none for a data set; ``use`` and ``check`` are commands.
    """

    base: str
    hook: str
    slots: tuple[str, ...]
    does: str
    needs: tuple[str, ...]
    use: str
    check: str = "plugins check {name}"


PLUGIN_KINDS = {
    "unifier": PluginKind(
        "Unifier",
        "register_unifiers",
        ("unifier",),
        "Takes an expression apart at the words between two objects.",
        (),
        'run clip.mp4 "the dog and the cat" --unifier {name}',
    ),
    "tagger": PluginKind(
        "Tagger",
        "register_unifiers",
        ("tagger",),
        "Hears whether a sound is a hum or a whistle, by its pitch.",
        (),
        "run clip.mp4 --sound --tagger {name}",
    ),
    "transcriber": PluginKind(
        "Transcriber",
        "register_unifiers",
        ("transcriber",),
        "Reads what is said in a sound file from the title that the file carries.",
        ("av",),
        "run clip.mp4 --spoken question.wav --transcriber {name}",
        "plugins check {name} --spoken question.wav",
    ),
    "locator": PluginKind(
        "Locator",
        "register_unifiers",
        ("locator",),
        "Hears a phrase while the sound is loud.",
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
        "Proposes regions whose color stands out from the picture.",
        ("cv2",),
        'run clip.mp4 "the dog" --proposer {name}',
    ),
    "propagator": PluginKind(
        "Propagator",
        "register_propagators",
        ("propagator",),
        "Finds each object again by the colors that its box held.",
        ("cv2",),
        'run clip.mp4 "the dog" --propagator {name}',
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
    """What a new plugin is called: ``name`` is what people type, and its distribution, module and class follow from it."""

    kind: str
    name: str

    @classmethod
    def from_name(cls, kind: str, name: str) -> NewPlugin:
        """Take a name as people write it: "My_Tracker", "alref-my-tracker". Raises ConfigError for one that cannot be used."""
        plain = re.sub(r"[-_.\s]+", "-", name.strip().lower()).removeprefix("alref-")
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", plain) or len(plain) > MAX_NAME_LENGTH:
            raise ConfigError(
                f"{name!r}: expected a letter, then letters a-z, digits and hyphens, at most {MAX_NAME_LENGTH} in all; "
                f"for example: alref plugins new my-{kind} --slot {kind}"
            )
        if plain in RESERVED_NAMES:
            raise ConfigError(
                f"{name!r}: means something else to alref or in YAML; for example: alref plugins new my-{kind} --slot {kind}"
            )
        return cls(kind, plain)

    @property
    def distribution(self) -> str:
        """What is installed: ``alref-my-tracker``."""
        return f"alref-{self.name}"

    @property
    def module(self) -> str:
        """What is imported: ``alref_my_tracker``."""
        return self.distribution.replace("-", "_")

    @property
    def cls(self) -> str:
        """The class: ``MyTrackerPropagator``, but ``MyPropagator`` for "my-propagator"."""
        words = self.name.removesuffix(self.kind).split("-")
        return "".join(word.capitalize() for word in [*words, self.kind])

    @property
    def use(self) -> str:
        """The command that uses it, in a folder that holds a clip or a data set."""
        return f"alref {PLUGIN_KINDS[self.kind].use.format(name=self.name)}"

    @property
    def check(self) -> str:
        """The command that checks it against all that its kind promises."""
        return f"alref {PLUGIN_KINDS[self.kind].check.format(name=self.name)}"

    def write_distribution(self, folder: Path) -> None:
        """Write the distribution into a new folder. Raises OutputError when it is there already or cannot be written."""
        if folder.exists():
            raise OutputError(f"{folder}: is there already, and nothing in it was changed; choose another folder with --out")
        for place, text in self._render_files():
            atomic.make_folder((folder / place).parent)
            atomic.write_text(folder / place, text)

    def _render_files(self) -> Iterator[tuple[str, str]]:
        """Yield the place of each file in the distribution, and its text."""
        made = jinja2.Environment(
            loader=jinja2.PackageLoader("alref.scaffold"),
            autoescape=False,  # noqa: S701 - Python, TOML, YAML and Markdown, not HTML
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        for template in made.list_templates():
            home, _, place = template.removesuffix(".j2").partition("/")
            if place and home in ("common", self.kind):
                text = made.get_template(template).render(
                    plan=self, level=API_LEVEL, homepage=PLACEHOLDER_HOMEPAGE, **vars(PLUGIN_KINDS[self.kind])
                )
                yield place.replace("module/", f"{self.module}/"), text
