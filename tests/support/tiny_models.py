"""Tiny models of random weights, saved to folders as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessorPil,
    Gemma3Processor,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    TokenizersBackend,
)
from transformers.utils import logging

SPECIAL = ["</s>", "<pad>", "<s>", "<image>"]
AROUND = ["<start>", "<end>"]
TEMPLATE = """\
{% for message in messages %}{{ message.role }}: {% if message.content is string %}{{ message.content }}{% else %}
{% for part in message.content %}{{ '<image>' if part.type == 'image' else part.text }}{% endfor %}{% endif %}

{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"""
TEXT = {
    "vocab_size": 264,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "bos_token_id": 2,
    "eos_token_id": 0,
    "pad_token_id": 1,
}
PICTURE_TOKENS = 4


def tokenizer(named: dict[str, str] | None = None) -> TokenizersBackend:
    """Make one token for each byte: the special ones first, then the quotation mark."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), key=lambda letter: (letter != '"', letter))
    spelled = Tokenizer(models.BPE(vocab={token: place for place, token in enumerate(SPECIAL + alphabet + AROUND)}, merges=[]))
    spelled.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    spelled.decoder = decoders.ByteLevel()
    ends = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    extra = named or {"image_token": "<image>"}
    return TokenizersBackend(tokenizer_object=spelled, chat_template=TEMPLATE, extra_special_tokens=extra, **ends)


def text_model(folder: Path, change: Callable[[LlamaForCausalLM], None] = lambda model: None) -> Path:
    """Save a Llama that knows nothing; ``change`` may alter it first."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**TEXT))
    change(model)
    _save(model, folder)
    tokenizer().save_pretrained(folder)
    return folder


def indifferent(model: PreTrainedModel) -> None:
    """Let every token be as likely as any other, so that the first one allowed is taken."""
    torch.nn.init.zeros_(model.lm_head.weight)


def vision_model(folder: Path, change: Callable[[PreTrainedModel], None] = lambda model: None) -> Path:
    """Save a LLaVA that knows nothing and sees 28 x 28 pixels; ``change`` may alter it first."""
    torch.manual_seed(0)
    size = {"image_size": 28, "patch_size": 14}
    eyes = CLIPVisionConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, **size)
    config = LlavaConfig(vision_config=eyes, text_config=LlamaConfig(**TEXT), image_token_index=3)
    model = LlavaForConditionalGeneration(config)
    change(model)
    _save(model, folder)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    kept = {"patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    LlavaProcessor(pictures, tokenizer(), chat_template=TEMPLATE, **kept).save_pretrained(folder)
    return folder


def gemma_model(folder: Path) -> Path:
    """Save a Gemma 3 that knows nothing and sees 28 x 28 pixels."""
    torch.manual_seed(0)
    eyes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    eyes |= {"image_size": 28, "patch_size": 7}
    words = {**TEXT, "head_dim": 16, "sliding_window": 64}
    tokens = {
        "tie_word_embeddings": False,
        "image_token_index": 3,
        "boi_token_index": 260,
        "eoi_token_index": 261,
        "mm_tokens_per_image": PICTURE_TOKENS,
    }
    _save(Gemma3ForConditionalGeneration(Gemma3Config(text_config=words, vision_config=eyes, **tokens)), folder)
    pictures = Gemma3ImageProcessorPil(size={"height": 28, "width": 28})
    spelled = tokenizer({"image_token": "<image>", "boi_token": "<start>", "eoi_token": "<end>"})
    template = TEMPLATE.replace("<image>", "<start>")
    Gemma3Processor(pictures, spelled, chat_template=template, image_seq_length=PICTURE_TOKENS).save_pretrained(folder)
    return folder


def _save(model: PreTrainedModel, folder: Path) -> None:
    logging.disable_progress_bar()
    model.save_pretrained(folder)
    logging.enable_progress_bar()
