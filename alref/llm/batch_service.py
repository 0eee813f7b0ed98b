"""What a server with a Batch API does: it takes a file of questions, and has the answers hours later for less money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from alref.llm.messages import Answer, Question

BATCH_PRICE = 0.5
"""The price of a question in a batch as a share of the usual one, at OpenAI."""
MAX_QUESTIONS, MAX_BYTES = 50_000, 150_000_000
"""The most questions of one batch, and of their images and words; OpenAI allows 50,000 requests and 200 MB with all fields."""


@dataclass(frozen=True)
class BatchState:
    """The state of a batch, its number of answers so far, and the reason why it failed as a whole or ended early."""

    kind: Literal["running", "ended", "failed"]
    answered: int = 0
    reason: str = ""


class BatchService(Protocol):
    """The Batch API of one server. Methods raise an AlrefError, and ServerError for a failure that may pass."""

    def upload_questions(self, questions: Iterable[tuple[str, Question]], folder: Path) -> tuple[str, float]:
        """Upload questions with their keys, written to ``folder`` first; return the id of the file and the dollars at most.

        The dollars are counted as spent. Raises ConfigError if they exceed ``max_cost``; then nothing is uploaded.
        """

    def correct_cost(self, dollars: float) -> None:
        """Add the difference between what a batch cost and its estimate to what is spent."""

    def find_batch(self, file_id: str) -> str:
        """Return the id of the batch that was made from a file, empty if there is none."""

    def create_batch(self, file_id: str) -> str:
        """Make a batch from a file and return its id."""

    def read_state(self, batch_id: str) -> BatchState:
        """Return the state of a batch."""

    def read_replies(self, batch_id: str, model: str) -> Iterator[tuple[str, Answer | str | None]]:
        """Yield the key of each question with its answer, its error, or None if it is to be asked again.

        ``model`` is the model of the batch.
        """

    def remove_files(self, batch_id: str) -> None:
        """Remove the files of a batch from the server."""
