from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertModel, GroundingDinoForObjectDetection
from transformers.models.swin.modeling_swin import SwinBackbone

from alref.errors import ConfigError
from alref.pipeline.engine import Pipeline
from alref.plugins.manager import PluginManager
from alref.records import Candidates, Reference
from alref.testing import ArrayVideo, ProposerContract, make_moving_square
from alref.testing.diff import find_difference
from alref_groundingdino import GroundingDino, LLMDet, MMGroundingDino, OpenVocabularyProposer, Owlv2, _runtime
from support.detectors import EVERYTHING, Counted, boxes, component, loaded, noise, pivot, plain, ready
from support.scripted import Script
from support.tiny_detectors import WORDS, grounding_dino, mm_grounding_dino, owlv2

VIDEO = ArrayVideo(noise())
PHRASES = ("dog", "the red square that barks", "a man near the guitar, playing")
ASKED = [pivot(frame, text) for text in PHRASES for frame in (2, 0)]
pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[type[OpenVocabularyProposer], Path]:
    """Save one tiny model of each build."""
    place = tmp_path_factory.mktemp("detectors")
    mm = mm_grounding_dino(place / "mm")
    return {GroundingDino: grounding_dino(place / "dino"), MMGroundingDino: mm, LLMDet: mm, Owlv2: owlv2(place / "owl")}


@pytest.fixture
def dino(folders: dict[type[OpenVocabularyProposer], Path]) -> Path:
    return folders[GroundingDino]


@pytest.fixture(scope="class")
def _loaded_once() -> Iterator[None]:
    """Load each model once, since loading takes longer than asking."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_runtime, "load_detector", cache(_runtime.load_detector))
        yield


@pytest.mark.usefixtures("_loaded_once")
class DetectorContract(ProposerContract):
    cls: type[OpenVocabularyProposer]

    @pytest.fixture(autouse=True)
    def _folder(self, folders: dict[type[OpenVocabularyProposer], Path]) -> None:
        self.folder = folders[self.cls]

    def make_component(self) -> OpenVocabularyProposer:
        return component(self.folder, self.cls, box_threshold=0.0)


class TestGroundingDino(DetectorContract):
    cls = GroundingDino


class TestMMGroundingDino(DetectorContract):
    cls = MMGroundingDino


class TestLLMDet(DetectorContract):
    cls = LLMDet


class TestOwlv2(DetectorContract):
    cls = Owlv2


@pytest.mark.parametrize("cls", [GroundingDino, MMGroundingDino, Owlv2])
def test_the_best_boxes_have_a_threshold_of_their_own(
    cls: type[OpenVocabularyProposer], folders: dict[type[OpenVocabularyProposer], Path]
) -> None:
    proposer = ready(folders[cls], cls, box_threshold=0.99, fallback_threshold=0.0, top_k=2)
    asked = [pivot(0, "dog")]
    assert [len(each) for each in proposer.propose(VIDEO, asked)] == [0]
    assert [len(each) for each in proposer.propose_best(VIDEO, asked)] == [2]


@pytest.mark.parametrize("cls", [GroundingDino, MMGroundingDino, Owlv2])
@pytest.mark.parametrize("batch", [1, 5])
def test_batches_give_what_the_library_gives_to_each_picture_and_prompt(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer], batch: int
) -> None:
    proposer = ready(folders[cls], cls, batch_size=batch, **EVERYTHING)
    for asked, found in zip(ASKED, proposer.propose(VIDEO, ASKED), strict=True):
        assert found.pivot == asked
        expected, scores = plain(folders[cls], VIDEO.read_frame(asked.frame), asked.phrase.text)
        np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.xyxy / 128, expected / 128, rtol=0, atol=1e-5)
        assert len(found) > 5


def test_prompts_that_were_read_before_give_the_same(dino: Path) -> None:
    proposer = ready(dino, **EVERYTHING)
    first, again = (proposer.propose(VIDEO, ASKED) for _ in range(2))
    anew = loaded(dino, **EVERYTHING).propose(VIDEO, ASKED[::-1])[::-1]
    for one, other in zip(first * 2, again + anew, strict=True):
        assert find_difference([other], [one]) == ""


def test_a_frame_is_read_and_seen_once_and_a_prompt_is_read_once(dino: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, read = [], []
    monkeypatch.setattr(SwinBackbone, "forward", counting(SwinBackbone.forward, seen))
    monkeypatch.setattr(BertModel, "forward", counting(BertModel.forward, read))
    proposer, video = loaded(dino, batch_size=3), Counted(VIDEO)
    proposer.propose(video, ASKED)
    assert video.read == [0, 2]
    assert (sum(seen), sum(read)) == (2, 3)
    proposer.propose(video, ASKED)
    assert (sum(seen), sum(read)) == (4, 3)


def counting(forward: Callable[..., Any], counts: list[int]) -> Callable[..., Any]:
    """Wrap a forward pass so that the size of each batch is kept."""

    def counted(self: Any, first: torch.Tensor, *others: Any, **settings: Any) -> Any:
        counts.append(len(first))
        return forward(self, first, *others, **settings)

    return counted


def test_what_two_references_ask_alike_is_asked_once(dino: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    compare = GroundingDinoForObjectDetection.forward

    def compared(self: Any, **given: Any) -> Any:
        sizes.append(len(given["input_ids"]))
        return compare(self, **given)

    monkeypatch.setattr(GroundingDinoForObjectDetection, "forward", compared)
    asked = [pivot(0, "the red dog", "dog"), pivot(0, "the dog that barks", "dog"), pivot(1, "a cat")]
    found = ready(dino, batch_size=8, box_threshold=0.0).propose(VIDEO, asked)
    assert sizes == [2]
    assert [each.pivot for each in found] == asked
    np.testing.assert_allclose(found[0].xyxy, found[1].xyxy, atol=1e-3)


@pytest.mark.parametrize("cls", [GroundingDino, MMGroundingDino, Owlv2])
def test_phrases_on_one_frame_are_kept_apart(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer]
) -> None:
    proposer = ready(folders[cls], cls, batch_size=8, **EVERYTHING)
    together = proposer.propose(VIDEO, [pivot(0, text) for text in PHRASES])
    for text, found in zip(PHRASES, together, strict=True):
        alone = proposer.propose(VIDEO, [pivot(0, text)])[0]
        np.testing.assert_allclose(found.scores, alone.scores, atol=1e-5)
        assert found.labels == alone.labels
        assert all(set(label.split()) <= set(text.split()) for label in found.labels)
    assert len({tuple(found.scores) for found in together}) == len(PHRASES)


def test_a_box_is_labeled_with_the_words_that_it_answers_to(dino: Path) -> None:
    text = "The red squares near a guitar, playing"
    labels = {threshold: labeled(dino, text, threshold) for threshold in (0.0, 0.5, 0.999)}
    assert set(labels[0.0]) == set(labels[0.999]) == {text}
    assert len(set(labels[0.5])) > 3
    words = text.split()
    for label in labels[0.5]:
        places = [words.index(word) for word in label.split()]
        assert places == sorted(set(places))


def labeled(folder: Path, text: str, threshold: float) -> tuple[str, ...]:
    (found,) = ready(folder, text_threshold=threshold, **EVERYTHING).propose(VIDEO, [pivot(0, text)])
    return found.labels


def test_a_category_or_the_whole_expression_is_asked_for(dino: Path) -> None:
    named, unnamed = pivot(0, "the dog that barks", "dog"), pivot(0, "the dog that barks")
    by_category, by_text = ready(dino, **EVERYTHING).propose(VIDEO, [named, unnamed])
    assert set(by_category.labels) == {"dog"}
    (expression,) = ready(dino, prompt="expression", **EVERYTHING).propose(VIDEO, [named])
    assert boxes_equal(expression, by_text)
    assert not boxes_equal(expression, by_category)


def boxes_equal(one: Candidates, other: Candidates) -> bool:
    return len(one) == len(other) and all(np.allclose(*pair, atol=1e-3) for pair in zip(boxes(one), boxes(other), strict=True))


@pytest.mark.parametrize("spelled", ["the dog.", " the  dog\n", "The Dog", "the dog..."])
def test_the_same_words_are_the_same_prompt(dino: Path, spelled: str) -> None:
    asked = [pivot(0, "the dog"), pivot(0, spelled)]
    one, other = ready(dino, **EVERYTHING).propose(VIDEO, asked)
    assert boxes_equal(one, other)


@pytest.mark.parametrize("text", [".", "[SEP] [PAD] dog", "\u200b", "犬", "dog " * 300])
@pytest.mark.parametrize("cls", [GroundingDino, Owlv2])
def test_any_text_can_be_asked_for(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer], text: str
) -> None:
    proposer = ready(folders[cls], cls, batch_size=2, **EVERYTHING)
    alone = proposer.propose(VIDEO, [pivot(0, "the dog")])[0]
    found, beside = proposer.propose(VIDEO, [pivot(0, text), pivot(0, "the dog")])
    assert np.isfinite(found.scores).all()
    np.testing.assert_allclose(beside.scores, alone.scores, atol=1e-5)


def test_an_expression_too_long_for_the_model_is_cut_off(tmp_path: Path) -> None:
    proposer = loaded(grounding_dino(tmp_path, text=16), **EVERYTHING)
    longest = " ".join(["dog"] * 13)
    asked = [pivot(0, longest), pivot(0, f"{longest} near the cat"), pivot(0, "dog")]
    whole, cut, short = proposer.propose(VIDEO, asked)
    assert boxes_equal(whole, cut)
    assert not boxes_equal(whole, short)


@pytest.mark.parametrize("cls", [GroundingDino, Owlv2])
def test_boxes_under_the_threshold_are_dropped_down_to_none(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer]
) -> None:
    whole = asked_one(folders[cls], cls)
    between = float(whole.scores[4] + whole.scores[5]) / 2
    some = asked_one(folders[cls], cls, box_threshold=between)
    assert (len(some), len(some.labels)) == (5, 5)
    np.testing.assert_allclose(some.xyxy, whole.xyxy[:5], atol=1e-3)
    none = asked_one(folders[cls], cls, box_threshold=0.99999)
    assert (none.xyxy.shape, none.scores.shape, none.labels) == ((0, 4), (0,), ())


def asked_one(folder: Path, cls: type[OpenVocabularyProposer] = GroundingDino, **given: Any) -> Candidates:
    (found,) = ready(folder, cls, **{**EVERYTHING, **given}).propose(VIDEO, [pivot(0, "the red square")])
    return found


def test_the_published_settings_keep_three_boxes(dino: Path) -> None:
    options = GroundingDino.Options()
    assert (options.box_threshold, options.text_threshold, options.top_k, options.nms_threshold) == (0.25, 0.25, 3, None)
    (found,) = ready(dino).propose(VIDEO, [pivot(0, "dog")])
    np.testing.assert_allclose(found.xyxy, asked_dog(dino).xyxy[:3], atol=1e-3)


def asked_dog(folder: Path) -> Candidates:
    return ready(folder, **EVERYTHING).propose(VIDEO, [pivot(0, "dog")])[0]


def test_a_pivot_without_a_frame_has_no_boxes(dino: Path) -> None:
    nowhere, somewhere = ready(dino, **EVERYTHING).propose(VIDEO, [pivot(None, "dog"), pivot(0, "dog")])
    assert (len(nowhere), len(somewhere) > 0) == (0, True)


def test_pictures_are_made_as_small_as_is_asked_for(dino: Path) -> None:
    found = asked_one(dino, max_size=72)
    expected, scores = plain(dino, VIDEO.read_frame(0), "the red square", shortest_edge=64, longest_edge=72)
    np.testing.assert_allclose(found.scores, scores, atol=1e-5)
    np.testing.assert_allclose(found.xyxy / 128, expected / 128, atol=1e-5)
    assert not np.allclose(found.scores[:5], asked_one(dino).scores[:5], atol=1e-3)


def test_images_too_small_for_the_model_are_an_error(dino: Path) -> None:
    with pytest.raises(ConfigError, match=r"\b18\b.*\b30\b.*-o proposer\.max_size"):
        asked_one(dino, max_size=32)


@pytest.mark.parametrize("cls", [GroundingDino, Owlv2])
def test_less_precise_numbers_give_nearly_the_same_scores(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer]
) -> None:
    full, half = (asked_one(folders[cls], cls, dtype=dtype).scores[:5] for dtype in ("float32", "bfloat16"))
    assert 0 < np.abs(full - half).max() < 0.1


@pytest.mark.parametrize("cls", [GroundingDino, Owlv2])
def test_converted_weights_give_what_autocast_gives(
    folders: dict[type[OpenVocabularyProposer], Path], cls: type[OpenVocabularyProposer], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted = asked_one(folders[cls], cls, dtype="bfloat16")
    monkeypatch.setattr("alref.models.devices.convert_weights", lambda model, dtype: None)
    assert (asked_one(folders[cls], cls, dtype="bfloat16").scores == converted.scores).all()


def test_a_closed_detector_is_gone(dino: Path) -> None:
    proposer = loaded(dino)
    proposer.propose(VIDEO, ASKED[:1])
    model = weakref.ref(proposer.model._model)  # type: ignore[union-attr]
    proposer.close()
    assert model() is None


def test_it_proposes_in_a_pipeline(dino: Path) -> None:
    script = Script()
    plugins = PluginManager([EntryPoint("groundingdino", "alref_groundingdino", "alref"), *script.entries])
    settings: dict[str, Any] = dict.fromkeys(("unifier", "reasoner", "propagator"), "scripted")
    settings |= {"proposer": {"use": "grounding-dino", "model": str(dino), "box_threshold": 0.0}, "device": "cpu"}
    with Pipeline(plugins=plugins, **settings) as pipeline:
        result = pipeline.run(make_moving_square()[0], [Reference(id="1", text="the red square")])
    (found,) = result.candidates
    assert len(found) == 3
    assert set(found.labels[0].split()) <= {"the", "red", "square"}
    assert result.verdicts[0].finding == "found"


def test_the_words_of_the_tests_are_words_of_the_tiny_models() -> None:
    assert {word.rstrip(",") for text in PHRASES for word in text.split()} <= {*WORDS, "barks", "playing"}
