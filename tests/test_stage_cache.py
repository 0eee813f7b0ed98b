"""What is kept is read back, never for anything else, never half, and never beyond the bound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alref.cli import run_command
from alref.components.base import Propagator, StageOptions
from alref.llm.messages import QuestionEvent
from alref.media.video import Video
from alref.models.weights import Weights
from alref.pipeline import stage_cache
from alref.pipeline.engine import Pipeline
from alref.pipeline.stage_cache import CachedOutput, StageCache
from alref.plugins.manager import PluginManager
from alref.records import Phrase, PivotBox
from alref.result import Usage
from support.scripted import DOG, NOISE, VIDEO, Script, announcing, propagate, run


def phrase(text: str = "dog") -> CachedOutput[Phrase]:
    return CachedOutput(
        [Phrase(reference="1", text=text)], 1.5, (Usage(model="tiny", questions=2, cost=0.5, uncached_cost=0.5),)
    )


def texts(folder: Path) -> list[str]:
    return sorted(json.loads(path.read_text())["output"][0]["text"] for path in folder.glob("[!.]*.json"))


def test_what_is_kept_is_read_back_whole(tmp_path: Path) -> None:
    StageCache(tmp_path).put("unifier-unify", "a", phrase())
    assert StageCache(tmp_path).get("unifier-unify", "a", Phrase) == phrase()
    assert StageCache(tmp_path).get("unifier-unify", "b", Phrase) is None
    assert StageCache(None).get("unifier-unify", "a", Phrase) is None


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"seconds": 1, "output": [{"text": 3}]}', b"\xff\xfe"])
def test_what_cannot_be_read_is_missing(tmp_path: Path, damage: bytes) -> None:
    kept = StageCache(tmp_path)
    kept.put("unifier-unify", "a", phrase())
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(damage)
    assert kept.get("unifier-unify", "a", Phrase) is None


def aged(folder: Path) -> None:
    """Make all files as old as possible, the first written the oldest."""
    for age, path in enumerate(sorted(folder.glob("*.json"))):
        os.utime(path, (1000 + age, 1000 + age))


def test_beyond_the_bound_what_was_not_used_for_the_longest_time_goes(tmp_path: Path) -> None:
    for number in range(10):
        StageCache(tmp_path).put("unifier-unify", f"{number:032}", phrase(str(number)))
    aged(tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.glob("*.json")) // 10
    assert StageCache(tmp_path).get("unifier-unify", "0" * 32, Phrase) is not None
    StageCache(tmp_path, limit=5 * size).put("unifier-unify", "e" * 32, phrase("new"))
    assert texts(tmp_path) == ["0", "8", "9", "new"]


def test_a_sweep_leaves_alone_what_fits(tmp_path: Path) -> None:
    bounded = StageCache(tmp_path, limit=10**6)
    for number in range(10):
        bounded.put("unifier-unify", f"{number:032}", phrase(str(number)))
    assert len(texts(tmp_path)) == 10


WRITER = """
import sys
from pathlib import Path
from alref.pipeline.stage_cache import CachedOutput, StageCache
from alref.records import Phrase
kept = StageCache(Path(sys.argv[1]), limit=20_000)
for number in range(150):
    kept.put("unifier-unify", f"{number:032}", CachedOutput([Phrase(reference="1", text=str(number) * 50)], 1.0))
    found = kept.get("unifier-unify", f"{number * 7 % 150:032}", Phrase)
    assert found is None or set(found.output[0].text) == set(str(number * 7 % 150)), found
"""


def test_processes_share_a_folder_that_stays_bounded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [writer.communicate()[1] for writer in writers]
    assert said == ["", "", ""]
    sizes = [path.stat().st_size for path in tmp_path.glob("*.json")]
    assert 5_000 < sum(sizes) < 20_000 + 3 * (1_000 + max(sizes))


def test_what_a_killed_process_left_half_written_goes_when_nobody_can_be_writing_it(tmp_path: Path) -> None:
    forgotten, fresh = (f".unifier-unify-{digit * 32}.1.json" for digit in "ab")
    for name in (forgotten, fresh):
        (tmp_path / name).write_text("{")
    os.utime(tmp_path / forgotten, (1000, 1000))
    stage_cache.prune_outputs(tmp_path, 0)
    assert [path.name for path in tmp_path.glob("*.json")] == [fresh]


def test_the_place_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    assert stage_cache.get_default_folder() == tmp_path / "stages"
    monkeypatch.delenv("ALREF_HOME")
    assert stage_cache.get_default_folder().parts[-2:] == ("alref", "stages")


def test_the_command_shows_and_empties_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path))
    assert run_command(["cache", "info"]) == 0
    assert "0 outputs, 0.0 MB" in capsys.readouterr().out
    kept = StageCache(stage_cache.get_default_folder())
    kept.put("unifier-unify", "a" * 32, phrase())
    kept.put("unifier-unify", "b" * 32, phrase())
    kept.put("propagator-propagate", "c" * 32, phrase("x" * 900))
    assert run_command(["cache", "info"]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / 'stages'}\n3 outputs, 0.0 MB" in said
    assert said.index("1  propagator propagate") < said.index("2  unifier unify")
    assert run_command(["cache", "clear"]) == 0
    assert "3 outputs" in capsys.readouterr().out
    assert kept.get("unifier-unify", "a" * 32, Phrase) is None
    assert run_command(["cache", "info", str(tmp_path / "nowhere")]) == 0


@pytest.mark.parametrize("name", ["package.json", "ablation.json", "table-propagate-1.json", ".hidden.json"])
def test_files_of_others_are_neither_counted_nor_removed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    os.utime(tmp_path / name, (1000, 1000))
    StageCache(tmp_path).put("unifier-unify", stage_cache.compute_key("a"), phrase())
    assert stage_cache.count_outputs(tmp_path).counts == {"unifier-unify": 1}
    stage_cache.prune_outputs(tmp_path, 0)
    assert stage_cache.clear_outputs(tmp_path) == 0
    assert [path.name for path in tmp_path.glob("*.json")] == [name]


class Weighty(Propagator):
    """Fills boxes, and loads a file and reads another."""

    name = "weighty"

    class Options(StageOptions):
        model: str = "."
        prompt: Path | None = None

    options: Options

    def weights(self) -> list[Weights]:
        return [Weights(self.options.model, files=("net.bin",))]

    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[Any]:
        CALLS.append("propagate")
        yield from propagate(video, boxes)


CALLS: list[str] = []


def computed(folder: Path, version: str = "1", device: str = "cpu", video: Video = VIDEO) -> bool:
    """Run, and say whether the propagator was called."""
    CALLS.clear()
    script = Script()
    plugins = PluginManager([*script.entries, announcing("weighty", propagators=[Weighty])])
    for number, each in enumerate(plugins.components):
        plugins.components[number] = type(each)(each.cls, each.plugin, each.distribution, version)
    slots = dict.fromkeys(("unifier", "reasoner", "proposer"), "scripted")
    chosen = {"use": "weighty", "model": str(folder / "model"), "prompt": str(folder / "prompt.txt")}
    with Pipeline(plugins=plugins, **{**slots, "propagator": chosen, "device": device}) as pipeline:
        pipeline.run(video, [DOG], StageCache(folder / "kept"))
    return bool(CALLS)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Make a folder with a model, one large file and one small, and a prompt beside it, for which outputs are kept."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "net.bin").write_bytes(bytes(2 * stage_cache.SMALL_FILE_BYTES))
    (tmp_path / "model" / "words.json").write_text("{}")
    (tmp_path / "prompt.txt").write_text("one")
    assert computed(tmp_path)
    assert not computed(tmp_path)
    return tmp_path


def touch_large(folder: Path) -> None:
    """Change one byte of the large file and give it its old time back."""
    path = folder / "model" / "net.bin"
    facts = path.stat()
    with path.open("r+b") as file:
        file.write(b"1")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


CHANGES = {
    "a weight file": touch_large,
    "a weight file's size": lambda folder: (folder / "model" / "net.bin").write_bytes(
        bytes(2 * stage_cache.SMALL_FILE_BYTES + 1)
    ),
    "a small file of the model": lambda folder: (folder / "model" / "words.json").write_text("[]"),
    "a file more": lambda folder: (folder / "model" / "more.json").write_text("{}"),
    "a prompt of the same length": lambda folder: (folder / "prompt.txt").write_text("two"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_never_hits(model: Path, change: Any) -> None:
    change(model)
    assert computed(model)
    assert not computed(model)


def test_the_files_of_a_language_model_are_its_prompts_and_what_is_replayed_and_not_its_answers(tmp_path: Path) -> None:
    from support.scripted_llm import ScriptedChat

    own, trace = tmp_path / "box.txt", tmp_path / "trace.jsonl"
    own.write_text("Which of {{ count }} boxes?")
    trace.write_text("")
    options = ScriptedChat.Options(prompt_files={"box": own}, replay=trace, answers=tmp_path / "answers.sqlite")
    assert ScriptedChat(options).list_input_files() == [own, trace]


def test_another_version_device_or_name_of_the_video_never_hits(model: Path) -> None:
    assert computed(model, version="2")
    assert computed(model, device="auto")
    named = type(VIDEO)([frame for _, frame in VIDEO.read_frames()], audio=NOISE)
    named.name = "another"
    assert computed(model, video=named)


def test_hidden_files_and_a_new_time_of_a_small_one_change_nothing(model: Path) -> None:
    (model / "model" / ".cache").mkdir()
    (model / "model" / ".cache" / "x").write_text("x")
    os.utime(model / "model" / "words.json", (1000, 1000))
    assert not computed(model)


def test_words_of_a_reasoner_are_no_matter_to_what_follows(tmp_path: Path) -> None:
    def wordy(words: str) -> Any:
        from support.scripted import pick_frames

        return lambda video, phrases: [each.model_copy(update={"why": words}) for each in pick_frames(video, phrases)]

    kept = StageCache(tmp_path)
    run(Script(pick_frames=wordy("sharp")), kept=kept)
    again = Script(pick_frames=wordy("large"))
    for path in tmp_path.glob("temporal-*"):
        path.unlink()
    result = run(again, kept=kept)
    assert [name for name, _ in again.calls] == ["pick_frames"]
    assert result.pivots[0].why == result.candidates[0].pivot.why == result.boxes[0].pivot.why == "large"


def test_answers_read_back_are_free_and_their_worth_is_told(tmp_path: Path) -> None:
    kept = StageCache(tmp_path)
    first, again = asking(kept), asking(kept)
    assert first == (Usage(model="tiny", questions=1, prompt_tokens=9, completion_tokens=1, cost=0.25, uncached_cost=0.25),)
    assert again == (Usage(model="tiny", questions=1, cached=1, uncached_cost=0.25),)


def asking(kept: StageCache) -> tuple[Usage, ...]:
    """Run with a reasoner that asks one question about the frame, and return what was taken."""
    from alref.llm.messages import Answer
    from support.scripted import pick_frames

    answer = Answer(text="1", model="tiny", prompt_tokens=9, completion_tokens=1, cost=0.25)
    event = QuestionEvent(
        key="k", stage="temporal", component="x", phrase="dog", messages=(), answer=answer, parsed=None, source="model"
    )

    def asks(video: Video, phrases: list[Phrase]) -> Any:
        pipeline._stages["temporal"].notify("question_answered", event)
        return pick_frames(video, phrases)

    with Script(pick_frames=asks).pipeline() as pipeline:
        return pipeline.run(VIDEO, [DOG], kept).usage


def test_what_is_sooner_made_again_is_not_kept_unless_a_model_was_asked(tmp_path: Path) -> None:
    kept = StageCache(tmp_path, min_seconds=0.5)
    dog = Phrase(reference="1", text="dog")
    for name, each in {
        "quick": CachedOutput([dog], 0.4),
        "slow": CachedOutput([dog], 0.6),
        "asked": CachedOutput([dog], 0.4, phrase().usage),
    }.items():
        kept.put("unifier-unify", name, each)
    there = {name for name in ("quick", "slow", "asked") if kept.get("unifier-unify", name, Phrase)}
    assert there == {"slow", "asked"}
