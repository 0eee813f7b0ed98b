"""What tests of the measures share: official scores kept beside the project, and the small ones within it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from alref_benchmarks.metrics import Case, EvaluationProtocol, ScoreTable, VideoScores

Array = npt.NDArray[Any]
GOLDEN = Path(__file__).parents[2] / ".." / "shared" / "golden"
SMALL = Path(__file__).parents[1] / "data" / "golden_small"


def official(name: str) -> Any:
    """Read official scores; skips the test where they are not."""
    path = GOLDEN / name
    if not path.exists():
        pytest.skip(f"the official scores are not on this machine: {name}")
    return json.loads(path.read_text(encoding="utf-8"))


def small() -> tuple[dict[str, Array], Any]:
    """Read the masks and the scores of ``golden_small``."""
    with np.load(SMALL / "masks.npz") as file:
        masks = dict(file)
    return masks, json.loads((SMALL / "scores.json").read_text(encoding="utf-8"))


def one(
    way: EvaluationProtocol, truth: Any, predicted: Any, name: str = "clip", case: str = "0", place: int = 0
) -> VideoScores:
    """Score one video of one case, and read the scores back from JSON."""
    scores = way.score_video(name, [Case(case, truth, predicted, place)])
    return VideoScores.model_validate_json(scores.model_dump_json())


def table_of(way: EvaluationProtocol, truth: Any, predicted: Any) -> ScoreTable:
    """Score one video of one case alone."""
    return way.summarize_scores([one(way, truth, predicted)])


def numbers_of(way: EvaluationProtocol, truth: Any, predicted: Any) -> dict[str, float]:
    """Score one video of one case alone."""
    return table_of(way, truth, predicted).metrics


def scored(way: EvaluationProtocol, truths: Sequence[Array], predictions: Sequence[Array]) -> ScoreTable:
    """Score videos of one case each together."""
    return way.summarize_scores([one(way, *pair) for pair in zip(truths, predictions, strict=True)])


def clip_with_sound(seed: int, frames: int = 3, side: int = 24) -> tuple[Array, Array]:
    """Random true masks 0 or 1 in cells, about a third empty, and logits in eighths that lean towards them."""
    random = np.random.default_rng(seed)
    truth = (random.uniform(size=(frames, 4, 4)) < random.choice([0, 0.3, 0.6], (frames, 1, 1))).astype(np.uint8)
    truth = truth.repeat(side // 4, axis=1).repeat(side // 4, axis=2)
    return truth, (np.round(random.normal(0, 16, truth.shape) + 16 * truth - 8) / 8).astype(np.float32)
