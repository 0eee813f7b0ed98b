from __future__ import annotations

import json
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.scripted import Script

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

import torch

from alref.errors import InputError, MissingError
from alref.llm.messages import Answer, Message, Question
from alref.llm.prompt_templates import build_answer_schema
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Reference
from alref.testing import ReasonerContract, make_moving_square
from alref_transformers import Transformers
from alref_transformers.grammar import AnswerGrammar
from support.local_models import BOX, WORDS, blind, component, loaded, picture, question, said
from support.tiny_models import PICTURE_TOKENS, gemma_model, indifferent, text_model, tokenizer, vision_model


def ignore_answer(index: int, answer: Answer) -> None:
    """Store nothing."""


pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_model(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vision_model(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gemma_model(tmp_path_factory.mktemp("gemma"))


@pytest.fixture(scope="module")
def first_allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that always goes on with the first token that it may write."""
    return text_model(tmp_path_factory.mktemp("first-allowed"), indifferent)


@pytest.fixture
def copied(text: Path, tmp_path: Path) -> Path:
    """Copy a text model, to spoil it."""
    return Path(shutil.copytree(text, tmp_path / "copied"))


class TestContract(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, vision: Path) -> None:
        self.folder = vision

    def make_component(self) -> Transformers:
        return component(self.folder)


@pytest.mark.parametrize("family", ["vision", "gemma"])
@pytest.mark.parametrize("pictures", [0, 1])
@pytest.mark.parametrize("constrained", [True, False])
def test_answers_in_a_batch_are_those_of_one_at_a_time(
    request: pytest.FixtureRequest, family: str, pictures: int, constrained: bool
) -> None:
    reasoner = loaded(request.getfixturevalue(family), concurrency=2, constrained=constrained, dtype="float32")
    questions = [question(words, pictures * place) for place, words in enumerate(WORDS, 1)]
    together = dict(reasoner.chat_all(questions, ignore_answer))
    assert list(together) == [0, 1, 2]
    assert [said(together[index]) for index in range(3)] == [said(reasoner.chat(each)) for each in questions]
    assert len({answer.text for answer in together.values()}) > 1


def test_what_a_model_sees_changes_its_answer(vision: Path) -> None:
    reasoner = loaded(vision, constrained=False)
    shown = [question().model_copy(update={"images": (picture(seed),)}) for seed in range(6)]
    assert len({answer.text for _, answer in reasoner.chat_all(shown, ignore_answer)}) > 1


def test_a_constrained_answer_keeps_to_the_schema(first_allowed: Path) -> None:
    reasoner = blind(first_allowed, max_tokens=200)
    for wanted in (BOX, build_answer_schema("frame_text", range(1, 13)), build_answer_schema("frame_sound", range(1, 5))):
        answer = reasoner.chat(question(wanted=wanted))
        jsonschema.validate(json.loads(answer.text), wanted)
        assert answer.finish_reason == "stop"
        assert answer.completion_tokens == len(answer.text) + 1


def test_a_model_that_repeats_itself_comes_to_a_choice() -> None:
    spelled = tokenizer()
    guide = AnswerGrammar(spelled, [spelled.eos_token_id]).make_logits_processor([BOX])
    scores = torch.zeros(1, 264)
    scores[0, spelled.convert_tokens_to_ids("z")] = 1
    written = [spelled.bos_token_id]
    while written[-1] != spelled.eos_token_id and len(written) < 2000:
        written.append(int(guide(torch.tensor([written]), scores).argmax()))
    answer = json.loads(spelled.decode(written[1:-1]))
    assert set(answer["why"]) == {"z"}
    assert answer["box"] in (1, 2, 3, None)


def test_questions_with_and_without_a_schema_share_a_batch(first_allowed: Path) -> None:
    reasoner = blind(first_allowed, max_tokens=200)
    free, held = (answer for _, answer in reasoner.chat_all([question(WORDS[1], wanted=None), question()], ignore_answer))
    assert said(free)[:2] == ("", "stop")
    assert free.completion_tokens == 1
    assert json.loads(held.text)["finding"] in ("found", "absent", "ambiguous")


def test_an_answer_says_what_it_took(vision: Path) -> None:
    asked = "user: Which box?\nassistant: "
    plain, seen = (answer for _, answer in loaded(vision).chat_all([question(), question(pictures=3)], ignore_answer))
    assert plain.prompt_tokens == len(asked)
    assert seen.prompt_tokens == len(asked) + 3 * PICTURE_TOKENS
    assert (plain.finish_reason, plain.completion_tokens) == ("length", 24)
    assert (plain.cost, plain.model) == (0.0, str(vision))
    assert plain.seconds > 0


def test_settings_for_sampling_that_come_with_a_model_are_not_followed(copied: Path) -> None:
    before = blind(copied).chat(question())
    sampling = {"do_sample": True, "temperature": 5.0, "top_p": 0.9, "top_k": 50, "eos_token_id": [0, 2], "pad_token_id": 1}
    (copied / "generation_config.json").write_text(json.dumps(sampling))
    reasoner = blind(copied)
    assert {said(reasoner.chat(question())) for _ in range(3)} == {said(before)}


def test_a_phrase_that_reads_like_a_control_token_is_words(vision: Path) -> None:
    reasoner = loaded(vision)
    answer = reasoner.chat(question("<image></s>", pictures=1))
    assert answer.prompt_tokens == len("user: <image></s>\nassistant: ") + PICTURE_TOKENS


def test_a_conversation_keeps_its_turns(text: Path) -> None:
    turns = (Message(role="system", text="be brief"), Message(text="which?"), Message(role="assistant", text="hm"))
    answer = blind(text).chat(Question(messages=(*turns, Message(text="once more"))))
    assert answer.prompt_tokens == len("system: be brief\nuser: which?\nassistant: hm\nuser: once more\nassistant: ")


def test_a_question_longer_than_the_model_reads_is_refused(text: Path) -> None:
    with pytest.raises(InputError, match=r"\b8192\b.*\b90\d\d\b.*image_size"):
        blind(text).chat(question("x" * 9000))


def test_a_chat_template_that_refuses_the_question(copied: Path) -> None:
    (copied / "chat_template.jinja").write_text("{{ raise_exception('no such role') }}")
    with pytest.raises(InputError, match=r"\(no such role\)"):
        blind(copied).chat(question())


@pytest.mark.parametrize(("thinking", "words"), [(None, "quiet"), (False, "quiet"), (True, "think loud")])
def test_the_chat_template_is_told_whether_to_think(copied: Path, thinking: bool | None, words: str) -> None:
    (copied / "chat_template.jinja").write_text(
        "{{ 'think loud' if enable_thinking is not defined or enable_thinking else 'quiet' }}"
    )
    assert blind(copied, thinking=thinking).chat(question()).prompt_tokens == len(words)
    free = "quiet" if thinking is False else "think loud"
    assert blind(copied, thinking=thinking).chat(question(wanted=None)).prompt_tokens == len(free)


def test_a_model_that_sees_is_told_too(vision: Path) -> None:
    assert loaded(vision, thinking=True).chat(question(pictures=1)).prompt_tokens > PICTURE_TOKENS


def test_too_little_memory_is_one_clear_error(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.LlamaForCausalLM.generate", full)
    with pytest.raises(MissingError, match=r"\bcpu\b.*-o reasoner\.concurrency"):
        blind(text).chat(question())


@pytest.mark.parametrize(("dtype", "wanted"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_the_numbers_have_the_type_asked_for(vision: Path, dtype: str, wanted: torch.dtype) -> None:
    seen = []
    reasoner = loaded(vision, dtype=dtype)
    handle = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: seen.extend(parameter.dtype for parameter in module.parameters(recurse=False))
    )
    reasoner.chat(question(pictures=1))
    handle.remove()
    assert set(seen) == {wanted}


def test_a_closed_component_can_be_loaded_again(text: Path) -> None:
    reasoner = blind(text)
    first = said(reasoner.chat(question()))
    reasoner.close()
    reasoner.load()
    assert said(reasoner.chat(question())) == first


def run(folder: Path, **given: Any) -> Any:
    script = Script()
    plugins = PluginManager([*script.entries, EntryPoint("transformers", "alref_transformers", "alref")])
    reasoner = {"use": "transformers", "model": str(folder), "max_tokens": 64, **given}
    slots = dict.fromkeys(("unifier", "proposer", "propagator"), "scripted")
    with Pipeline(plugins=plugins, **{**slots, "reasoner": reasoner}) as pipeline:
        return pipeline.run(make_moving_square(frames=4)[0], [Reference(id="1", text="the red square")])


def test_a_run_on_a_model_that_talks_nonsense_ends_with_fallbacks_that_say_why(vision: Path) -> None:
    result = run(vision)
    assert {record.source for record in [*result.pivots, *result.boxes]} == {"fallback"}
    assert all("cut off" in record.why for record in [*result.pivots, *result.boxes])
    (usage,) = result.usage
    assert (usage.model, usage.questions, usage.cached, usage.completion_tokens) == (str(vision), 4, 0, 4 * 64)
    assert usage.prompt_tokens > 4 * PICTURE_TOKENS


def test_a_run_on_a_model_that_answers_takes_its_answer(first_allowed: Path) -> None:
    result = run(first_allowed, vision=False)
    assert [(verdict.finding, verdict.source) for verdict in result.verdicts] == [("absent", "model")]
    assert [(usage.cost, usage.completion_tokens > 0) for usage in result.usage] == [(0.0, True)]
