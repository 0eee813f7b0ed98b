"""What a run may cost, before it starts."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("openai")

from alref.config import resolve_config
from alref.pipeline.forecast import forecast_usage, format_forecast
from alref.plugins.manager import PluginManager
from alref.records import Prompt, Reference

PLUGINS = PluginManager()
DOG, CAT = Reference(id="1", text="the dog"), Reference(id="2", text="the cat")
BOXED = Reference(id="3", text="the cup", prompts=(Prompt(box=[1, 1, 9, 9]),))


def test_a_language_model_is_forecast_with_its_price() -> None:
    config = resolve_config(PLUGINS, [{"reasoner": "gpt4"}], "baseline")
    (one,), (two,) = forecast_usage(config, 40, [DOG]), forecast_usage(config, 40, [DOG, CAT])
    assert two.questions == 2 * one.questions > 0
    assert two.uncached_cost is not None
    assert one.uncached_cost is not None
    assert two.uncached_cost == pytest.approx(2 * one.uncached_cost)
    assert re.search(rf"{two.questions} questions to .*\$\d+\.\d\d", format_forecast([two]))


def test_prompts_and_embedded_components_ask_nobody() -> None:
    assert forecast_usage(resolve_config(PLUGINS, [{"reasoner": "gpt4"}], "baseline"), 40, [BOXED]) == ()
    assert forecast_usage(resolve_config(PLUGINS, [{}]), 40, [DOG]) == ()


def test_the_order_tracks_and_a_review_are_forecast_with_their_price() -> None:
    tracked = {"order": "tracks", "selector": "gpt4"}
    (usage,) = forecast_usage(resolve_config(PLUGINS, [tracked], "baseline"), 40, [DOG])
    (reviewed,) = forecast_usage(resolve_config(PLUGINS, [{**tracked, "reviewer": "gpt4", "review": 2}], "baseline"), 40, [DOG])
    assert (usage.questions, reviewed.questions) == (1 + 3 + 3 + 1, 8 + 1 + 2 + 1)
    assert 0 < (usage.uncached_cost or 0) < (reviewed.uncached_cost or 0)


def test_a_model_without_a_price_list_has_no_known_price() -> None:
    config = resolve_config(PLUGINS, [{"order": "tracks", "selector": {"use": "gpt4", "model": "nobodys-model"}}], "baseline")
    (usage,) = forecast_usage(config, 40, [DOG])
    assert usage.uncached_cost is None
    assert "not known" in format_forecast([usage])
