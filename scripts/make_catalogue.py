"""Make ``alref/plugins/catalogue.json``, ``registry/card.schema.json`` and the tables of ``docs/plugins.md`` from the cards.

    python scripts/make_catalogue.py

Every card is checked first, and last those of plugins that are installed against what they register. A card that is wrong is
named, and the exit code is 1.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from alref.cli.plugins.card import PARTS, build_card, compare_cards
from alref.plugins.manager import PluginManager
from alref.plugins.registered import BASE_CLASS_BY_SLOT
from alref.utils.text import format_validation_error

ROOT = Path(__file__).parents[1]
MARK = "<!-- What follows is made from registry/ by scripts/make_catalogue.py. -->\n"
HEADINGS = {"temporal": "temporal reasoner", "spatial": "spatial reasoner", "protocol": "protocol", "exporter": "export format"}
Slot = Literal[
    "unifier",
    "tagger",
    "transcriber",
    "locator",
    "temporal",
    "spatial",
    "proposer",
    "propagator",
    "tracker",
    "selector",
    "reviewer",
]
ALL_PARTS = ("components", *PARTS.values())
"""The lists of a card."""
LINE = r"^[^\n]*\S[^\n]*$"
NAME = r"^[\w.-]+$"
INSTALL = r"^pip install [^\s;|&$`][^\n;|&$`]*$"
"""A single command: users copy it into a shell."""


def validate_expression(license_text: str) -> str:
    """Return a license of code. Raises ValueError if it is not an SPDX expression, or is spelled differently."""
    try:
        right = canonicalize_license_expression(license_text)
    except InvalidLicenseExpression:
        raise InvalidLicenseExpression(f"expected an SPDX expression, for example Apache-2.0, got {license_text!r}") from None
    if license_text != right:
        raise ValueError(f"expected {right!r}, as SPDX spells it, got {license_text!r}")
    return license_text


def validate_license(license_text: str) -> str:
    """Return a license of weights or data. Raises ValueError for one of SPDX that is spelt otherwise; others are in words."""
    try:
        return validate_expression(license_text)
    except InvalidLicenseExpression:
        return license_text


LicenseExpression = Annotated[str, AfterValidator(validate_expression)]
License = Annotated[str, AfterValidator(validate_license)]


class CardPart(BaseModel):
    """Base of the parts of a card: unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProtocolPart(CardPart):
    """A protocol, a command or a runner."""

    name: str = Field(pattern=NAME, description="what people type")
    summary: str = Field(pattern=LINE, description="first line of its docstring")


class DatasetPart(ProtocolPart):
    """A dataset."""

    homepage: str = Field("", description="where it is to be had, as the class says")
    license: License = Field("", description="license of the data, as the class says")


class ExporterPart(ProtocolPart):
    """An export format, or a logger."""

    needs: list[str] = Field([], description="import names of the libraries that it needs, as the class says")


class ComponentPart(ProtocolPart):
    """A component."""

    slots: list[Slot] = Field(min_length=1, description="the slots that it fills")
    needs: list[str] = Field([], description="import names of the libraries that it needs, as the class says")
    license: License = Field("", description="license of the weights that it loads with its defaults, where it is known")
    homepage: str = Field("", description="page of these weights")


class RegistryCard(CardPart):
    """A plugin: its entry point in the group alref, the distribution that brings it, and what it registers."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [part], "properties": {part: {"minItems": 1}}} for part in ALL_PARTS]}
    )

    plugin: str = Field(pattern=NAME, description="name of the entry point, which is also that of the card's file")
    package: str = Field(pattern=NAME, description="distribution that brings it")
    install: str = Field(pattern=INSTALL, description="line that installs it with all that it needs")
    homepage: str = Field("", pattern=r"^(https://\S+)?$", description="project of the models that it brings, or its own")
    license: LicenseExpression = Field(pattern=LINE, description="license of its code, as an SPDX expression")
    level: int = Field(ge=1, description="contract level that it is written for")
    components: list[ComponentPart] = []
    datasets: list[DatasetPart] = []
    protocols: list[ProtocolPart] = []
    exporters: list[ExporterPart] = []
    commands: list[ProtocolPart] = []
    runners: list[ProtocolPart] = []
    loggers: list[ExporterPart] = []

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not self.list_entries():
            raise ValueError(f"expected at least one of {', '.join(ALL_PARTS)}, got none: a card says what a plugin brings")
        return self

    def list_entries(self) -> list[dict[str, Any]]:
        """List all that it announces in one form, as the catalogue keeps it."""
        bare = {"needs": [], "license": "", "homepage": ""}
        others = [(slot, each.model_dump()) for slot, part in PARTS.items() for each in getattr(self, part)]
        return [
            *(each.model_dump() for each in self.components),
            *({**bare, "slots": [slot], **entry} for slot, entry in others),
        ]


def read_cards(folder: Path) -> list[RegistryCard]:
    """Read the cards of a folder, by name. Raises ValueError that says which card is wrong, and where."""
    cards = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            card = RegistryCard.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ValueError(f"registry/{path.name}: {format_validation_error(error)}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"registry/{path.name}: {error}") from None
        if card.plugin != path.stem:
            raise ValueError(
                f"registry/{path.name}: plugin: expected {path.stem!r}, as the file is called, got {card.plugin!r}"
            )
        cards.append(card)
    return cards


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema of a card."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **RegistryCard.model_json_schema()}


def format_catalogue(cards: Iterable[RegistryCard]) -> str:
    """Write what ``alref.plugins.catalogue`` reads, one card on each line."""
    data = [{**card.model_dump(exclude=set(ALL_PARTS)), "components": card.list_entries()} for card in cards]
    return "[\n" + ",\n".join(json.dumps(card, ensure_ascii=False) for card in data) + "\n]\n"


def find_faults(card: RegistryCard, plugins: PluginManager) -> Iterator[str]:
    """Return where a card differs from what its plugin registers; empty if the plugin is not installed."""
    if any(
        (registered.plugin, registered.distribution) == (card.plugin, card.package) for registered in plugins.registered_classes
    ):
        for line in compare_cards(build_card(plugins, card.plugin), card.model_dump()):
            yield f"registry/{card.plugin}.yaml: {line}"


def format_tables(cards: Iterable[RegistryCard]) -> str:
    """Write the tables of the page: the plugins, then what they bring, by slot."""
    plugins = [
        (format_link(card.plugin, card.homepage), f"`{card.package}`", card.license, f"`{card.install}`") for card in cards
    ]
    text = "\n## Known plugins\n\n" + format_table(("plugin", "package", "license of its code", "how to install it"), plugins)
    rows: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for entry, plugin in sorted(((entry, card.plugin) for card in cards for entry in card.list_entries()), key=get_sort_key):
        cells = (format_link(f"`{entry['name']}`", entry["homepage"]), entry["summary"], entry["license"], plugin)
        rows.setdefault(tuple(entry["slots"]), []).append(cells)
    for slots, lines in rows.items():
        title = " and ".join(HEADINGS.get(slot, slot) for slot in slots).capitalize()
        owner = "data" if slots == ("dataset",) else "weights"
        text += f"\n### {title}\n\n" + format_table(("name", "what it does", f"license of {owner}", "plugin"), lines)
    return text


def get_sort_key(row: tuple[dict[str, Any], str]) -> tuple[list[int], str, str]:
    """Return the sort key of a line: slot in pipeline order, then name."""
    return [list(BASE_CLASS_BY_SLOT).index(slot) for slot in row[0]["slots"]], row[0]["name"], row[1]


def format_link(text: str, address: str) -> str:
    """Write a Markdown link, or only its text where there is no address."""
    return f"[{text}]({address})" if address else text


def format_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Write a Markdown table."""
    lines = [[cell.replace("|", r"\|") for cell in cells] for cells in (head, ("---",) * len(head), *rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def generate_files(root: Path) -> dict[Path, str]:
    """Return every file that is made from the cards, with its content. Raises ValueError that says which card is wrong."""
    cards = read_cards(root / "registry")
    page = root / "docs/plugins.md"
    prose = page.read_text(encoding="utf-8").partition(MARK)[0]
    return {
        root / "alref/plugins/catalogue.json": format_catalogue(cards),
        root / "registry/card.schema.json": json.dumps(build_schema(), indent=2) + "\n",
        page: prose + MARK + format_tables(cards),
    }


def main() -> list[str]:
    """Write all that is made from the cards, and say what is wrong with them."""
    try:
        for path, text in generate_files(ROOT).items():
            path.write_text(text, encoding="utf-8")
    except ValueError as error:
        return [str(error)]
    plugins = PluginManager()
    return [fault for card in read_cards(ROOT / "registry") for fault in find_faults(card, plugins)]


if __name__ == "__main__":
    sys.exit("\n".join(main()) or 0)
