"""The cards of the registry, what is made from them, and what is said of components that are known and not installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from alref.config import resolve_config
from alref.errors import ConfigError
from alref.plugins import catalogue
from alref.plugins.discovery import import_file
from alref.plugins.manager import PluginManager
from support.scripted import Script, announcing

ROOT = Path(__file__).parents[1]
CARDS = sorted((ROOT / "registry").glob("*.yaml"))


MAKER: Any = import_file(ROOT / "scripts/make_catalogue.py")


TOP = {"name": "top-score", "summary": "Takes the box with the best score.", "slots": ["spatial"]}


def card(tmp_path: Path, **changes: Any) -> Path:
    """Write a folder with the card of baseline, changed."""
    told = yaml.safe_load((ROOT / "registry/baseline.yaml").read_text())
    path = tmp_path / "baseline.yaml"
    path.write_text(yaml.safe_dump({**told, **changes}))
    return tmp_path


@pytest.mark.parametrize("path", list(MAKER.generate_files(ROOT)), ids=lambda path: path.name)
def test_what_is_made_from_the_cards_is_fresh(path: Path) -> None:
    said = "stale; run: python scripts/make_catalogue.py"
    assert path.read_text(encoding="utf-8") == MAKER.generate_files(ROOT)[path], said


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_every_card_fits_the_schema(path: Path) -> None:
    schema = json.loads((ROOT / "registry/card.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(path.read_text()), schema)


def test_every_card_is_what_its_plugin_registers() -> None:
    plugins = PluginManager()
    assert [fault for each in MAKER.read_cards(ROOT / "registry") for fault in MAKER.find_faults(each, plugins)] == []


def test_every_shipped_plugin_has_a_card() -> None:
    shipped = {each.plugin for each in PluginManager().registered_classes if each.distribution == "alref"}
    assert shipped == {each.plugin for each in catalogue.load_cards() if each.package == "alref"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"level": 2}, "baseline.yaml: level: expected 1, got 2"),
        ({"components": [TOP]}, "baseline.yaml: components: uniform is missing"),
        ({"protocols": [{"name": "j", "summary": "J."}]}, "baseline.yaml: protocols: j is not registered"),
    ],
)
def test_a_card_that_is_not_as_the_code_says_is_named(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    (told,) = MAKER.read_cards(card(tmp_path, **changes))
    assert any(said in fault for fault in MAKER.find_faults(told, PluginManager()))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"plugin": "other"}, r"baseline.yaml: plugin: expected 'baseline', as the file is called, got 'other'"),
        ({"color": "red"}, r"baseline.yaml: color: Extra inputs"),
        ({"install": "conda install x"}, r"baseline.yaml: install: .*got 'conda install x'"),
        ({"install": "pip install x; echo y"}, r"baseline.yaml: install: .*got 'pip install x; echo y'"),
        ({"install": "pip install $(echo x)"}, r"baseline.yaml: install: "),
        ({"protocols": [{"name": "a b", "summary": "A."}]}, r"baseline.yaml: protocols.0.name: .*got 'a b'"),
        ({"components": [{"name": "a", "summary": "A.", "slots": ["follower"]}]}, r"baseline.yaml: components.0.slots.0"),
        (
            {"components": [], "runners": []},
            r"baseline.yaml: expected at least one of components, datasets, protocols, .*got none",
        ),
        ({"license": "apache-2.0"}, r"baseline.yaml: license: expected 'Apache-2.0', as SPDX spells it, got 'apache-2.0'$"),
        ({"license": "mit OR gpl-3.0-or-later"}, r"license: expected 'MIT OR GPL-3.0-or-later', as SPDX spells it"),
        ({"license": "NOASSERTION"}, r"license: expected an SPDX expression, for example Apache-2.0, got 'NOASSERTION'$"),
        ({"components": [{**TOP, "license": "cc-by-4.0"}]}, r"components.0.license: expected 'CC-BY-4.0', as SPDX spells it"),
    ],
)
def test_a_wrong_card_is_one_line(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        MAKER.read_cards(card(tmp_path, **changes))


def test_a_card_that_announces_nothing_does_not_fit_the_schema(tmp_path: Path) -> None:
    schema = json.loads((ROOT / "registry/card.schema.json").read_text())
    told = yaml.safe_load((card(tmp_path) / "baseline.yaml").read_text())
    del told["runners"]
    for changed in ({**told, "components": []}, {name: value for name, value in told.items() if name != "components"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, schema)


def test_a_license_of_weights_may_be_in_words(tmp_path: Path) -> None:
    (told,) = MAKER.read_cards(card(tmp_path, components=[{**TOP, "license": "SAM License; see the homepage"}]))
    assert told.components[0].license == "SAM License; see the homepage"


def test_a_card_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"^registry/mine.yaml: 'utf-8' codec can't decode"):
        MAKER.read_cards(tmp_path)


def test_a_known_component_that_is_not_installed_says_how_to_install_it() -> None:
    said = (
        "^'color-regions' is in the package alref-example, which is not installed:"
        " pip install docs/example-plugin  # from a clone of alref$"
    )
    for name in ("color-regions", "alref-example:color-regions"):
        with pytest.raises(ConfigError, match=said.replace("color-regions", name, 1)):
            PluginManager([]).get_component("proposer", name)


def test_a_known_reasoner_that_is_not_installed_is_said_once() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_config(PluginManager(), [{"reasoner": "by-place"}])
    assert str(caught.value).count("alref-example") == 1


def test_a_typo_is_matched_with_what_is_known_too() -> None:
    with pytest.raises(ConfigError, match=r"'color-region'.*'color-regions'"):
        PluginManager([]).get_component("proposer", "color-region")


def test_an_installed_component_of_a_known_name_is_used() -> None:
    own = type("Own", (Script().plugins.get_component("propagator", "scripted").cls,), {"name": "template-match"})
    plugins = PluginManager([announcing("mine", propagators=[own])])
    assert plugins.get_component("propagator", "template-match").plugin == "mine"


def test_a_component_that_is_switched_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALREF_PLUGINS", "-sam2")
    with pytest.raises(ConfigError, match=r"'edgetam'.*ALREF_PLUGINS=-sam2"):
        PluginManager().get_component("propagator", "edgetam")
