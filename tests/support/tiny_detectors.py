"""Tiny detectors of random weights, saved to folders as real ones are."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.nn.init import normal_
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    PreTrainedModel,
    SwinConfig,
)
from transformers.utils import logging

FIXED = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: ".", 1029: "?"}
"""Tokens whose places the models know by heart."""
WORDS = ["the", "a", "dog", "cat", "man", "red", "square", "guitar", "that", "play", "##ing", "bark", "##s", "near", ","]
LETTERS = [chr(place) for place in range(33, 127)]
SIZE = {"shortest_edge": 64, "longest_edge": 96}
LAYERS = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
WIDTHS = {"d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_queries": 30}


def bert_words() -> BertTokenizer:
    """Make a tokenizer of a few words, whose special tokens are where BERT has them."""
    vocabulary = {FIXED.get(place, f"[unused{place}]"): place for place in range(1030)}
    vocabulary |= {word: 1030 + place for place, word in enumerate(WORDS)}
    return BertTokenizer(vocab=vocabulary)


def swin(width: int = 16) -> SwinConfig:
    return SwinConfig(
        image_size=64, embed_dim=width, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], window_size=4, out_indices=[2, 3, 4]
    )


def bert() -> BertConfig:
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    return BertConfig(vocab_size=1030 + len(WORDS), **shape)


def grounding_dino(folder: Path, text: int = 256, width: int = 16) -> Path:
    """Save a Grounding DINO that reads ``text`` tokens; scores and boxes are spread over all that is possible."""
    torch.manual_seed(0)
    config = GroundingDinoConfig(backbone_config=swin(width), text_config=bert(), max_text_len=text, **LAYERS, **WIDTHS)
    return _grounding(GroundingDinoForObjectDetection(config), folder, 0.3)


def mm_grounding_dino(folder: Path) -> Path:
    """Save an MM-Grounding-DINO."""
    torch.manual_seed(0)
    config = MMGroundingDinoConfig(backbone_config=swin(), text_config=bert(), **LAYERS, **WIDTHS)
    model = MMGroundingDinoForObjectDetection(config)
    for head in model.class_embed:
        head.bias.data.zero_()
    return _grounding(model, folder, 1.0)


def _grounding(model: PreTrainedModel, folder: Path, spread: float) -> Path:
    model.model.decoder.layer_norm.weight.data.mul_(spread)
    for head in (model.bbox_embed[0], model.model.encoder_output_bbox_embed):
        normal_(head.layers[-1].weight, std=0.5)
    _save(model, folder)
    bert_words().save_pretrained(folder)
    GroundingDinoImageProcessorPil(size=SIZE).save_pretrained(folder)
    return folder


def owlv2(folder: Path) -> Path:
    """Save an OWLv2 that sees 96 x 96 pixels in 6 x 6 places."""
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    tokens = {
        letter + end: place for place, (letter, end) in enumerate((each, end) for end in ("", "</w>") for each in LETTERS)
    }
    tokens |= {"<|startoftext|>": len(tokens), "<|endoftext|>": len(tokens) + 1}
    words = {**shape, "vocab_size": len(tokens), "eos_token_id": len(tokens) - 1, "bos_token_id": len(tokens) - 2}
    config = Owlv2Config(text_config=words, vision_config={**shape, "image_size": 96, "patch_size": 16}, projection_dim=32)
    model = Owlv2ForObjectDetection(config)
    for layer, spread in ((model.box_head.dense2, 0.01), (model.class_head.logit_scale, 0.5), (model.class_head.dense0, 0.5)):
        normal_(layer.weight, std=spread)
    _save(model, folder)
    CLIPTokenizer(vocab=tokens, merges=[]).save_pretrained(folder)
    Owlv2ImageProcessorPil(size={"height": 96, "width": 96}).save_pretrained(folder)
    return folder


def _save(model: PreTrainedModel, folder: Path) -> None:
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    logging.enable_progress_bar()
