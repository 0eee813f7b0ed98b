"""Tiny models that listen, of random weights, saved to folders as real ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import (
    GenerationConfig,
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
