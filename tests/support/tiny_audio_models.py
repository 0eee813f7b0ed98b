"""Tiny models that listen, of random weights, saved to folders as real ones are."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    CLIPTokenizer,
    GenerationConfig,
    PeAudioConfig,
    PeAudioFeatureExtractor,
    PeAudioFrameLevelModel,
    TokenizersBackend,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

ENDS, BEGINS = "<|endoftext|>", "<|startoftranscript|>"
LANGUAGES = ("en", "fr", "de")


def whisper(folder: Path, said: Sequence[str] = (), languages: Sequence[str] = LANGUAGES) -> Path:
    """Save a Whisper of one layer that writes the token ``said[p]`` after place p, whatever it hears.

    What it is given fills the first three places: the beginning, the language, which it finds out after place 0, and the task.
    A model of one language is given the beginning alone.
    """
    names = whisper_tokens(languages)
    config = WhisperConfig(
        vocab_size=len(names),
        d_model=64,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_target_positions=64,
        pad_token_id=names[ENDS],
        bos_token_id=names[ENDS],
        eos_token_id=names[ENDS],
        decoder_start_token_id=names[BEGINS],
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    if said:
        _speak(model, [names[token] for token in said])
    model.generation_config = _generation(names, languages)
    model.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    WhisperTokenizer(vocab=names, merges=[], extra_special_tokens=_special(languages)).save_pretrained(folder)
    return folder


def whisper_tokens(languages: Sequence[str] = LANGUAGES) -> dict[str, int]:
    """Return the number of each token: bytes, the special ones, and every 0.02 seconds up to 30."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    times = [f"<|{place * 0.02:.2f}|>" for place in range(1501)]
    return {token: place for place, token in enumerate([*letters, ENDS, BEGINS, *_special(languages), *times])}


def _special(languages: Sequence[str]) -> list[str]:
    tasks = ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
    return [*(f"<|{language}|>" for language in languages), *tasks]


def _generation(names: dict[str, int], languages: Sequence[str]) -> GenerationConfig:
    many = {
        "lang_to_id": {f"<|{language}|>": names[f"<|{language}|>"] for language in languages},
        "task_to_id": {"transcribe": names["<|transcribe|>"], "translate": names["<|translate|>"]},
    }
    return GenerationConfig(
        max_length=64,
        decoder_start_token_id=names[BEGINS],
        eos_token_id=names[ENDS],
        pad_token_id=names[ENDS],
        bos_token_id=names[ENDS],
        no_timestamps_token_id=names["<|notimestamps|>"],
        is_multilingual=len(languages) > 1,
        **(many if len(languages) > 1 else {}),
    )


def _speak(model: WhisperForConditionalGeneration, tokens: Sequence[int]) -> None:
    """Let the token of each place follow from the place alone."""
    decoder = model.model.decoder
    with torch.no_grad():
        for layer in decoder.layers:
            for last in (layer.self_attn.out_proj, layer.encoder_attn.out_proj, layer.fc2):
                last.weight.zero_()
                last.bias.zero_()
        decoder.embed_tokens.weight.normal_(std=1.0)
        decoder.embed_positions.weight.zero_()
        for place, token in enumerate(tokens):
            decoder.embed_positions.weight[place] = 50 * decoder.embed_tokens.weight[token]


LANGUAGEBIND = {
    "model_type": "LanguageBindAudio",
    "projection_dim": 24,
    "logit_scale_init_value": 2.6592,
    "text_config": {
        "hidden_act": "gelu",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "vocab_size": 514,
        "eos_token_id": 513,
    },
    "text_config_dict": None,
    "vision_config": {
        "hidden_act": "gelu",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_channels": 3,
        "image_size": 16,
        "patch_size": 4,
        "num_mel_bins": 16,
        "target_length": 48,
        "lora_r": 2,
        "lora_alpha": 16,
        "lora_dropout": 0.1,
        "audio_sample_rate": 16000,
        "audio_mean": -4.2677393,
        "audio_std": 4.5689974,
    },
}
"""The configuration of LanguageBind's audio model, as published in all but its sizes."""
LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj")


def languagebind(folder: Path, weights: dict[str, torch.Tensor] | None = None) -> Path:
    """Save LanguageBind's audio model by the names that it is published under, with updates of low rank."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(LANGUAGEBIND))
    clip_tokenizer().save_pretrained(folder)
    torch.save(seeded(languagebind_shapes()) if weights is None else weights, folder / "pytorch_model.bin")
    return folder


def languagebind_shapes() -> dict[str, list[int]]:
    """Return the shape of each published weight by its name."""
    text, sound = LANGUAGEBIND["text_config"], LANGUAGEBIND["vision_config"]
    wide, patches = 32, (sound["num_mel_bins"] // 4) * (sound["target_length"] // 4)
    shapes = {
        "logit_scale": [],
        "text_projection.weight": [24, wide],
        "visual_projection.weight": [24, wide],
        "text_model.embeddings.token_embedding.weight": [text["vocab_size"], wide],
        "text_model.embeddings.position_embedding.weight": [77, wide],
        "text_model.embeddings.position_ids": [1, 77],
        "vision_model.embeddings.class_embedding": [wide],
        "vision_model.embeddings.patch_embedding.weight": [wide, 3, 4, 4],
        "vision_model.embeddings.position_embedding.weight": [patches + 1, wide],
    }
    for norm in ("text_model.final_layer_norm", "vision_model.pre_layrnorm", "vision_model.post_layernorm"):
        shapes |= {f"{norm}.{part}": [wide] for part in ("weight", "bias")}
    for layer in range(2):
        shapes |= _block(f"text_model.encoder.layers.{layer}", lora=0)
        shapes |= _block(f"vision_model.encoder.base_model.model.layers.{layer}", lora=2)
    return shapes


def _block(place: str, lora: int) -> dict[str, list[int]]:
    base = "base_layer." if lora else ""
    shapes = {f"{place}.mlp.fc1.weight": [64, 32], f"{place}.mlp.fc2.weight": [32, 64]}
    shapes |= {f"{place}.mlp.fc1.bias": [64], f"{place}.mlp.fc2.bias": [32]}
    shapes |= {f"{place}.layer_norm{number}.{part}": [32] for number in (1, 2) for part in ("weight", "bias")}
    for layer in LAYERS:
        shapes |= {f"{place}.self_attn.{layer}.{base}weight": [32, 32], f"{place}.self_attn.{layer}.{base}bias": [32]}
        if lora:
            shapes[f"{place}.self_attn.{layer}.lora_A.default.weight"] = [lora, 32]
            shapes[f"{place}.self_attn.{layer}.lora_B.default.weight"] = [32, lora]
    return shapes


def seeded(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Make weights from their names and shapes alone."""
    made = {}
    for name, shape in shapes.items():
        drawn = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(crc32(name.encode())))
        made[name] = 1 + 0.1 * drawn if "norm" in name and name.endswith("weight") else 0.1 * drawn
    return made


def rising(seconds: float) -> npt.NDArray[np.float32]:
    """Make a tone at 16 kHz that rises from 100 Hz to 7 kHz over a little noise, off its middle line."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    tone = np.sin(2 * np.pi * (100 * time + 3450 * time**2 / seconds))
    return (0.05 + 0.3 * tone + np.random.default_rng(0).normal(0, 0.01, len(time))).astype(np.float32)


def clip_tokenizer() -> CLIPTokenizer:
    """Make one token for each byte, within a word and at its end."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: place for place, token in enumerate(tokens)}, merges=[])


def ast(folder: Path, labels: Sequence[str] = ("Dog", "Silence", "Piano", "Rain", "Speech", "Car", "Bird")) -> Path:
    """Save an Audio Spectrogram Transformer of one layer that hears ten seconds, as published."""
    torch.manual_seed(0)
    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        frequency_stride=64,
        time_stride=64,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    ASTForAudioClassification(config).save_pretrained(folder)
    with warnings.catch_warnings(action="ignore"):
        ASTFeatureExtractor().save_pretrained(folder)
    return folder


def clap(folder: Path) -> Path:
    """Save a CLAP of a few small layers that hears ten seconds at 48 kHz, as published."""
    torch.manual_seed(0)
    text = {**TEXT_TOWER, "num_attention_heads": 2, "projection_dim": 16, "pad_token_id": 0, "eos_token_id": 1}
    sound = {
        "patch_embeds_hidden_size": 8,
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "projection_dim": 16,
    }
    ClapModel(ClapConfig(text_config=text, audio_config=sound, projection_dim=16)).save_pretrained(folder)
    ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def pe_a_frame(folder: Path, bias: float = 0.0) -> Path:
    """Save a PE-A-Frame of a few small layers that scores every 40 ms at 48 kHz, as published, ``bias`` added to all."""
    torch.manual_seed(0)
    sound = {
        "dac_config": {"downsampling_ratios": [2, 8, 10, 12], "encoder_hidden_size": 2, "codebook_dim": 8, "hidden_size": 32},
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "head_dim": 16,
    }
    text = {**TEXT_TOWER, "num_attention_heads": 2, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 1}
    text |= {"cls_token_id": 0, "sep_token_id": 1}
    model = PeAudioFrameLevelModel(PeAudioConfig(text_config=text, audio_config=sound))
    with torch.no_grad():
        model.text_audio_logit_scale.fill_(1.0)
        model.text_audio_logit_bias.fill_(bias)
    model.save_pretrained(folder)
    PeAudioFeatureExtractor().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


TEXT_TOWER = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "max_position_embeddings": 64,
}


def byte_tokenizer() -> TokenizersBackend:
    """Make one token for each byte."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<pad>", "</s>", "<s>", "<unk>", *letters]
    spelled = Tokenizer(models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=[]))
    spelled.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return TokenizersBackend(tokenizer_object=spelled, pad_token="<pad>", eos_token="</s>", bos_token="<s>")
