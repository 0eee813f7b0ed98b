"""A reasoner for local vision-language and text models, using transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from alref import (
    ChatOptions,
    ConnectedReasoner,
    HubModelName,
    HubModelOptions,
    Problem,
    SpatialReasoner,
    TemporalReasoner,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alref import Answer, Question, Weights
    from alref.llm.conversations import StoreAnswer
    from alref_transformers._runtime import LocalChatModel


class TransformersOptions(ChatOptions, HubModelOptions):
    """Options of transformers."""

    model: HubModelName = "Qwen/Qwen3-VL-4B-Instruct"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="compute dtype; auto is the dtype of the weights"
    )
    max_tokens: int = Field(1024, ge=16, description="maximum length of an answer in tokens")
    constrained: bool = Field(True, description="constrain answers to the JSON schema, if there is one")
    concurrency: int = Field(4, ge=1, description="questions per batch")


class Transformers(ConnectedReasoner["LocalChatModel"]):
    """Queries a local model, such as Qwen3-VL, SmolVLM2, InternVL, Gemma 3 or LLaVA, with greedy decoding."""

    name = "transformers"
    extra = "transformers"
    needs = ("torch", "transformers", "PIL", "llguidance")
    Options = TransformersOptions
    options: TransformersOptions
    model_options = ("model", "revision", "dtype", "max_tokens", "constrained", "replay")
    neutral_options = ConnectedReasoner.neutral_options | {"max_tokens"}

    def find_model_problems(self) -> list[Problem]:
        """Return problems of the device, the dtype, or the type of the model."""
        from alref_transformers import model_types

        if any(self.options.voters):
            return [Problem(option="votes", message="one local model is loaded, and several are named", value="3")]
        return model_types.find_problems(self.options, self.device)

    def weights(self) -> list[Weights]:
        """List the model; a replay needs none."""
        from alref_transformers import model_files

        return [model_files.describe_weights(self.options)] if self.options.replay is None else []

    def connect(self) -> LocalChatModel:
        """Return the model, loaded onto the device. Raises MissingError or ConfigError if it cannot be used."""
        from alref_transformers._runtime import LocalChatModel

        return LocalChatModel(self.options, self.device)

    def compute_cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return 0 dollars, because the model runs locally."""
        return 0.0

    def chat_all(self, questions: Sequence[Question], store_answer: StoreAnswer) -> Iterator[tuple[int, Answer]]:
        """Answer ``concurrency`` questions per batch, and yield (index, answer) of each batch in order."""
        size = self.options.concurrency
        for start in range(0, len(questions), size):
            yield from enumerate(self.connection.generate_answers(questions[start : start + size]), start)


@hookimpl
def register_reasoners() -> list[type[TemporalReasoner] | type[SpatialReasoner]]:
    """Register the component."""
    return [Transformers]
