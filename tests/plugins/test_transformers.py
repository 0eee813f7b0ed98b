from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from scripted import Script

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

import torch
from safetensors.torch import load_file, save_file
from tiny_models import PICTURE_TOKENS, gemma_model, indifferent, text_model, tokenizer, vision_model

from alref.chat.messages import Answer, Message, Question
from alref.chat.questions import schema
from alref.engine import Pipeline
from alref.errors import AlrefError, ConfigError, InputError, MissingError
from alref.plugins import Plugins
from alref.records import Reference
from alref.testing import SpatialReasonerContract, TemporalReasonerContract, moving_square
from alref_transformers import Transformers, TransformersOptions, kinds
from alref_transformers.grammar import Grammar

BOX = schema("box", 3)
WORDS = ("Which box?", "In which of the boxes is the dog that jumps over the red fence?", "Box")
NAME, COMMIT = "someone/tiny", "0123456789abcdef0123456789abcdef01234567"
Make = Callable[..., Transformers]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the hub away, and its cache empty: nothing can be downloaded."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))


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


def component(folder: Path | str, device: str = "auto", **given: Any) -> Transformers:
    return Transformers(TransformersOptions(model=str(folder), **{"max_tokens": 24, **given}), device)


def loaded(folder: Path | str, **given: Any) -> Transformers:
    reasoner = component(folder, **given)
    reasoner.load()
    return reasoner


def blind(folder: Path | str, **given: Any) -> Transformers:
    return loaded(folder, vision=False, **given)


def picture(seed: int) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)).save(written, "PNG")
    return written.getvalue()


def question(words: str = WORDS[0], pictures: int = 0, wanted: dict[str, Any] | None = BOX) -> Question:
    shown = tuple(picture(seed) for seed in range(pictures))
    return Question(messages=(Message(text=words),), images=shown, answer_schema=wanted)


def said(answer: Answer) -> tuple[str, str, int, int]:
    return answer.text, answer.finish, answer.prompt_tokens, answer.completion_tokens


class SeeingContract:
    @pytest.fixture(autouse=True)
    def _folder(self, vision: Path) -> None:
        self.folder = vision

    def component(self) -> Transformers:
        return component(self.folder)


class TestFrames(SeeingContract, TemporalReasonerContract):
    pass


class TestBoxes(SeeingContract, SpatialReasonerContract):
    pass


@pytest.mark.parametrize("family", ["vision", "gemma"])
@pytest.mark.parametrize("pictures", [0, 1])
@pytest.mark.parametrize("constrained", [True, False])
def test_answers_in_a_batch_are_those_of_one_at_a_time(
    request: pytest.FixtureRequest, family: str, pictures: int, constrained: bool
) -> None:
    reasoner = loaded(request.getfixturevalue(family), concurrency=2, constrained=constrained, dtype="float32")
    questions = [question(words, pictures * place) for place, words in enumerate(WORDS, 1)]
    together = dict(reasoner.chat_all(questions))
    assert list(together) == [0, 1, 2]
    assert [said(together[index]) for index in range(3)] == [said(reasoner.chat(each)) for each in questions]
    assert len({answer.text for answer in together.values()}) > 1


def test_what_a_model_sees_changes_its_answer(vision: Path) -> None:
    reasoner = loaded(vision, constrained=False)
    shown = [question().model_copy(update={"images": (picture(seed),)}) for seed in range(6)]
    assert len({answer.text for _, answer in reasoner.chat_all(shown)}) > 1


def test_a_constrained_answer_keeps_to_the_schema(first_allowed: Path) -> None:
    reasoner = blind(first_allowed, max_tokens=200)
    for wanted in (BOX, schema("frame_text", 12), schema("frame_sound", 4)):
        answer = reasoner.chat(question(wanted=wanted))
        jsonschema.validate(json.loads(answer.text), wanted)
        assert answer.finish == "stop"
        assert answer.completion_tokens == len(answer.text) + 1


def test_a_model_that_repeats_itself_comes_to_a_choice() -> None:
    spelled = tokenizer()
    guide = Grammar(spelled, [spelled.eos_token_id]).guide([BOX])
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
    free, held = (answer for _, answer in reasoner.chat_all([question(WORDS[1], wanted=None), question()]))
    assert said(free)[:2] == ("", "stop")
    assert free.completion_tokens == 1
    assert json.loads(held.text)["finding"] in ("found", "absent", "ambiguous")


def test_an_answer_says_what_it_took(vision: Path) -> None:
    asked = "user: Which box?\nassistant: "
    plain, seen = (answer for _, answer in loaded(vision).chat_all([question(), question(pictures=3)]))
    assert plain.prompt_tokens == len(asked)
    assert seen.prompt_tokens == len(asked) + 3 * PICTURE_TOKENS
    assert (plain.finish, plain.completion_tokens) == ("length", 24)
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
    with pytest.raises(InputError, match=r"reads 8192 tokens and the question has 90\d\d: lower .*image_size"):
        blind(text).chat(question("x" * 9000))


def test_a_chat_template_that_refuses_the_question(copied: Path) -> None:
    (copied / "chat_template.jinja").write_text("{{ raise_exception('no such role') }}")
    with pytest.raises(InputError, match=r"does not take the question \(no such role\): choose another model"):
        blind(copied).chat(question())


def test_too_little_memory_is_one_clear_error(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.LlamaForCausalLM.generate", full)
    with pytest.raises(MissingError, match=r"do not fit into the memory of cpu: lower -o reasoner\.concurrency"):
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


def one_problem(reasoner: Transformers) -> str:
    (problem,) = reasoner.problems()
    assert "\n" not in problem
    return problem


def test_a_missing_library_is_named_with_its_extra(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alref.stages.find_spec", lambda name: None if name == "transformers" else object())
    assert one_problem(component(text)) == "needs transformers: pip install 'alref[transformers]'"


def test_a_model_of_text_alone_is_not_shown_pictures(text: Path) -> None:
    assert "sees no pictures: -o reasoner.vision=false" in one_problem(component(text))
    assert component(text, vision=False).problems() == []


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_torch_does_not_see_is_a_problem(text: Path, device: str) -> None:
    if kinds.chosen(device) == device:
        pytest.skip(f"{device} is here")
    assert f"sees no {device} here: --device cpu" in one_problem(component(text, device, vision=False))


@pytest.mark.parametrize("model", ["./nowhere", "~/nowhere", "/no/where", "no name!"])
def test_neither_a_folder_nor_a_name(model: str) -> None:
    assert f"{model} is no folder, and no name on the hub: -o reasoner.model=FOLDER or NAME" in one_problem(component(model))


@pytest.mark.parametrize(
    ("removed", "told"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no model.safetensors; get the whole model: hf download NAME --local-dir"),
        ("tokenizer*", "has no tokenizer.json"),
        ("processor_config.json", "has no preprocessor_config.json"),
    ],
)
def test_a_folder_that_lacks_files(vision: Path, tmp_path: Path, removed: str, told: str) -> None:
    folder = Path(shutil.copytree(vision, tmp_path / "part"))
    for path in folder.glob(removed):
        path.unlink()
    assert told in one_problem(component(folder))


def test_weights_in_parts_are_all_looked_for(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "has no model-2.safetensors;" in one_problem(component(copied, vision=False))
    (copied / "model.safetensors.index.json").write_text("{")
    assert "has no model.safetensors.index.json that can be read;" in one_problem(component(copied, vision=False))


def test_weights_that_could_run_code_are_not_loaded(copied: Path) -> None:
    torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    assert "other weights can run code and are not loaded" in one_problem(component(copied, vision=False))
    with pytest.raises(MissingError, match="cannot be loaded"):
        blind(copied)


def test_code_that_comes_with_a_model_is_not_run(copied: Path) -> None:
    (copied / "own.py").write_text(f"open({str(copied / 'ran')!r}, 'w')")
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (copied / "config.json").write_text(json.dumps(own))
    assert "code that comes with a model is not run: pip install -U transformers" in one_problem(component(copied))
    assert not (copied / "ran").exists()


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("{", "cannot be loaded"),
        ('{"model_type": "clip"}', "is a clip, which answers no questions"),
        ('{"model_type": "qwen3_vl"}', "needs torchvision, of the build that fits torch"),
    ],
)
def test_a_model_that_cannot_be_asked(copied: Path, config: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.is_torchvision_available", lambda: False)
    (copied / "config.json").write_text(config)
    assert told in one_problem(component(copied))


def failure(folder: Path, kind: type[AlrefError]) -> str:
    with pytest.raises(kind) as caught:
        blind(folder)
    return str(caught.value)


def test_weights_that_are_cut_off(copied: Path) -> None:
    data = (copied / "model.safetensors").read_bytes()
    (copied / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "cannot be loaded" in failure(copied, MissingError)


def test_weights_that_are_not_all_there_are_not_made_up(copied: Path) -> None:
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 of its weights, for example model.norm.weight" in failure(copied, ConfigError)


def test_a_model_that_was_not_tuned_for_chat(copied: Path) -> None:
    (copied / "chat_template.jinja").unlink()
    assert "has no chat template: -o reasoner.model=NAME" in failure(copied, ConfigError)


def test_a_closed_component_can_be_loaded_again(text: Path) -> None:
    reasoner = blind(text)
    first = said(reasoner.chat(question()))
    reasoner.close()
    reasoner.load()
    assert said(reasoner.chat(question())) == first


def test_a_replay_needs_no_model(tmp_path: Path) -> None:
    reasoner = component("no/such-model", replay=tmp_path)
    assert reasoner.problems() == []
    reasoner.load()
    reasoner.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """Run a hub on this machine that answers every question with one status and one code of error."""
    reply = {"status": 200, "code": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(reply["status"]))
            self.send_header("X-Error-Code", str(reply["code"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield lambda status, code: reply.update(status=status, code=code)
        server.shutdown()


def test_a_model_that_the_hub_does_not_have(hub: Callable[[int, str], None]) -> None:
    hub(404, "RepoNotFound")
    assert "the hub has no model 'someone/tiny'" in one_problem(component(NAME))


def test_a_model_whose_terms_must_be_accepted(hub: Callable[[int, str], None]) -> None:
    hub(403, "GatedRepo")
    assert "accept its terms at https://huggingface.co/someone/tiny; then: hf auth login" in one_problem(component(NAME))


def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "the hub cannot be reached" in one_problem(component(NAME))


def test_a_model_that_is_not_in_the_cache_of_one_who_is_offline() -> None:
    assert "is not in the cache, and HF_HUB_OFFLINE is set: unset it" in one_problem(component(NAME))


def test_a_model_in_the_cache_needs_no_hub(text: Path, tmp_path: Path) -> None:
    place = tmp_path / "hub" / "models--someone--tiny"
    shutil.copytree(text, place / "snapshots" / COMMIT)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(COMMIT)
    assert component(NAME, vision=False).problems() == []
    answer = blind(NAME).chat(question())
    assert answer.model == f"{NAME}@{COMMIT}"
    assert answer.text == blind(text).chat(question()).text


def run(folder: Path, **given: Any) -> Any:
    script = Script()
    plugins = Plugins([*script.entries, EntryPoint("transformers", "alref_transformers", "alref")])
    reasoner = {"use": "transformers", "model": str(folder), "max_tokens": 64, **given}
    slots = dict.fromkeys(("unifier", "proposer", "propagator"), "scripted")
    with Pipeline.make({**slots, "reasoner": reasoner}, plugins=plugins) as pipeline:
        return pipeline.run(moving_square(frames=4)[0], [Reference(id="1", text="the red square")])


def test_a_run_on_a_model_that_talks_nonsense_ends_with_fallbacks_that_say_why(vision: Path) -> None:
    result = run(vision)
    assert {record.source for record in [*result.pivots, *result.boxes]} == {"fallback"}
    assert all("cut off" in record.why for record in [*result.pivots, *result.boxes])
    (usage,) = result.usage
    assert (usage.model, usage.questions, usage.kept, usage.completion_tokens) == (str(vision), 4, 0, 4 * 64)
    assert usage.prompt_tokens > 4 * PICTURE_TOKENS


def test_a_run_on_a_model_that_answers_takes_its_answer(first_allowed: Path) -> None:
    result = run(first_allowed, vision=False)
    assert [(verdict.finding, verdict.source) for verdict in result.verdicts] == [("absent", "model")]
    assert [(usage.cost, usage.completion_tokens > 0) for usage in result.usage] == [(0.0, True)]
