"""All protocols have one shape: what calls one of them can call any."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from alref.errors import ConfigError, InputError
from alref_benchmarks.metrics import METRICS_BY_PROTOCOL, Case, EvaluationProtocol, ScoreTable, VideoScores, get_metric
from support.metric_samples import Array, numbers_of

WAYS = pytest.mark.parametrize("way", METRICS_BY_PROTOCOL.values(), ids=METRICS_BY_PROTOCOL)


def clip(seed: int) -> tuple[Array, Array]:
    """Masks or maps with one object, number 1, that every protocol takes, five frames of 40x40."""
    random = np.random.default_rng(seed)
    truth, predicted = np.zeros((2, 5, 40, 40), np.uint8)
    for frame in range(5):
        top, left = random.integers(2, 15, 2)
        truth[frame, top : top + 17, left : left + 20] = 1
        predicted[frame, top + 1 : top + 17, left - 2 : left + 18] = 1
    return truth, predicted


def scores_of(way: EvaluationProtocol, seed: int) -> VideoScores:
    return way.score_video(
        f"clip {seed}", [Case(str(case), *clip(10 * seed + case), position=10 * seed + case) for case in (0, 1)]
    )


@WAYS
def test_kept_numbers_make_the_same_table_as_fresh_ones(way: EvaluationProtocol) -> None:
    fresh = [scores_of(way, seed) for seed in range(3)]
    kept = [VideoScores.model_validate_json(scores.model_dump_json()) for scores in fresh]
    table = way.summarize_scores(fresh)
    assert kept == fresh
    assert repr(way.summarize_scores([*kept[:1], *fresh[1:]])) == repr(table)
    assert way.name == table.protocol
    assert table.main_metric in table.metrics


@WAYS
def test_a_protocol_travels_to_another_process_and_keeps_nothing(way: EvaluationProtocol) -> None:
    other = pickle.loads(pickle.dumps(way))
    scores_of(other, 7)
    assert scores_of(other, 1) == scores_of(way, 1)


@WAYS
def test_frames_are_read_once_and_one_at_a_time(way: EvaluationProtocol) -> None:
    truth, predicted = clip(1)
    assert repr(numbers_of(way, iter(truth), iter(predicted))) == repr(numbers_of(way, truth, predicted))


@WAYS
def test_a_table_is_json(way: EvaluationProtocol) -> None:
    table = way.summarize_scores([scores_of(way, 1)])
    text = table.model_dump_json()
    assert "NaN" not in text.replace('"NaN"', "")
    assert repr(ScoreTable.model_validate_json(text)) == repr(table)


@WAYS
def test_scores_are_shares(way: EvaluationProtocol) -> None:
    table = way.summarize_scores([scores_of(way, 1)])
    numbers = {name: value for name, value in table.metrics.items() if name not in table.counts}
    assert all(-1 <= value <= 1 for value in numbers.values() if not np.isnan(value))


@WAYS
@pytest.mark.parametrize("kind", [np.bool_, np.uint8])
def test_frames_may_lie_in_memory_in_any_order(way: EvaluationProtocol, kind: type) -> None:
    plain = [maps.astype(kind) for maps in clip(1)]
    turned = [np.stack([frame.T for frame in maps]).transpose(0, 2, 1) for maps in plain]
    apart = [np.stack([maps, maps], axis=-1)[..., 0] for maps in plain]
    for maps in (turned, apart):
        assert repr(numbers_of(way, *maps)) == repr(numbers_of(way, *plain))


@WAYS
def test_pictures_in_color_are_refused(way: EvaluationProtocol) -> None:
    color = np.stack([clip(1)[0]] * 3, axis=-1)
    with pytest.raises(InputError, match="40x40x3"):
        numbers_of(way, color, color)


def test_an_unknown_protocol_names_the_nearest() -> None:
    with pytest.raises(
        ConfigError,
        match=r"'avs-avsbensh'.*'avs-avsbench' or 'avss-avsbench'.*\bdavis17-semi\b",
    ):
        get_metric("avs-avsbensh")
