"""Write ``languagebind_golden.npz``: what the package languagebind 0.1.0 sees of sounds, and its features.

    PYTHONPATH=tests:FOLDER_WITH_LANGUAGEBIND_PEFT_EINOPS_TORCHAUDIO python tests/data/make_languagebind_golden.py

The weights are made from the names and shapes of the package's own state dict, which the file holds. The package was written
for an older transformers. Here its modules for sound are imported alone, its test of a square picture is taken out, and the two
masks that it gives to each layer of attention are added up, as they were then. Of a long sound it takes a random place in each
third; here, the first.
"""

from __future__ import annotations

import copy
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from transformers.models.clip import modeling_clip

from support import tiny_audio_models

GOLDEN = Path(__file__).with_name("languagebind_golden.npz")


def package() -> Any:
    """Import the model for sound without the other modalities."""
    for name in ("languagebind", "languagebind.audio"):
        module = ModuleType(name)
        found = find_spec(name)
        module.__path__ = list((found and found.submodule_search_locations) or ())
        sys.modules[name] = module
    from languagebind.audio import configuration_audio, modeling_audio

    modeling_clip.CLIPVisionEmbeddings.forward = embedded
    modeling_clip.CLIPAttention.forward = attended(modeling_clip.CLIPAttention.forward)
    return configuration_audio, modeling_audio


def seen() -> dict[str, np.ndarray]:
    """Return the pictures that the package makes of a short sound and of a long one."""
    sys.modules["torchvision"] = ModuleType("torchvision")
    sys.modules["torchvision"].transforms = ModuleType("transforms")  # type: ignore[attr-defined]
    from languagebind.audio import processing_audio

    np.random.choice = lambda places: places[0]
    transform = processing_audio.AudioTransform(SimpleNamespace(**tiny_audio_models.LANGUAGEBIND["vision_config"]))
    made = {}
    for name, seconds in {"short": 0.2, "long": 1.5}.items():
        samples = torch.from_numpy(tiny_audio_models.rising(seconds))
        made[name] = transform((samples[None], 16_000)).numpy()
    return made


def embedded(self: Any, pixel_values: torch.Tensor) -> torch.Tensor:
    patches = self.patch_embedding(pixel_values).flatten(2).transpose(1, 2)
    first = self.class_embedding.expand(len(patches), 1, -1)
    return torch.cat([first, patches], dim=1) + self.position_embedding(self.position_ids)


def attended(plain: Any) -> Any:
    def forward(self: Any, hidden_states: torch.Tensor, attention_mask: Any, causal_attention_mask: Any, **rest: Any) -> Any:
        masks = [mask for mask in (attention_mask, causal_attention_mask) if mask is not None]
        return plain(self, hidden_states, attention_mask=sum(masks) if masks else None)

    return forward


def main() -> None:
    configuration_audio, modeling_audio = package()
    said = copy.deepcopy(tiny_audio_models.LANGUAGEBIND)
    config = configuration_audio.LanguageBindAudioConfig(
        **{key: said[key] for key in ("text_config", "vision_config", "projection_dim")}
    )
    for each in (config, config.text_config, config.vision_config):
        each._attn_implementation = "eager"
    model = modeling_audio.LanguageBindAudio(config).eval()
    drawn = [(name, tensor) for name, tensor in model.state_dict().items() if not name.endswith("position_ids")]
    shapes = {name: list(tensor.shape) for name, tensor in drawn}
    model.load_state_dict(tiny_audio_models.seeded(shapes), strict=False)
    pictures = torch.randn(3, 3, 16, 48, generator=torch.Generator().manual_seed(1))
    tokens = tiny_audio_models.clip_tokenizer()(
        ["dog barking", "a", "piano; violin"], padding="max_length", max_length=77, return_tensors="pt"
    )
    with torch.no_grad():
        sounds = model.visual_projection(model.vision_model(pictures)[1])
        texts = model.text_projection(model.text_model(**tokens)[1])
    np.savez_compressed(GOLDEN, shapes=np.array(json.dumps(shapes)), sounds=sounds.numpy(), texts=texts.numpy(), **seen())
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
