"""Both trackers of SAM 3 by the contract kit; the hosted one with a service that sees what is bright in the uploaded video."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("openai")
pytest.importorskip("meta_sam_parser")

import av

from alref.components.base import Tracker
from alref.errors import MissingError
from alref.pipeline.engine import Pipeline
from alref.records import Reference
from alref.testing import ArrayVideo, TrackerContract, make_moving_square
from alref.testing.tracker import find_bright_pixels
from alref.utils.masks import Mask
from alref_sam3 import Sam3, Sam3Api, Sam3ApiOptions, Sam3Options
from support.fake_hub import FakeHub
from support.sam3_server import KEY, format_records, serve_sam3
from support.tiny_sam3 import save_sam3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sam3(tmp_path_factory.mktemp("sam3"))


class TestSam3(TrackerContract):
    long_video_length = 48
    """2,000 frames take more than ten minutes."""

    @pytest.fixture(autouse=True)
    def _folder(self, folder: Path) -> None:
        self.folder = folder

    def make_component(self) -> Tracker:
        return Sam3(Sam3Options(model=str(self.folder)), "cpu")

    def make_video(self) -> tuple[ArrayVideo, Mask]:
        return make_moving_square(4)


class TestSam3Api(TrackerContract):
    long_video_length = 60
    """The masks of 2,000 frames are decoded for minutes."""

    @pytest.fixture(autouse=True)
    def _service(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("MODEL_API_KEY", KEY)
        monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *places, **more: None)

        def answer(text: str) -> list[str]:
            with av.open(io.BytesIO(service.uploads[-1])) as file:
                seen = [find_bright_pixels(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
            return format_records({4: dict(enumerate(seen))})

        with serve_sam3(answer) as service:
            self.service, self.store = service, tmp_path / "answers.sqlite"
            yield

    def make_component(self) -> Tracker:
        return Sam3Api(Sam3ApiOptions(base_url=self.service.base_url, answers=self.store))

    def make_video(self) -> tuple[ArrayVideo, Mask]:
        return make_moving_square(4)

    def test_takes_4k_frames(self) -> None:
        pytest.skip("the masks of large frames are decoded for minutes")

    def test_memory_stays_flat_over_a_long_video(self) -> None:
        pytest.skip("an answer is one text, and the masks of large frames are decoded for minutes")


def test_sixteen_expressions_of_one_noun_cost_one_tracking(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    track = Sam3.track

    def count(self: Sam3, video: Any, nouns: list[str]) -> Any:
        asked.append(nouns)
        return track(self, video, nouns)

    monkeypatch.setattr(Sam3, "track", count)
    colors = ["red", "green", "blue", "white", "black", "gray", "brown", "pink"]
    texts = [f"the {color} {noun}" for color in colors for noun in ("dog", "dog on the left")]
    references = [Reference(id=str(number), text=text) for number, text in enumerate(texts)]
    video = make_moving_square(3)[0]
    with Pipeline("tracks-baseline", tracker={"use": "sam3", "model": str(folder)}) as pipeline:
        result = pipeline.run(video, references)
    assert len(result.verdicts) == 16
    assert [nouns for nouns in asked if "dog" in nouns] == [["dog"]]
    assert {track.noun for track in result.object_tracks} == {"dog"}


@pytest.mark.parametrize("closed", [True, False])
def test_gated_weights_say_how_to_get_access(hub: FakeHub, folder: Path, closed: bool) -> None:
    hub.hold("facebook/sam3", folder)
    hub.gated, hub.closed = True, closed
    component = Sam3(Sam3Options(), "cpu")
    if not closed:
        assert component.problems() == []
        component.load()
        return
    (problem,) = component.problems()
    assert "https://huggingface.co/facebook/sam3" in problem.describe()
    assert "HF_TOKEN" in problem.describe()
    with pytest.raises(MissingError, match="HF_TOKEN"):
        component.load()


def test_what_cannot_run_is_found_before_a_run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(path: Path, **options: Any) -> str:
        (problem,) = Sam3(Sam3Options(model=str(path), **options), "cpu").problems()
        return problem.describe()

    assert "multiple of 14" in find(folder, image_size=500)
    assert "504" in find(folder, image_size=500)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "C++ compiler" in find(folder, compile=True)
    copied = Path(shutil.copytree(folder, tmp_path / "copied"))
    settings = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**settings, "model_type": "sam2_video"}))
    assert "sam2_video" in find(copied)
    (copied / "tokenizer.json").unlink()
    assert "tokenizer.json" in find(copied)
