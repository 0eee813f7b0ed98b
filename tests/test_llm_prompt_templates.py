"""Prompt files: every shipped one carries what its task needs, and one's own is checked."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from alref.audio.vocabulary import UNKNOWN_SOUND
from alref.components.options import build_options
from alref.errors import ConfigError
from alref.llm.options import ChatOptions
from alref.llm.prompt_templates import (
    TEMPLATE_VARIABLES,
    TemplateVariant,
    build_answer_schema,
    check_template,
    load_template,
    render_template,
)
from alref.llm.question_builder import join_names
from alref.llm.tasks import PivotTask, QuestionTask, TrackTask
from alref.testing import SQUARE, ReasonerContract, make_moving_square
from support.scripted_llm import ScriptedChat

FOLDER = Path(__file__).parents[1] / "alref" / "llm" / "prompts"
TASKS, VARIANTS = get_args(PivotTask), get_args(TemplateVariant)
VALUES: dict[str, Any] = {name: f"<{name}>" for names in TEMPLATE_VARIABLES.values() for name in names}

TAKEN = {"id": 5, "choice": "accept", "why": ""}
SEEN = {"frame": 1, "answer": "unclear", "why": ""}
AUDITED = {"why": "", "verdict": "contradicted", "evidence": "it stands"}


def test_there_is_one_prompt_for_each_task_and_variant() -> None:
    varied, others = {f"{t}.{v}.txt" for t, v in product(TASKS, VARIANTS)}, {f"{task}.txt" for task in get_args(TrackTask)}
    assert {path.name for path in FOLDER.iterdir()} == varied | others


@pytest.mark.parametrize("task", get_args(TrackTask))
@pytest.mark.parametrize("heard", [False, True])
def test_each_prompt_about_tracks_carries_every_variable_that_it_has(task: TrackTask, heard: bool) -> None:
    text = load_template(task, "structured", {})
    check_template(task, text, "shipped")
    words = render_template(text, {**{name: VALUES[name] for name in TEMPLATE_VARIABLES[task]}, "heard": heard}, task)
    unused = {"category", "heard", *({"phrase"} if task == "appearance" else {"count", "sounds", "seconds"})}
    assert {name for name in TEMPLATE_VARIABLES[task] if f"<{name}>" not in words} <= unused
    assert all(f'"{name}"' in words for name in build_answer_schema(task, [1])["properties"])


@pytest.mark.parametrize(("task", "variant"), list(product(TASKS, VARIANTS)))
@pytest.mark.parametrize("flag", [False, True])
def test_each_shipped_prompt_carries_what_its_task_needs(task: QuestionTask, variant: TemplateVariant, flag: bool) -> None:
    text = load_template(task, variant, {})
    check_template(task, text, "shipped")
    words = render_template(
        text, {**{name: VALUES[name] for name in TEMPLATE_VARIABLES[task]}, "heard": flag, "one_source": flag}, task
    )
    assert "<images>" in words
    assert ("<labels>" if task == "frame_sound" else "<phrase>") in words
    assert ("JSON" in words) == (variant == "structured")
    assert task != "box" or any(f"<{name}>" in words for name in ("boxes", "labeled", "placed"))
    assert task != "frame_sound" or "<vocabulary>" in words


def test_the_direct_prompts_ask_for_no_reasons() -> None:
    sizes = {variant: sum(len(load_template(task, variant, {})) for task in TASKS) for variant in VARIANTS}
    assert sizes["direct"] < sizes["paper"] / 2
    assert sizes["direct"] < sizes["structured"] / 2


def test_one_s_own_prompt_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "mine.txt"
    own.write_text("{{ images }} Where is {{ phrase }}? {% if count > 2 %}1 to {{ count }}{% endif %}")
    chat = ScriptedChat.saying(["[2]"], tmp_path / "a.sqlite", prompt_files={"frame_text": own}, frames=4)
    chat.pick_frames(make_moving_square()[0], [SQUARE])
    assert chat.questions[0].messages[0].text.endswith("Where is the red square? 1 to 4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ phrse }}", r"no variable 'phrse'; did you mean 'phrase'\?; variables of box: images, count, frame"),
        ("{{ labels }}", "no variable 'labels'"),
        ("{{ phrase", "line 1"),
        ("a\n{% if phrase %}", "line 2"),
        (" \n", "the prompt is empty"),
    ],
)
def test_a_wrong_prompt_is_an_error_that_helps(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "mine.txt"
    own.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        build_options(ChatOptions, {"prompt_files": {"box": own}}, "spatial")
    assert str(caught.value).startswith("spatial.prompt_files: ")
    assert str(own) in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_prompt_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    own = tmp_path / "mine.txt"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.txt: "):
        build_options(ChatOptions, {"prompt_files": {"box": own}}, "spatial")


@pytest.mark.parametrize("text", ["{{ 1 / 0 }}", "{{ phrase.nothing }}", "{{ phrase + 1 }}", "{{ phrase.__class__.__mro__ }}"])
def test_a_prompt_that_cannot_be_filled_in_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="prompt box: "):
        render_template(text, {"phrase": "the dog"}, "box")


@pytest.mark.parametrize(
    ("task", "right", "wrong"),
    [
        ("frame_text", {"why": "", "finding": "absent", "frame": None}, {"why": "", "finding": "found", "frame": 6}),
        ("box", {"why": "", "finding": "found", "box": 5}, {"why": "", "finding": "maybe", "box": 1}),
        ("frame_sound", {"why": "", "objects": [{"name": "dog", "frame": 1}]}, {"why": "", "objects": [{"name": "dog"}]}),
        ("tracks", {"why": "", "tracks": [TAKEN]}, {"why": "", "tracks": [{**TAKEN, "id": 6}]}),
        ("review", {"why": "", "frames": [SEEN]}, {"why": "", "frames": [{**SEEN, "answer": "maybe"}]}),
        ("audit", {**AUDITED, "criterion": "role"}, {**AUDITED, "criterion": "weather"}),
    ],
)
def test_the_schema_allows_the_numbers_shown_and_nothing_else(task: QuestionTask, right: Any, wrong: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(build_answer_schema(task, range(1, 6)))
    jsonschema.validate(right, build_answer_schema(task, range(1, 6)))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, build_answer_schema(task, range(1, 6)))


PAGE = (FOLDER.parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        *ChatOptions.model_fields,
        *TEMPLATE_VARIABLES,
        *sorted({each for names in TEMPLATE_VARIABLES.values() for each in names}),
    ],
)
def test_every_option_task_and_variable_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


class TestTheModelOfTheDocs(ReasonerContract):
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALREF_HOME", str(tmp_path))

    def make_component(self) -> Any:
        namespace: dict[str, Any] = {}
        exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], namespace)
        return namespace["Oracle"](namespace["Oracle"].Options())


def test_names_are_joined_so_that_they_can_be_told_apart() -> None:
    assert join_names(["Bark", "Rain"]) == "Bark, Rain"
    assert join_names(["Bark", "Inside, small room"]) == "Bark; Inside, small room"
    assert join_names([UNKNOWN_SOUND]) == "a sound of an unknown kind"
    assert join_names([]) == ""
