"""Answers held to a JSON schema while they are written, by the llguidance library."""

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
"""JSON on one line: blanks without end are no answer."""
MAX_STRING_LENGTH = 1000
"""Most characters of a string, so that a model that repeats itself comes to its choice all the same."""


class AnswerGrammar:
    """What answers of one model may look like. Raises ValueError for a tokenizer that cannot be followed."""

    def __init__(self, tokenizer: Any, end_tokens: Sequence[int]) -> None:
        self._tokenizer = from_tokenizer(tokenizer, eos_token=list(end_tokens))

    def make_logits_processor(self, schemas: Sequence[dict[str, Any] | None]) -> GrammarLogitsProcessor:
        """Return what holds each answer of a batch to its schema; None leaves one free."""
        return GrammarLogitsProcessor([None if schema is None else self._build_matcher(schema) for schema in schemas])

    def _build_matcher(self, schema: dict[str, Any]) -> LLMatcher:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(_limit_strings(schema)), overrides=SPACING)
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher


class GrammarLogitsProcessor:
    """Forbids, at each step of one batch, the tokens that no answer after the schema could go on with."""

    def __init__(self, matchers: Sequence[LLMatcher | None]) -> None:
        self._matchers = matchers
        self._started = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take the tokens so far, (B, T), and their next scores, (B, V); return the scores, -inf for what is forbidden."""
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
    """Return a schema whose strings have an end."""
    if not isinstance(schema, dict):
        return schema
    ends = {"maxLength": MAX_STRING_LENGTH} if schema.get("type") == "string" and "enum" not in schema else {}
    return {name: _limit_strings(part) for name, part in schema.items()} | ends
