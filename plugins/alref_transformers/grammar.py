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
LONGEST = 1000
"""Most characters of a string, so that a model that repeats itself comes to its choice all the same."""


class Grammar:
    """What answers of one model may look like. Raises ValueError for a tokenizer that cannot be followed."""

    def __init__(self, tokenizer: Any, ends: Sequence[int]) -> None:
        self._tokenizer = from_tokenizer(tokenizer, eos_token=list(ends))

    def guide(self, schemas: Sequence[dict[str, Any] | None]) -> Guide:
        """Return what holds each answer of a batch to its schema; None leaves one free."""
        return Guide([None if schema is None else self._matcher(schema) for schema in schemas])

    def _matcher(self, schema: dict[str, Any]) -> LLMatcher:
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(_bounded(schema)), overrides=SPACING)
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return matcher


class Guide:
    """Forbids, at each step of one batch, the tokens that no answer after the schema could go on with."""

    def __init__(self, matchers: Sequence[LLMatcher | None]) -> None:
        self._matchers = matchers
        self._begun = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Take the tokens so far, (B, T), and their next scores, (B, V); return the scores, -inf for what is forbidden."""
        from torch import from_numpy

        forbidden = np.zeros(tuple(scores.shape), np.bool_)
        for row, matcher in enumerate(self._matchers):
            if matcher is None:
                continue
            if self._begun and not matcher.is_stopped():
                matcher.consume_token(int(input_ids[row, -1]))
            forbidden[row] = _forbidden(matcher, scores.shape[1])
        self._begun = True
        return scores.masked_fill(from_numpy(forbidden).to(scores.device), float("-inf"))


def _bounded(schema: Any) -> Any:
    """Return a schema whose strings have an end."""
    if not isinstance(schema, dict):
        return schema
    ends = {"maxLength": LONGEST} if schema.get("type") == "string" and "enum" not in schema else {}
    return {name: _bounded(part) for name, part in schema.items()} | ends


def _forbidden(matcher: LLMatcher, width: int) -> Any:
    bits = np.unpackbits(np.frombuffer(matcher.compute_bitmask(), np.uint8), bitorder="little", count=width)
    return bits == 0
