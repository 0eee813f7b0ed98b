"""The reasoner that asks a language model: a plugin writes ``chat`` and nothing else."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from alref.stages import Reasoner, StageOptions

if TYPE_CHECKING:
    from alref.chat.messages import Answer, Question


class ChatOptions(StageOptions):
    """Options of every language model."""


class ChatReasoner(Reasoner):
    """Asks a language model for the pivot frame and the pivot box."""

    Options = ChatOptions
    options: ChatOptions

    @abstractmethod
    def chat(self, question: Question) -> Answer:
        """Ask one question and return the answer. Called from several threads at once. Raises an AlrefError."""
