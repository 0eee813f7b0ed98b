from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from alref.components.base import Locator, StageOptions, Tagger, TrackReasoner
from alref.components.options import build_options, describe_options
from alref.config import Configuration, build_schema, list_presets, read_config_file, read_preset, resolve_config
from alref.errors import ConfigError, ContractError
from alref.media.video import Video
from alref.plugins.manager import PluginManager
from alref.records import Concept, Phrase, Reference, TrackCandidates, TrackChoice
from alref.testing import ArrayVideo
from alref.utils.yaml_files import parse_yaml
from support.scripted import Script, announcing

SCRIPT = Script()
BASE = dict.fromkeys(("unifier", "reasoner", "proposer", "propagator"), "scripted")


def resolved(*layers: dict[str, Any], **flags: Any) -> Configuration:
    return resolve_config(SCRIPT.plugins, [BASE, *layers, flags])


def option(config: Configuration, slot: str, name: str) -> Any:
    return config.to_dict()[slot][name]


def test_every_slot_is_filled_with_every_default() -> None:
    config = resolved()
    assert option(config, "temporal", "patience") == option(config, "spatial", "patience") == 3
    assert config.to_dict()["video"]["every"] == 1
    assert config.to_dict()["device"] == "auto"


def test_reasoner_sets_both_and_temporal_sets_one() -> None:
    config = resolved({"reasoner": {"use": "scripted", "patience": 5}}, {"temporal": {"patience": 7}})
    assert (option(config, "temporal", "patience"), option(config, "spatial", "patience")) == (7, 5)


class Chooser(TrackReasoner):
    """Picks tracks only."""

    name = "chooser"

    class Options(StageOptions):
        frames: int = Field(16, description="how many frames are shown")

    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        return []

    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        return []


class ChoosesAll(Chooser, SCRIPT.plugins.get_component("spatial", "scripted").cls):  # type: ignore[name-defined, misc]
    """Picks frames, boxes and tracks."""

    name = "all"

    class Options(Chooser.Options):
        patience: int = Field(3, description="how long it thinks")


def test_reasoner_sets_the_selector_too_if_the_component_can_fill_it() -> None:
    both = PluginManager([*SCRIPT.entries, announcing("choosers", reasoners=[Chooser, ChoosesAll])])
    config = resolve_config(both, [BASE, {"reasoner": {"use": "all", "frames": 8}}, {"reasoner": {"patience": 5}}])
    assert [config.slots[slot].component.name for slot in ("temporal", "spatial", "selector")] == ["all"] * 3
    assert (option(config, "selector", "frames"), option(config, "selector", "patience")) == (8, 5)
    alone = resolve_config(both, [BASE, {"reasoner": "chooser"}])
    assert [alone.slots[slot].component.name for slot in ("temporal", "selector")] == ["scripted", "chooser"]
    apart = resolve_config(both, [BASE, {"selector": "chooser"}, {"reasoner": {"patience": 9}}])
    assert (option(apart, "temporal", "patience"), option(apart, "selector", "frames")) == (9, 16)


class Ears(Tagger, Locator):
    """Hears."""

    name = "ears"

    class Options(StageOptions):
        top_k: int = Field(5, description="how many tags")

    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        return []

    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        return phrases


HEARING = PluginManager([*SCRIPT.entries, announcing("ears", unifiers=[Ears])])


def test_unifier_sets_what_the_component_can_fill_and_leaves_the_rest() -> None:
    config = resolve_config(HEARING, [BASE, {"unifier": {"use": "ears", "top_k": 3}}])
    filled = {slot: config.slots[slot].component.name for slot in ("unifier", "tagger", "transcriber", "locator")}
    assert filled == {"unifier": "scripted", "tagger": "ears", "transcriber": "scripted", "locator": "ears"}
    assert (option(config, "tagger", "top_k"), option(config, "locator", "top_k")) == (3, 3)


def test_an_option_of_unifier_goes_to_the_components_that_have_it() -> None:
    config = resolve_config(HEARING, [BASE, {"unifier": "ears"}, {"unifier": {"top_k": 7}}, {"locator": {"top_k": 1}}])
    assert (option(config, "tagger", "top_k"), option(config, "locator", "top_k")) == (7, 1)


def test_an_option_of_unifier_that_two_components_have_must_say_whose() -> None:
    class Others(Ears):
        """Hears otherwise."""

        name = "others"

    both = PluginManager([*SCRIPT.entries, announcing("ears", unifiers=[Ears, Others])])
    with pytest.raises(ConfigError, match=r"unifier\.top_k: .*locator\.top_k"):
        resolve_config(both, [BASE, {"tagger": "ears", "locator": "others"}, {"unifier": {"top_k": 7}}])


def test_in_one_file_temporal_wins_over_reasoner_wherever_it_stands() -> None:
    config = resolved({"spatial": {"patience": 9}, "reasoner": {"use": "scripted", "patience": 5}})
    assert (option(config, "temporal", "patience"), option(config, "spatial", "patience")) == (5, 9)


def test_later_layers_win_and_false_and_zero_count() -> None:
    config = resolved({"video": {"every": 5, "start": 2.0}}, video={"start": 0})
    assert (config.video.every, config.video.start) == (5, 0)


def test_another_component_starts_from_its_own_defaults() -> None:
    class Other(SCRIPT.plugins.get_component("spatial", "scripted").cls):  # type: ignore[name-defined, misc]
        """Another."""

        name = "other"

    both = PluginManager([announcing("one", reasoners=[SCRIPT.plugins.get_component("spatial", "scripted").cls, Other])])
    both.components += [each for each in SCRIPT.plugins.components if "spatial" not in each.slots]
    config = resolve_config(both, [BASE, {"reasoner": {"patience": 8}}, {"spatial": "other"}])
    assert (option(config, "temporal", "patience"), option(config, "spatial", "patience")) == (8, 3)


def test_what_is_printed_is_read_back_as_the_same(tmp_path: Path) -> None:
    config = resolved({"video": {"max_size": 320}, "spatial": {"patience": 9}, "device": "cpu"})
    path = tmp_path / "mine.yaml"
    path.write_text(config.to_yaml())
    assert "(integer >= 1)" in config.to_yaml()
    assert resolve_config(SCRIPT.plugins, [read_config_file(path)]).to_dict() == config.to_dict()


WRONG = {
    "unknown setting": ({"propagater": "scripted"}, "propagater: unknown setting; did you mean 'propagator'?"),
    "unknown component": ({"propagator": "scriptd"}, "propagator: no component 'scriptd'; did you mean 'scripted'?"),
    "component of another kind": ({"proposer": "elsewhere"}, "proposer: no component 'elsewhere'"),
    "unknown option": (
        {"temporal": {"patienc": 3}},
        "temporal.patienc: no such option; did you mean 'patience'?; options: patience",
    ),
    "wrong type": ({"temporal": {"patience": "long"}}, "temporal.patience: Input should be a valid integer"),
    "out of range": ({"temporal": {"patience": 0}}, "temporal.patience: Input should be greater than or equal to 1, got 0"),
    "video option": ({"video": {"evry": 3}}, "video.evry: no such option; did you mean 'every'?"),
    "video as a word": ({"video": "clip.mp4"}, "video: expected a component's name or a mapping of options, got 'clip.mp4'"),
    "component as a number": ({"temporal": 3}, "temporal: expected a component's name or a mapping of options, got 3"),
    "unknown device": ({"device": "tpu"}, "run.device: Input should be 'auto', 'cpu', 'cuda' or 'mps', got 'tpu'"),
    "unknown order": ({"order": "backwards"}, "run.order"),
    "a fallback of another order": ({"order": "tracks", "fallback": "first-frame"}, "run.fallback"),
    "unknown preset": ({"preset": "baselin"}, "preset: unknown preset 'baselin'; did you mean 'baseline'?"),
}


@pytest.mark.parametrize(("layer", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_says_where_and_what_was_allowed(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(layer)
    assert message in str(caught.value)


def test_every_problem_is_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        resolved({"unifier": "x", "temporal": {"patience": 0, "y": 1}, "propagator": "z", "video": {"every": 0}})
    starts = ["unifier: ", "temporal.patience: ", "temporal.y: ", "propagator: ", "video.every: "]
    assert [line.startswith(start) for line, start in zip(str(caught.value).splitlines(), starts, strict=True)] == [True] * 5


def test_a_component_that_fills_another_slot_says_by_which_flag() -> None:
    class Chooser(SCRIPT.plugins.get_component("spatial", "scripted").cls.__mro__[2]):  # type: ignore[misc, name-defined]
        """Never used."""

    plugins = PluginManager([announcing("one", propagators=[SCRIPT.plugins.get_component("propagator", "scripted").cls])])
    with pytest.raises(ConfigError, match=r"'scripted'.*--propagator"):
        plugins.get_component("proposer", "scripted")


FILES = {
    "not a mapping": ("- a\n- b\n", "expected a mapping such as 'propagator: sam2', got list"),
    "empty": ("", "expected a mapping such as 'propagator: sam2', got NoneType"),
    "number keys": ("1: a\n", "expected a mapping"),
    "python tag": ("unifier: !!python/object:os.system {}\n", "line 1: expected plain YAML"),
    "python call": ("unifier: !!python/object/apply:os.system ['touch x']\n", "expected plain YAML"),
    "syntax": ("a: [1,\nb: 2\n", "expected plain YAML"),
    "a key twice": (
        "proposer:\n  max_candidates: 1\n  max_candidates: 2\n",
        "line 3: expected plain YAML, got: 'max_candidates' twice",
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_plain_mapping_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config_file(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_a_folder_and_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        read_config_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match=str(tmp_path)):
        read_config_file(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"bytes\.yaml"):
        read_config_file(tmp_path / "bytes.yaml")


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_resolves_with_what_is_shipped(name: str) -> None:
    config = resolve_config(PluginManager(), [read_preset(name)]).to_dict()
    assert config["order"] == ("tracks" if name.startswith("tracks") else "pivot")
    assert config["tracker"]["use"] == ("sam3" if name == "tracks-sam3" else "detect-and-follow")


def test_a_file_may_name_its_preset_and_the_flag_wins() -> None:
    assert (
        resolve_config(PluginManager(), [{"preset": "baseline"}], preset="baseline").to_dict()
        == resolve_config(PluginManager()).to_dict()
    )


class Strange(StageOptions):
    called: Callable[[], int] | None = None


def test_options_that_json_cannot_hold_keep_no_other_component_out_of_the_schema() -> None:
    odd = type("Odd", (SCRIPT.plugins.get_component("propagator", "scripted").cls,), {"name": "odd", "Options": Strange})
    found = build_schema(PluginManager([*SCRIPT.entries, announcing("odd", propagators=[odd])]))
    names, *described = found["properties"]["propagator"]["anyOf"]
    assert names == {"enum": ["odd", "scripted"]}
    assert [each["properties"]["use"] for each in described] == [{"const": "scripted"}]
    with pytest.raises(ContractError, match="Strange: "):
        describe_options(Strange)


def test_the_schema_lists_components_and_their_options() -> None:
    found = build_schema(SCRIPT.plugins)
    assert json.loads(json.dumps(found))["additionalProperties"] is False
    names, model = found["properties"]["temporal"]["anyOf"]
    assert names == {"enum": ["scripted"]}
    assert model["properties"]["use"] == {"const": "scripted"}
    assert model["properties"]["patience"]["minimum"] == 1
    assert found["properties"]["reasoner"] == found["properties"]["temporal"]


class Everything(StageOptions):
    number: float = Field(0.5, gt=0, lt=1, description="a share")
    word: str | None = Field(None, description="a word")


def test_options_describe_themselves() -> None:
    rows = describe_options(Everything)
    assert [(row.name, row.type, row.default, row.help) for row in rows] == [
        ("number", "number > 0 < 1", 0.5, "a share"),
        ("word", "string | null", None, "a word"),
    ]


def test_options_are_built_or_all_refused() -> None:
    assert build_options(Everything, {"number": 0.25}, "x").number == 0.25
    with pytest.raises(ConfigError) as caught:
        build_options(Everything, {"number": 2, "word": 3}, "proposer")
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["proposer.number", "proposer.word"]


def test_yaml_values_keep_their_type() -> None:
    assert [parse_yaml(text, "x") for text in ("3", "0.5", "true", "null", "[1, 2]", "tiny")] == [
        3,
        0.5,
        True,
        None,
        [1, 2],
        "tiny",
    ]
    assert yaml.safe_load(resolved({"video": {"start": 1.5}}).to_yaml())["video"]["start"] == 1.5


def test_an_in_memory_video_knows_its_facts() -> None:
    import numpy as np

    facts = ArrayVideo(np.zeros((3, 4, 6, 3), np.uint8), fps=2.0).get_info()
    assert (facts.height, facts.width, facts.times, facts.path) == (4, 6, (0.0, 0.5, 1.0), None)


def test_one_of_two_with_one_name_is_kept_by_its_whole_name() -> None:
    cls = SCRIPT.plugins.get_component("propagator", "scripted").cls
    both = PluginManager([*SCRIPT.entries, announcing("other", propagators=[cls])])
    slots = dict.fromkeys(("unifier", "tagger", "transcriber", "locator", "reasoner", "proposer"), "scripted")
    config = resolve_config(both, [{**slots, "propagator": "module_other:scripted"}])
    assert resolve_config(both, [config.to_dict()]).slots["propagator"].component.plugin == "other"
