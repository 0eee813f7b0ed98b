"""Files, sizes and license of the models."""

from __future__ import annotations

LICENSE = "Apache-2.0"
SIZES: dict[str, int | None] = {
    "IDEA-Research/grounding-dino-tiny": 689_000_000,
    "IDEA-Research/grounding-dino-base": 933_000_000,
    "openmmlab-community/mm_grounding_dino_tiny_o365v1_goldg_grit_v3det": None,
    "iSEE-Laboratory/llmdet_tiny": None,
    "google/owlv2-base-patch16-ensemble": 620_000_000,
}
"""Size in bytes, as rounded by the hub, of models under the Apache license; None if only the hub knows it."""
MODEL_FILES = ("config.json", "model.safetensors", "preprocessor_config.json|processor_config.json")
