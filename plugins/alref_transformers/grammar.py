"""Constrain answers to a JSON schema during generation, using the llguidance library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer

if TYPE_CHECKING:
    from torch import Tensor

SPACING: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON on one line, so that a model cannot generate endless whitespace."""
MAX_STRING_LENGTH = 1000
"""Maximum length of a string in characters, so that a model that repeats itself still completes its answer."""


class AnswerGrammar:
    """Builds constraints on the answers of one model. Raises ValueError for an unsupported tokenizer."""

    def __init__(self, tokenizer: Any, end_tokens: Sequence[int]) -> None:
        self._tokenizer = from_tokenizer(tokenizer, eos_token=list(end_tokens))

    def make_logits_processor(self, schemas: Sequence[dict[str, Any] | None]) -> GrammarLogitsProcessor:
        """Return a logits processor that constrains each answer of a batch to its schema; None leaves an answer free."""
        return GrammarLogitsProcessor([None if schema is None else self._build_matcher(schema) for schema in schemas])

    def _build_matcher(self, schema: dict[str, Any]) -> LLMatcher:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(_limit_strings(schema)), overrides=SPACING)
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher


class GrammarLogitsProcessor:
    """Masks, at each step of one batch, the tokens that cannot continue an answer that matches its schema."""

    def __init__(self, matchers: Sequence[LLMatcher | None]) -> None:
        self._matchers = matchers
        self._started = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the scores (B, V) of the next tokens after tokens (B, T), with -inf for forbidden ones."""
        from torch import from_numpy

        forbidden = np.zeros(tuple(scores.shape), np.bool_)
        for row, matcher in enumerate(self._matchers):
            if matcher is None:
                continue
            if self._started and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[row, -1]))
            mask = np.frombuffer(matcher.compute_bitmask(), np.uint8)
            forbidden[row] = np.unpackbits(mask, bitorder="little", count=scores.shape[1]) == 0
        self._started = True
        return scores.masked_fill(from_numpy(forbidden).to(scores.device), float("-inf"))


def _limit_strings(schema: Any) -> Any:
    """Return a schema whose strings have a maximum length."""
    if not isinstance(schema, dict):
        return schema
    ends = {"maxLength": MAX_STRING_LENGTH} if schema.get("type") == "string" and "enum" not in schema else {}
    return {name: _limit_strings(part) for name, part in schema.items()} | ends
