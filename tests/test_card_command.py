"""``alref plugins card``: the card of a plugin as the code tells it, and a written card compared with the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from alref.cli import run_command
from alref.cli.plugins.card import compare_cards
from alref.errors import ConfigError, ContractError
from alref.plugins.catalogue import load_cards

REGISTRY = Path(__file__).parents[1] / "registry"


def print_card(name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run_command(["plugins", "card", name]) == 0
    card: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return card


@pytest.mark.parametrize("plugin", [card.plugin for card in load_cards() if card.package == "alref"])
def test_the_cards_of_shipped_plugins_agree_with_the_code(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    written = REGISTRY / f"{plugin}.yaml"
    assert run_command(["plugins", "card", plugin, "--check", str(written)]) == 0
    card = print_card(plugin, capsys)
    assert list(compare_cards(card, yaml.safe_load(written.read_text(encoding="utf-8")))) == []
    assert card["license"] == "MIT"


def test_a_component_names_its_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_card("edgetam", capsys) == print_card("sam2", capsys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card["components"].pop(), "missing"),
        (lambda card: card["components"][0].update(name="other"), "not registered"),
        (lambda card: card["components"][0].update(slots=["proposer"]), "slots"),
        (lambda card: card.update(level=9), "level"),
        (lambda card: card.update(components="sam2"), "components"),
        (lambda card: card.update(components=["sam2"]), "components"),
    ],
    ids=["missing", "other", "slots", "level", "a text", "a list of texts"],
)
def test_differences_are_named(change: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = print_card("sam2", capsys)
    change(card)
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    assert run_command(["plugins", "card", "sam2", "--check", str(tmp_path / "card.yaml")]) == ContractError.exit_code
    assert said in capsys.readouterr().err


def test_an_unknown_plugin_or_file_is_one_error(tmp_path: Path) -> None:
    assert run_command(["plugins", "card", "nothing"]) == ConfigError.exit_code
    assert run_command(["plugins", "card", "sam2", "--check", str(tmp_path / "none.yaml")]) == ConfigError.exit_code
