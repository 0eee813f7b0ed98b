"""The tagger beats: the published network, checkpoints, windows and unions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from support.clips import encode
from support.fake_hub import disable_hub

pytest.importorskip("torch")

import torch

from alref.audio import audioset
from alref.cli import run_command
from alref.errors import AlrefError, ConfigError
from alref.media.reader import open_video
from alref.media.video import Video
from alref.records import Audio, Phrase, Reference
from alref.testing import ArrayVideo, TaggerContract
from alref_beats import NAME, SHA256, SIZE, Beats, BeatsOptions
from alref_beats._checkpoint import load_network
from alref_beats._network import BeatsConfig
from alref_beats._network import BeatsNetwork as Network
from alref_beats.spectrogram import SAMPLE_RATE, compute_spectrogram
from alref_beats.tag_scores import TagScores
from support.tiny_beats import CONFIG, LABELS, contents, save, scattered

GOLDEN = Path(__file__).parents[1] / "data" / "beats_golden.npz"
SOUND = Reference(id="1", sound=True)
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("beats") / "tiny.pt", contents())


def tagged(video: Video, *paths: Path, **options: Any) -> list[Phrase]:
    component = Beats(BeatsOptions(checkpoints=tuple(map(str, paths)), **options), "cpu")
    assert component.problems() == []
    component.load()
    try:
        return component.tag(video, SOUND)
    finally:
        component.close()


def noise(seconds: float, seed: int = 0, start: float = 0.0) -> ArrayVideo:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)
    sound = Audio(samples=samples, rate=SAMPLE_RATE, start=start)
    return ArrayVideo(np.zeros((max(1, round(seconds)), 8, 8, 3), np.uint8), fps=1.0, audio=sound)


class TestContract(TaggerContract):
    @pytest.fixture(autouse=True)
    def _checkpoint(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint

    def make_component(self) -> Beats:
        return Beats(BeatsOptions(checkpoints=(str(self.checkpoint),)), "cpu")


def golden() -> tuple[Network, Any]:
    kept = np.load(GOLDEN)
    made = Network(BeatsConfig.model_validate(json.loads(str(kept["config"]))))
    made.load_state_dict({name[7:]: torch.from_numpy(kept[name]) for name in kept.files if name.startswith("weight:")})
    return made.eval(), kept


def test_the_network_is_that_of_another_implementation() -> None:
    made, kept = golden()
    with torch.inference_mode():
        logits = made(torch.from_numpy(kept["spectrogram"]))
    np.testing.assert_allclose(logits.mean(1).sigmoid().numpy(), kept["scores"], atol=1e-5)
    features = torch.from_numpy(kept["features"])
    expected = made.predictor(features.unflatten(1, (-1, 8)).mean(2))
    np.testing.assert_allclose(logits.numpy(), expected.detach().numpy(), atol=1e-4)


def test_the_spectrogram_is_that_of_another_implementation() -> None:
    made, kept = golden()
    seen = np.stack([compute_spectrogram(sound) for sound in kept["samples"].astype(np.float32) / 2**15])
    np.testing.assert_allclose(seen, kept["spectrogram"], atol=1e-3)
    with torch.inference_mode():
        scores = made(torch.from_numpy(seen)).mean(1).sigmoid()
    np.testing.assert_allclose(scores.numpy(), kept["scores"], atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_published_size_is_that_of_another_implementation() -> None:
    """Runs where SpeechBrain can be imported; 12 layers of 768, on 10 seconds."""
    with warnings.catch_warnings(action="ignore"):
        other = pytest.importorskip("speechbrain.lobes.models.beats", exc_type=ImportError)
    shape = {"deep_norm": True, "relative_position_embedding": True, "gru_rel_pos": True, "max_distance": 800}
    config = shape | {"finetuned_model": True, "predictor_class": 527}
    mine = scattered(config)
    described = other.BEATsConfig(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(other, "BEATsConfig", lambda cfg: described)
        theirs = other.BEATs()
    theirs.load_state_dict(mine.state_dict())
    samples = np.random.default_rng(0).normal(0, 0.1, (1, 160_000)).astype(np.float32)
    with torch.inference_mode():
        _, scores, _ = theirs.extract_features(torch.from_numpy(samples), torch.ones(1))
        logits = mine(torch.from_numpy(compute_spectrogram(samples[0])[None]))
    np.testing.assert_allclose(logits.mean(1).sigmoid().numpy(), scores.numpy(), atol=1e-4)


def test_a_short_clip_is_heard_whole_as_published(checkpoint: Path) -> None:
    video = noise(7.3)
    made, labels = load_network(checkpoint)
    audio = video.read_audio(SAMPLE_RATE)
    assert audio is not None
    with torch.inference_mode():
        scores = made(torch.from_numpy(compute_spectrogram(audio.samples))[None])[0].mean(0).sigmoid().numpy()
    scores[labels.index(audioset.SILENCE_ID)] = 0
    best = np.argsort(-scores)[:5]
    tags = tagged(video, checkpoint)
    assert [tag.text for tag in tags] == [audioset.load_class_names()[labels[each]] for each in best]
    assert [tag.score for tag in tags] == pytest.approx(scores[best].tolist(), abs=1e-6)


def test_a_long_clip_is_heard_in_windows_of_which_the_surest_counts(checkpoint: Path) -> None:
    video = noise(5.0)
    audio = video.read_audio(SAMPLE_RATE)
    assert audio is not None
    best: dict[str, float] = {}
    for first in (0, 1.5, 3.0):
        part = audio.samples[round(first * SAMPLE_RATE) : round((first + 2) * SAMPLE_RATE)]
        tags = tagged(
            ArrayVideo(np.zeros((2, 8, 8, 3), np.uint8), audio=Audio(samples=part, rate=SAMPLE_RATE)), checkpoint, top_k=11
        )
        best = {tag.text: max(tag.score, best.get(tag.text, 0)) for tag in tags}
    for batch in (1, 2, 8):
        tags = tagged(video, checkpoint, window=2.0, hop=1.5, batch_size=batch, top_k=11)
        assert {tag.text: tag.score for tag in tags} == pytest.approx(best, abs=1e-5)


def test_outputs_may_name_classes_in_any_order(tmp_path: Path, checkpoint: Path) -> None:
    shuffled = contents()
    order = np.random.default_rng(0).permutation(len(LABELS)).tolist()
    for name in ("predictor.weight", "predictor.bias"):
        shuffled["model"][name] = shuffled["model"][name][order]
    shuffled["label_dict"] = {place: LABELS[output] for place, output in enumerate(order)}
    assert tagged(noise(1), save(tmp_path / "other.pt", shuffled)) == tagged(noise(1), checkpoint)


def test_silence_is_no_tag(tmp_path: Path) -> None:
    sure = contents()
    sure["model"]["predictor.bias"][LABELS.index(audioset.SILENCE_ID)] = 50.0
    tags = tagged(noise(1), save(tmp_path / "sure.pt", sure), top_k=12)
    assert len(tags) == 11
    assert "Silence" not in {tag.text for tag in tags}


def test_tags_of_two_checkpoints_are_united_in_any_order_of_the_two(tmp_path: Path, checkpoint: Path) -> None:
    other = save(tmp_path / "other.pt", contents(seed=3))
    first, second = tagged(noise(2), checkpoint, top_k=3), tagged(noise(2), other, top_k=3)
    both = tagged(noise(2), checkpoint, other, top_k=3)
    assert both == tagged(noise(2), other, checkpoint, top_k=3)
    assert {tag.text for tag in both} == {tag.text for tag in first + second}
    assert len(both) > 3
    alone = {tag.text: tag.score for tag in tagged(noise(2), checkpoint, top_k=11)}
    too = {tag.text: tag.score for tag in tagged(noise(2), other, top_k=11)}
    for tag in both:
        assert tag.score == pytest.approx(max(alone[tag.text], too[tag.text]), abs=1e-6)


def test_a_threshold_leaves_out_what_is_not_sure(checkpoint: Path) -> None:
    all_of_them = tagged(noise(1), checkpoint, top_k=11)
    least = all_of_them[3].score
    assert tagged(noise(1), checkpoint, top_k=11, threshold=least) == all_of_them[:4]
    assert tagged(noise(1), checkpoint, threshold=1.0) == []


def logits(*seconds: float) -> Floats:
    """Return logits (1, 10 steps for each second, 2): class 0 as given for each second, class 1 always the same."""
    return np.stack([np.repeat(np.array(seconds, np.float32), 10), np.full(10 * len(seconds), 1.0, np.float32)], axis=1)[None]


def test_a_tag_is_heard_in_the_seconds_in_which_it_is_about_as_sure_as_ever() -> None:
    tally = TagScores(0.1)
    tally.add_window((0.0, 4.0), logits(-4, 2, 1.5, -4))
    assert tally.find_active_spans(0, 0.5) == ((1, 3),)
    assert tally.find_active_spans(0, 1.0) == ((1, 2),)
    assert tally.find_active_spans(1, 0.5) == ((0, 4),)
    tally.add_window((2.0, 5.5), logits(-4, -4, 2, 2)[:, :35])
    assert tally.find_active_spans(0, 0.5) == ((1, 3), (4, 5.5))
    assert tally.rank_classes(1, 0.0, None)[0][0] == 1


def test_spans_stay_within_the_sound(checkpoint: Path) -> None:
    [early] = tagged(noise(0.01), checkpoint, top_k=1)
    assert early.heard == ((0.0, 0.01),)
    [late] = tagged(noise(0.01, start=0.98), checkpoint, top_k=1)
    assert late.heard == (pytest.approx((0.98, 0.99)),)
    [middle] = tagged(noise(3.5, start=1.25), checkpoint, top_k=1, relative_threshold=0.01)
    assert middle.heard == (pytest.approx((1.25, 4.75)),)
    assert tagged(noise(1), checkpoint, top_k=1, relative_threshold=None)[0].heard is None


def test_lower_precision_hears_about_the_same(checkpoint: Path) -> None:
    exact = {tag.text: tag.score for tag in tagged(noise(2), checkpoint, top_k=11)}
    rough = {tag.text: tag.score for tag in tagged(noise(2), checkpoint, top_k=11, dtype="bfloat16")}
    assert rough != exact
    assert rough == pytest.approx(exact, abs=0.15)


def test_surround_sound_with_values_that_are_no_numbers_is_heard(tmp_path: Path, checkpoint: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (6, 2 * SAMPLE_RATE)).astype(np.float32)
    samples[2, 50:70] = np.nan
    video = open_video(encode(tmp_path / "clip.mov", 50, sounds=[(samples, 0)]))
    tags = tagged(video, checkpoint)
    assert len(tags) == 5
    assert tagged(open_video(encode(tmp_path / "mute.mp4", 5)), checkpoint) == []


def changed(**parts: Any) -> Callable[[Path], Path]:
    return lambda path: save(path, contents() | parts)


def without(part: str) -> Callable[[Path], Path]:
    return lambda path: save(path, {name: value for name, value in contents().items() if name != part})


def cut_off(path: Path) -> Path:
    whole = save(path, contents()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def text(path: Path) -> Path:
    path.write_text("not weights at all")
    return path


def pickled_code(path: Path) -> Path:
    return save(path, {"cfg": Path("x"), "model": {}})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            without("model"),
            r"bad\.pt: expected a BEATs checkpoint fine-tuned on AudioSet, got a file without 'cfg'",
        ),
        (lambda path: save(path, [1, 2]), "got a file without 'cfg' and 'model'"),
        (changed(cfg=CONFIG | {"finetuned_model": False}), "is pre-trained only and names no sounds; take the one fine-tuned"),
        (changed(cfg={"encoder_layers": 2}), "its network is of another kind than BEATs: relative_position_embedding"),
        (changed(cfg=CONFIG | {"layer_norm_first": True}), "of another kind than BEATs: layer_norm_first"),
        (without("label_dict"), "expected 'label_dict' with names of 12 outputs, got 0"),
        (changed(label_dict={0: "/m/09x0r"}), "expected 'label_dict' with names of 12 outputs, got 1"),
        (changed(cfg=CONFIG | {"encoder_layers": 3}), "its weights do not fit its own description: .*encoder.layers.2"),
        (cut_off, r"bad\.pt is cut off"),
        (text, r"bad\.pt: cannot be read as a BEATs checkpoint fine-tuned on AudioSet"),
        (pickled_code, r"bad\.pt: cannot be read as a BEATs checkpoint"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_one_clear_error(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    component = Beats(BeatsOptions(checkpoints=(str(make(tmp_path / "bad.pt")),)), "cpu")
    with pytest.raises(AlrefError, match=message) as caught:
        component.load()
    assert len(str(caught.value)) < 400
    if "do not fit" not in message:
        [problem] = component.problems()
        assert str(caught.value) in str(problem) or problem.message in str(caught.value)


def test_checkpoints_that_name_other_sounds_are_not_united(tmp_path: Path, checkpoint: Path) -> None:
    other = save(tmp_path / "other.pt", contents(labels=LABELS[2:]))
    with pytest.raises(ConfigError, match=r"other\.pt: .*tiny\.pt"):
        Beats(BeatsOptions(checkpoints=(str(checkpoint), str(other))), "cpu").load()


def test_what_is_not_there_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disable_hub(monkeypatch, tmp_path)
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    weights = tmp_path / "home" / "weights"
    for name, folder in {str(tmp_path / "gone.pt"): tmp_path, "as20k": weights}.items():
        gone = Beats(BeatsOptions(checkpoints=("as2m", name)), "cpu")
        [_, problem] = gone.problems()
        assert Path(name).stem in problem.message.lower()
        assert "https://github.com/microsoft/unilm/tree/master/beats" in problem.hint
        assert str(folder) in problem.hint
        assert (problem.option, problem.value) == ("checkpoints", "FILE")
    default = Beats(BeatsOptions(), "cpu")
    [problem] = default.problems()
    assert (problem.option, problem.value) == ("checkpoints", "FILE")
    [weights] = default.weights()
    assert (weights.get_info().size, weights.license, weights.sha256[NAME]) == (SIZE, "MIT", SHA256[NAME])


def test_a_published_name_vouches_for_the_published_content(tmp_path: Path) -> None:
    for name in SHA256:
        path = save(tmp_path / name, contents())
        [problem] = Beats(BeatsOptions(checkpoints=(str(path),)), "cpu").problems()
        assert f"{name} is another file than expected" in problem.message


def test_as20k_is_looked_for_in_the_folder_of_weights_not_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    name = "BEATs_iter3_plus_AS20K_finetuned_on_AS2M_cpt2.pt"
    monkeypatch.setattr("alref_beats.SHA256", {})
    [weights] = Beats(BeatsOptions(checkpoints=("as20k",)), "cpu").weights()
    save(tmp_path / name, contents())
    assert weights.find_complete_path() is None
    (tmp_path / "home" / "weights").mkdir(parents=True)
    kept = save(tmp_path / "home" / "weights" / name, contents())
    assert weights.find_complete_path() == kept


def test_pull_says_what_to_download_in_a_browser_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALREF_HOME", str(tmp_path / "home"))
    flags = ["--preset", "baseline", "--tagger", "beats", "-o", "tagger.checkpoints=as20k", "--sound"]
    assert run_command(["models", "pull", *flags]) == 5
    said = capsys.readouterr().err
    assert "BEATs_iter3_plus_AS20K_finetuned_on_AS2M_cpt2.pt from https://github.com/microsoft/unilm" in said
    assert str(tmp_path / "home" / "weights") in said


def test_one_checkpoint_needs_no_brackets() -> None:
    assert BeatsOptions.model_validate({"checkpoints": "a.pt"}).checkpoints == ("a.pt",)
    with pytest.raises(ValueError, match="checkpoints"):
        BeatsOptions.model_validate({"checkpoints": []})


def test_windows_may_not_leave_gaps() -> None:
    with pytest.raises(ValueError, match=r"hop: .*\b2\b.*\b3\b"):
        BeatsOptions(window=2.0, hop=3.0)
