from __future__ import annotations

import json
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from alref.cli import run_command
from alref.components.scores import Case
from alref.errors import MissingError
from alref.evaluation.bootstrap import estimate_interval
from alref.plugins.manager import PluginManager
from alref_benchmarks.metrics import METRICS_BY_PROTOCOL

SEED = np.random.default_rng(3)
TRUTH, FOUND = (np.repeat(SEED.random((6, 5, 8, 8)) > limit, 8, axis=-1).repeat(8, axis=-2) for limit in (0.4, 0.5))


def test_every_way_to_score_is_announced_by_its_name() -> None:
    assert list(PluginManager().protocols) == list(METRICS_BY_PROTOCOL)


@pytest.mark.parametrize("name", METRICS_BY_PROTOCOL)
def test_a_way_to_score_gives_what_its_measures_give_and_its_interval_holds_the_score(name: str) -> None:
    way = PluginManager().get_protocol(name)()
    videos = [(f"v{n}", [Case("0", TRUTH[n], FOUND[n], n)]) for n in range(6)]
    scores = [way.score_video(video, cases) for video, cases in videos]
    assert scores == [METRICS_BY_PROTOCOL[name].score_video(video, cases) for video, cases in videos]
    table = way.summarize_scores(scores)
    assert table.metrics == METRICS_BY_PROTOCOL[name].summarize_scores(scores).metrics
    for each in scores:
        np.testing.assert_array_equal(way.compute_terms(each), METRICS_BY_PROTOCOL[name].compute_terms(each))
    found = estimate_interval(way, scores)
    assert found.low <= found.value <= found.high
    assert found.value == pytest.approx(table.metrics[table.main_metric], abs=0.01 if name.startswith("ref-avs") else 1e-6)


def test_where_nothing_could_be_counted_number_and_interval_are_unknown() -> None:
    way = METRICS_BY_PROTOCOL["mevis"]
    lost = [way.score_video(video, [Case("0", TRUTH[0], [None] * len(TRUTH[0]))]) for video in ("a", "b")]
    nothing = estimate_interval(way, lost)
    assert all(map(isnan, (nothing.value, nothing.low, nothing.high, way.summarize_scores(lost).metrics["J&F"])))
    half = estimate_interval(way, [*lost, way.score_video("c", [Case("0", TRUTH[0], TRUTH[0])])])
    assert (half.value, half.low, half.high) == (1.0, 1.0, 1.0)


def test_a_missing_library_is_named_before_anything_is_scored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "davis17-unsupervised"
    monkeypatch.setattr("alref_benchmarks.protocols.Davis17UnsupervisedProtocol.needs", ("nowhere",))
    with pytest.raises(MissingError, match=rf"{name}.* nowhere.*alref\[eval\]"):
        PluginManager().make_protocols(["davis17-semi-supervised", name])
    index = tmp_path / "ImageSets" / "2017" / "val.txt"
    index.parent.mkdir(parents=True)
    index.write_text("", encoding="utf-8")
    assert run_command(["score", "ref-davis17", "--data", str(tmp_path), "--masks", str(tmp_path)]) == 5
    assert "alref[eval]" in capsys.readouterr().err
    assert run_command(["plugins", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in rows if row["name"] == name} == {"library missing"}
