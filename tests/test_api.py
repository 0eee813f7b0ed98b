"""The door of Python: each row of what a user of the library tries first."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import alref
from alref.errors import AlrefError
from alref.testing import make_buzzing_video, make_moving_square, make_square_box, write_frames

VIDEO, TRUTH = make_moving_square()
BOX = make_square_box(TRUTH).xyxy


assert BOX is not None


def make_box(box: Any = BOX, **fields: Any) -> alref.Reference:
    return alref.Reference(**{"prompts": (alref.Prompt(box=box),), **fields})


def overlap(masks: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float(((masks & truth).sum((1, 2)) / (masks | truth).sum((1, 2))).mean())


class TestNames:
    def test_completion_offers_the_public_names(self) -> None:
        assert set(alref.__all__) <= set(dir(alref))
        assert {"segment", "Pipeline", "Proposer", "InputError", "load_result", "components"} <= set(dir(alref))
        assert all(getattr(alref, name) for name in alref.__all__)

    def test_another_name_is_not_there(self) -> None:
        assert alref.__version__.count(".") == 2
        with pytest.raises(AttributeError, match="segmnt"):
            _ = alref.segmnt

    def test_every_error_is_public(self) -> None:
        errors = [AlrefError, *AlrefError.__subclasses__(), *alref.ContractError.__subclasses__()]
        public = [error for error in errors if error.__module__ == "alref.errors" and not error.__name__.startswith("_")]
        assert all(getattr(alref, error.__name__) is error for error in public)

    def test_a_type_checker_sees_the_names(self) -> None:
        (block,) = (node for node in ast.parse(Path(alref.__file__).read_text()).body if isinstance(node, ast.If))
        seen = {name.asname or name.name for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names}
        assert seen == set(alref.__all__)


class TestSegment:
    def test_three_lines_segment_a_moving_square_from_a_box(self) -> None:
        masks = alref.segment(VIDEO, make_box()).masks()
        assert masks.shape == TRUTH.shape
        assert overlap(masks, TRUTH) > 0.8

    def test_words_find_the_moving_square(self) -> None:
        assert overlap(alref.segment(VIDEO, "the red square").masks(), TRUTH) > 0.6

    def test_expressions_may_be_lists_and_keep_their_order(self) -> None:
        given = alref.segment(VIDEO, ["the red square", make_box(id="2")], "the red thing", [make_box(id="last")])
        assert [(each.id, each.text) for each in given.references] == [
            ("1", "the red square"),
            ("2", ""),
            ("3", "the red thing"),
            ("last", ""),
        ]

    @pytest.mark.parametrize("wrong", [Path("q.wav"), 3, None, b"the cup", ["the cup", 3], [["the cup"]], np.zeros(3)])
    def test_what_is_no_expression_is_named_by_its_argument(self, wrong: Any) -> None:
        with pytest.raises(alref.InputError, match=r"expressions\[1\]"):
            alref.segment(VIDEO, "the ball", wrong)

    def test_an_array_is_a_video(self) -> None:
        frames = np.stack(list(VIDEO))
        found = alref.segment(frames, make_box(), fps=20)
        assert found.video.times == pytest.approx(np.arange(8) / 20)
        assert overlap(found.masks(), TRUTH) > 0.8

    @pytest.mark.parametrize(
        "wrong",
        [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8), [np.zeros(3), 4], 3, None],
    )
    def test_what_is_no_video_is_an_input_error(self, wrong: Any) -> None:
        with pytest.raises(alref.InputError, match="video"):
            alref.segment(wrong, "the dog")

    def test_a_folder_and_its_window(self, tmp_path: Path) -> None:
        folder = write_frames(VIDEO, tmp_path / "clip")
        found = alref.segment(
            folder, make_box(box=[2, 16, 18, 32]), start=0.1, end=0.7, every=2, fps=10, video={"max_size": 64}
        )
        assert found.video.path == folder
        assert found.video.times == pytest.approx([0.1, 0.3, 0.5])
        assert found.masks().shape == (3, 48, 64)

    def test_the_window_of_an_array(self) -> None:
        found = alref.segment(
            np.stack(list(VIDEO)), make_box(box=[2, 16, 18, 32]), start=0.1, end=0.7, every=2, fps=10, video={"max_size": 64}
        )
        assert found.video.times == pytest.approx([0.1, 0.3, 0.5])
        assert found.masks().shape == (3, 48, 64)

    @pytest.mark.parametrize("window", [{"every": 2}, {"start": 1.0}, {"fps": 5}, {"video": {"max_size": 64}}])
    def test_the_window_of_an_open_video_is_not_dropped(self, window: dict[str, Any]) -> None:
        with pytest.raises(alref.InputError, match=next(iter(window))):
            alref.segment(VIDEO, make_box(), **window)

    def test_a_box_or_a_mask_with_its_frame(self, tmp_path: Path) -> None:
        box = make_square_box(TRUTH, 3).xyxy
        Image.fromarray(TRUTH[3].astype(np.uint8) * 255).save(tmp_path / "mask.png")
        for prompt in ({"box": box}, {"mask": TRUTH[3]}, {"mask": tmp_path / "mask.png"}, {"mask": str(tmp_path / "mask.png")}):
            found = alref.segment(VIDEO, "square", frame=3, **prompt)
            assert (found.references[0].text, found.references[0].prompts[0].frame) == ("square", 3)
            assert overlap(found.masks(), TRUTH) > 0.8

    @pytest.mark.parametrize(
        ("argument", "values"),
        [
            ("frame", {"frame": 3}),
            ("box", {"box": [1, 2, 3]}),
            ("box", {"box": "1,2,3,4"}),
            ("mask", {"mask": 3}),
            ("points", {"points": 3}),
            ("points", {"points": [[500, 3]]}),
            ("labels", {"labels": [True]}),
            ("spoken", {"spoken": 3}),
            ("spoken", {"spoken": "nowhere.wav"}),
            ("sound", {"sound": "q.wav"}),
        ],
    )
    def test_a_wrong_argument_is_named(self, argument: str, values: dict[str, Any]) -> None:
        with pytest.raises(alref.InputError, match=argument if values[argument] != "nowhere.wav" else "nowhere"):
            alref.segment(VIDEO, "the dog", **values)

    def test_sound_is_as_on_the_command_line(self) -> None:
        video = make_buzzing_video(seconds=1.0, heard=(0.2, 0.8))
        assert [(each.text, each.sound) for each in alref.segment(video, sound=True).references] == [("", True)]
        (both,) = alref.segment(video, "the red square", sound=True).references
        assert (both.text, both.sound) == ("the red square", True)

    def test_a_spoken_expression_is_read_from_its_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "q.wav").write_bytes(b"a question")
        given: list[alref.Reference] = []
        monkeypatch.setattr(alref.Pipeline, "run", lambda pipeline, video, references: given.extend(references))
        alref.segment(VIDEO, spoken=str(tmp_path / "q.wav"))
        alref.segment(VIDEO, "the dog", spoken=[tmp_path / "q.wav"])
        assert [(each.id, each.text, each.title) for each in given] == [
            ("1", "", "q.wav"),
            ("1", "the dog", "the dog"),
            ("2", "", "q.wav"),
        ]

    def test_settings_are_those_of_a_configuration_file(self) -> None:
        with pytest.raises(alref.ConfigError, match="'label-propagation'"):
            alref.segment("clip.mp4", "the dog", propagator="label-propagatio")
        with pytest.raises(alref.ConfigError, match="'device'"):
            alref.segment("clip.mp4", "the dog", devices="cpu")
        with pytest.raises(alref.InputError, match=r"clip\.mp4"):
            alref.segment("clip.mp4", "the dog")

    def test_no_reference_advises_neither_the_shell_nor_its_options(self) -> None:
        with pytest.raises(alref.InputError) as caught:
            alref.segment(VIDEO)
        assert caught.value.code == "no-reference"
        assert "alref run" not in str(caught.value)
        with pytest.raises(alref.InputError) as caught:
            alref.segment(VIDEO, "one", "two", box=BOX)
        assert caught.value.code == "several-references"
        assert "-r" not in str(caught.value).split()


class TestReference:
    def test_the_id_is_the_text_by_default(self) -> None:
        assert alref.Reference(text=" the cup ").id == "the cup"
        assert alref.Reference(sound=True).id == "reference"
        assert alref.Reference(text="a" * 1000).id == "a" * 200
        again = alref.Reference.model_validate_json(alref.Reference(text="the cup").model_dump_json())
        assert again.id == "the cup"
        with pytest.raises(alref.RecordError, match="id"):
            alref.Reference(id="", text="the cup")

    def test_default_ids_are_made_unique_and_chosen_ones_are_not(self) -> None:
        with alref.Pipeline() as pipeline:
            result = pipeline.run(VIDEO, [make_box(), make_box(id="reference-2"), make_box(), make_box()])
            assert [each.id for each in result.references] == ["reference", "reference-2", "reference-3", "reference-4"]
            assert [each.reference for each in result.verdicts] == [each.id for each in result.references]
            with pytest.raises(alref.InputError, match="mine"):
                pipeline.run(VIDEO, [make_box(id="mine"), make_box(id="mine")])


class TestPipeline:
    def test_it_takes_a_preset_and_settings(self) -> None:
        with alref.Pipeline() as default, alref.Pipeline("cpu", device="cpu") as other:
            assert default.config.run.device == "auto"
            assert other.config.run.device == "cpu"
            assert default.run(VIDEO, [make_box()]).masks().any()
        with pytest.raises(alref.ConfigError, match="'baseline'"):
            alref.Pipeline(preset="baselin")
        with pytest.raises(alref.ConfigError, match="'device'"):
            alref.Pipeline(devices="cpu")

    def test_it_is_made_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "mine.yaml").write_text("device: cpu\nvideo: {every: 2}\n")
        with alref.Pipeline.from_yaml(tmp_path / "mine.yaml", video={"every": 3}) as pipeline:
            assert (pipeline.config.run.device, pipeline.config.video.every) == ("cpu", 3)


class TestComponents:
    def test_what_fills_a_slot_is_listed(self) -> None:
        found = {each.name: each for each in alref.components("propagator")}
        assert {"label-propagation", "sam2"} <= set(found)
        assert found["label-propagation"].package == "alref"
        assert found["label-propagation"].summary
        assert {each.name for each in alref.components("reasoner")} < {each.name for each in alref.components("temporal")}
        with pytest.raises(alref.InputError, match="'propagator'"):
            alref.components("propagater")

    @pytest.mark.parametrize("first", ["alref.Proposer", "alref.segment", "alref.Pipeline()", "alref.components"])
    def test_it_can_be_called_whatever_was_used_before(self, first: str) -> None:
        program = f"import alref; {first}; from alref.components.base import Stage; assert alref.components('proposer')"
        subprocess.run([sys.executable, "-c", program], check=True)


class TestPluginAuthors:
    def test_all_of_a_plugin_comes_from_alref(self, tmp_path: Path) -> None:
        (tmp_path / "center.py").write_text(
            inspect.cleandoc("""
            import alref

            class Center(alref.Proposer):
                '''Proposes the middle.'''
                name = "center"

                class Options(alref.StageOptions):
                    share: float = 0.5

                def propose(self, video, pivots):
                    box = [0, 0, self.options.share * video.width, video.height]
                    return [alref.Candidates(pivot=pivot, xyxy=[box], scores=[1.0]) for pivot in pivots]

            @alref.hookimpl
            def register_proposers():
                return [Center]
            """)
        )
        from alref.plugins.manager import PluginManager

        plugins = PluginManager(files=[tmp_path / "center.py"])
        with alref.Pipeline(plugins=plugins, proposer={"use": "center", "share": 0.25}) as pipeline:
            (candidates, *_) = pipeline.run(VIDEO, [alref.Reference(text="the red square")]).candidates
        assert candidates.xyxy[0].tolist() == [0, 0, 32, 96]

    def test_a_misspelt_hook_names_the_right_one(self, tmp_path: Path) -> None:
        from alref.plugins.manager import PluginManager

        (tmp_path / "center.py").write_text("import alref\n@alref.hookimpl\ndef register_proposer(): return []\n")
        with pytest.raises(alref.ConfigError, match="'register_proposers'"):
            PluginManager(files=[tmp_path / "center.py"])
