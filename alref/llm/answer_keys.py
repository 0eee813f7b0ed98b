"""The key of an answer: all that decides what a model says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from alref.llm.messages import Question


def compute_digest(content: bytes) -> str:
    """Digest the bytes of an encoded picture to 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def serialize_question(question: Question) -> dict[str, Any]:
    """Return a question as plain data, each picture as the digest of its bytes."""
    data = question.model_dump(mode="json", exclude={"images"})
    return {**data, "images": [compute_digest(image) for image in question.images]}


def compute_answer_key(origin: str, component: str, options: Mapping[str, Any], model: str, question: Question) -> str:
    """Digest to 32 hexadecimal digits who is asked, how and what.

    ``origin`` is the plugin's distribution with its version, ``options`` those that change an answer as JSON-like values,
    ``model`` the model as it is asked for.
    """
    parts = [origin, component, dict(options), model, serialize_question(question)]
    return compute_digest(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode())
