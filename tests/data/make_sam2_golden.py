"""Write ``sam2_golden.npz``: what the authors' own predictor of SAM 2.1 (tiny, 256 pixels) makes of a small video.

    PYTHONPATH=tests:FOLDER_WITH_THE_SAM2_PACKAGE python tests/data/make_sam2_golden.py

The file holds the names and shapes of a checkpoint of theirs, and every fourth mask logit in both directions, float32
(frame, object, 16, 16), of three objects that start on frame 4 from boxes, and from masks. Holes are filled, as by default. The
weights are made again from the names and shapes.
"""

from __future__ import annotations

import json

import numpy as np
import torch

from support.sam2_official import EVERY, GOLDEN, drifting, followed, predictor, prompts, seeded, shapes_of


def main() -> None:
    made = predictor("configs/sam2.1/sam2.1_hiera_t.yaml", 256)
    shapes = shapes_of(made.state_dict().items())
    made.load_state_dict(seeded(shapes))
    video = drifting()
    logits = {name: followed(made, video, prompts(name))[..., ::EVERY, ::EVERY] for name in ("box", "mask")}
    np.savez_compressed(GOLDEN, shapes=np.array(json.dumps(shapes)), **logits)
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
