"""The reasoner that asks a model through a connection to a server, or through a model that it loads."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from alref.errors import ContractError
from alref.llm.reasoner import ChatReasoner

if TYPE_CHECKING:
    from alref.errors import Problem
    from alref.llm.messages import Answer, Question


class ModelConnection(Protocol):
    """What ``ConnectedReasoner.connect`` returns; ``model`` is the name of the model, as the key of an answer has it."""

    model: str

    def send_question(self, question: Question) -> Answer:
        """Ask one question and return the answer. Called from several threads at once. Raises an AlrefError."""

    def close(self) -> None:
        """Close the connection, or release the model."""


Connection = TypeVar("Connection", bound=ModelConnection)


class ConnectedReasoner(ChatReasoner, Generic[Connection]):
    """Asks a language model through what ``connect`` returns. With the option ``replay``, nothing is connected or checked.

    A subclass writes ``connect``, and ``find_model_problems`` for what can be checked before a run.
    """

    @abstractmethod
    def connect(self) -> Connection:
        """Return an open connection or a loaded model. Raises MissingError or ConfigError when it cannot be used."""

    def find_model_problems(self) -> list[Problem]:
        """Return the problems of the server or the model, after libraries and weights were found. No question is asked."""
        return []

    @property
    def connection(self) -> Connection:
        """The open connection. Raises ContractError before ``load`` and after ``close``."""
        connection: Connection | None = self.shared_model.get(self)
        if connection is None:
            raise ContractError(f"{self.name}: the model is not loaded; call load() first")
        return connection

    def problems(self) -> list[Problem]:
        """Return missing libraries or weights, then the problems of the model; a replay needs none of them."""
        return [] if self.options.replay is not None else super().problems() or self.find_model_problems()

    def load(self) -> None:
        """Connect. Raises MissingError or ConfigError when the model cannot be used."""
        if self.options.replay is None:
            self.shared_model.acquire(self, self.connect)

    def close(self) -> None:
        """Close the connection and the answer store."""
        connection: Connection | None = self.shared_model.release(self)
        if connection is not None:
            connection.close()
        super().close()

    def chat(self, question: Question) -> Answer:
        """Ask one question and return the answer. Raises an AlrefError."""
        return self.connection.send_question(question)
