"""Load a local model, and answer questions in batches."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
import transformers
from jinja2 import TemplateError
from PIL import Image

from alref import Answer, ConfigError, InputError, Question
from alref.models import devices
from alref.models.model_types import read_model_type
from alref.models.transformers_loading import load_complete_model, translate_model_errors
from alref_transformers import model_files, model_types
from alref_transformers.grammar import AnswerGrammar

if TYPE_CHECKING:
    from alref_transformers import TransformersOptions


class LocalChatModel:
    """A model on a device, and its processor. Raises MissingError or ConfigError if it cannot be loaded."""

    def __init__(self, options: TransformersOptions, device: str) -> None:
        self._options = options
        self._lock = Lock()
        place = devices.resolve_device(device)
        folder = model_files.describe_weights(options).fetch_files()
        with translate_model_errors(
            options.model, place, model_types.OTHER_MODEL_HINT, "-o reasoner.dtype=bfloat16, a smaller model"
        ):
            self._supports_images = model_types.supports_images(read_model_type(folder))
            self._processor = self._load_processor(folder)
            kind = transformers.AutoModelForImageTextToText if self._supports_images else transformers.AutoModelForCausalLM
            self._model = load_complete_model(kind, folder, dtype=options.dtype).to(place)
        self.model = model_files.get_full_name(options)
        ends = self._model.generation_config.eos_token_id
        self._end_tokens = [ends] if isinstance(ends, int) else list(ends or [self._tokenizer.eos_token_id])
        self._grammar = self._build_grammar() if options.constrained else None

    def _load_processor(self, folder: Path) -> Any:
        """Load the processor of text and images, or the tokenizer of a text-only model."""
        loader = transformers.AutoProcessor if self._supports_images else transformers.AutoTokenizer
        reader = loader.from_pretrained(folder, trust_remote_code=False)
        self._tokenizer = reader.tokenizer if self._supports_images else reader
        reader.chat_template = reader.chat_template or self._tokenizer.chat_template
        if reader.chat_template is None:
            raise ConfigError(f"{self._options.model} has no chat template: -o reasoner.model=NAME of a model tuned for chat")
        self._tokenizer.padding_side = "left"
        self._tokenizer.pad_token = self._tokenizer.pad_token or self._tokenizer.eos_token
        return reader

    def _build_grammar(self) -> AnswerGrammar:
        try:
            return AnswerGrammar(self._tokenizer, self._end_tokens)
        except ValueError as error:
            raise ConfigError(
                f"answers of {self._options.model} cannot be constrained ({error}): -o reasoner.constrained=false"
            ) from None

    def send_question(self, question: Question) -> Answer:
        """Answer one question. Raises InputError if it is too long for the model, MissingError if memory is too small."""
        return self.generate_answers([question])[0]

    def close(self) -> None:
        """Do nothing: the memory is freed with the object."""

    def generate_answers(self, questions: Sequence[Question]) -> list[Answer]:
        """Answer questions in one batch with greedy decoding. Raises InputError or MissingError."""
        started = perf_counter()
        full = (
            f"{len(questions)} questions to {self._options.model} do not fit into the memory of {self._model.device}:"
            " lower -o reasoner.concurrency or reasoner.image_size, or take a smaller model"
        )
        with self._lock, devices.translate_memory_errors(full), torch.inference_mode():
            inputs = self._build_inputs(questions)
            written = self._generate_tokens(inputs, questions).tolist()
        seconds = (perf_counter() - started) / len(questions)
        lengths = inputs["attention_mask"].sum(1).tolist()
        return [self._make_answer(tokens, length, seconds) for tokens, length in zip(written, lengths, strict=True)]

    def _build_inputs(self, questions: Sequence[Question]) -> dict[str, torch.Tensor]:
        """Apply the chat template; text of questions is never parsed as control tokens. Raises InputError."""
        talks = [_build_messages(question, self._supports_images) for question in questions]
        settings: dict[str, Any] = {"processor_kwargs": {"padding": True}} if self._supports_images else {"padding": True}
        settings |= {"tokenize": True, "return_dict": True, "return_tensors": "pt", "sanitize_control_tokens": True}
        wishes = {self._options.choose_thinking(question) for question in questions}
        if len(wishes) == 1 and None not in wishes:
            settings["enable_thinking"] = wishes.pop()
        try:
            made = self._processor.apply_chat_template(talks, add_generation_prompt=True, **settings)
        except (ValueError, TemplateError) as error:
            raise InputError(f"{self._options.model} does not take the question ({error}): choose another model") from None
        longest = int(made["attention_mask"].sum(1).max())
        limit = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and longest >= limit:
            raise InputError(
                f"{self._options.model} reads {limit} tokens and the question has {longest}: lower -o reasoner.image_size or"
                " reasoner.frames, or take another model"
            )
        device, dtype = self._model.device, self._model.dtype
        return {name: tensor.to(device, dtype if tensor.is_floating_point() else tensor.dtype) for name, tensor in made.items()}

    def _generate_tokens(self, inputs: dict[str, torch.Tensor], questions: Sequence[Question]) -> torch.Tensor:
        """Return the tokens of the answers, int64 (B, T), padded to the longest."""
        both: torch.Tensor = self._model.generate(
            **inputs,
            max_new_tokens=self._options.max_tokens,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=self._tokenizer.pad_token_id,
            logits_processor=[self._grammar.make_logits_processor([question.answer_schema for question in questions])]
            if self._grammar
            else [],
        )
        return both[:, inputs["input_ids"].shape[1] :]

    def _make_answer(self, tokens: list[int], length: int, seconds: float) -> Answer:
        end = next((place for place, token in enumerate(tokens) if token in self._end_tokens), None)
        return Answer(
            text=self._tokenizer.decode(tokens[:end], skip_special_tokens=True),
            model=self.model,
            finish_reason="length" if end is None else "stop",
            prompt_tokens=length,
            completion_tokens=len(tokens) if end is None else end + 1,
            cost=0.0,
            retries=0,
            seconds=seconds,
        )


def _build_messages(question: Question, with_images: bool) -> list[dict[str, Any]]:
    """Return the messages in chat template format: images come before the text of the first user message."""
    talk: list[dict[str, Any]] = [{"role": message.role, "content": message.text} for message in question.messages]
    if with_images:
        for message in talk:
            message["content"] = [{"type": "text", "text": message["content"]}]
        first = next(message for message in talk if message["role"] == "user")
        shown = [Image.open(BytesIO(data)).convert("RGB") for data in question.images]
        first["content"] = [*({"type": "image", "image": picture} for picture in shown), *first["content"]]
    return talk
