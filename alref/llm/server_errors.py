"""Failures of servers: what kind each one is, whether to try again, and how long to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

FailureKind = Literal["connection", "timeout", "busy", "failed", "quota", "key", "rights", "model", "refused", "filter"]
TRANSIENT_KINDS = ("connection", "timeout", "busy", "failed")
"""The kinds of failure after which the same request may succeed."""
FILTER_CODES = ("content_filter", "content_policy_violation", "data_inspection_failed", "moderation_blocked")
"""Error codes of servers whose filter blocked the question or the answer."""

_KINDS: dict[int, FailureKind] = {401: "key", 402: "quota", 403: "rights", 404: "model", 408: "busy", 409: "busy", 429: "busy"}
_QUOTA = re.compile(
    r"insufficient_quota|billing_(hard_limit_reached|not_active)|insufficient[ _](balance|credits?|funds)"
    r"|exceeded_current_quota_error|credit balance is too low|(not enough|no|out of) credits?\b|payment required",
    re.IGNORECASE,
)
"""How servers say that an account has no credit, with any status; waiting does not help."""


class ServerError(Exception):
    """A request without a usable answer: the kind of failure, what the server said, and the seconds that it asks to wait."""

    def __init__(self, kind: FailureKind, said: str, wait: float = 0.0) -> None:
        super().__init__(said)
        self.kind, self.said, self.wait = kind, said, wait

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind in TRANSIENT_KINDS


def classify_error(status: int | None, error: Any) -> FailureKind:
    """Return the kind of an error from its HTTP status, None if it came with success, and the server's error object or text."""
    named = {str(error.get(name)) for name in ("code", "type", "status", "innererror")} if isinstance(error, Mapping) else set()
    if named & set(FILTER_CODES):
        return "filter"
    if _QUOTA.search(f"{' '.join(sorted(named))} {extract_error_text(error)}"):
        return "quota"
    code = status if status is not None else next((int(text) for text in named if re.fullmatch(r"[45]\d\d", text)), 500)
    return _KINDS.get(code, "refused" if 400 <= code < 500 else "failed")


def extract_error_text(error: Any) -> str:
    """Return the words of a server's error: the message of an object, or the text itself."""
    if not isinstance(error, Mapping):
        return str(error or "")
    inner = next((error[name] for name in ("message", "error", "detail", "msg") if error.get(name)), None)
    return extract_error_text(inner) if isinstance(inner, Mapping) else str(inner or dict(error))


def parse_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds that the header ``Retry-After`` asks to wait, a number or a date; 0 if there is none."""
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def read_count(counts: Any, *names: str) -> int | None:
    """Return the first of some numbers of tokens that a server gave; None if it gave none that is a count."""
    found = (counts.get(name) for name in names) if isinstance(counts, Mapping) else ()
    return next((int(count) for count in found if isinstance(count, (int, float)) and 0 <= count < 1e9), None)
