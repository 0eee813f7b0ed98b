"""The presets of the tracks order from the first weight to the last mask, with tiny models that the real loading code loads."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from alref.pipeline.engine import Pipeline
from alref.records import Reference
from alref.result import Result
from alref.testing import make_moving_square
from support.tiny_detectors import grounding_dino
from support.tiny_models import vision_model
from support.tiny_sam2 import save_sam2
from support.tiny_sam3 import save_sam3

FRAMES = 5
LENIENT = {"use": "detect-and-follow", "match_iou": 0.001, "hot_start": 1, "overlap": 1.0}
"""Random masks hardly fit random boxes."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return the slots of the presets with the components that they name, and tiny models."""
    root = tmp_path_factory.mktemp("models")
    makers = {"dino": grounding_dino, "sam2": save_sam2, "sam3": save_sam3, "words": vision_model}
    places = {name: str(make(root / name)) for name, make in makers.items()}
    return {
        "proposer": {"use": "grounding-dino", "model": places["dino"], "box_threshold": 0.0},
        "propagator": {"use": "sam2", "model": places["sam2"]},
        "sam3": {"use": "sam3", "model": places["sam3"]},
        "reasoner": {"use": "transformers", "model": places["words"], "max_tokens": 24, "track_frames": 2},
    }


def run(preset: str, models: dict[str, dict[str, Any]], text: str) -> Result:
    """Run a preset; the words name the noun, which a model that knows nothing cannot."""
    slots = {slot: models[slot] for slot in ("proposer", "propagator", "reasoner")}
    slots["tracker"] = models["sam3"] if preset == "tracks-sam3" else LENIENT
    video = make_moving_square(FRAMES)[0]
    with Pipeline(preset, **slots, device="cpu", review=1) as pipeline:
        return pipeline.run(video, [Reference(id="1", text=text)])


@pytest.mark.parametrize("preset", ["tracks", "tracks-sam3"])
def test_a_preset_runs_with_its_models(preset: str, models: dict[str, dict[str, Any]]) -> None:
    result = run(preset, models, "the dog on the left")
    assert [(concept.noun, concept.source) for concept in result.concepts] == [("dog", "rule")]
    assert result.object_tracks
    assert {track.noun for track in result.object_tracks} == {"dog"}
    decided = {(choice.noun, choice.track) for choice in result.choices}
    assert decided == {(track.noun, track.id) for track in result.object_tracks}
    assert result.usage
    assert result.verdict().finding in ("found", "ambiguous", "absent")
    assert len(result.masks()) == FRAMES
    assert Result.model_validate_json(result.model_dump_json()).tracks == result.tracks
