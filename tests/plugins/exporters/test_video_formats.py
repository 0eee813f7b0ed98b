"""ProRes, WebM, FFV1 and the redaction video, decoded by FFmpeg: alpha, color, times and audio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.video.reformatter import VideoReformatter

import alref
from alref.media.frame_rate import find_frame_rate
from support.clips import encode, number_of
from support.export_runs import NAMES, SIZE, draw_masks, make_result, save_run, save_run_of

MASKS = draw_masks(6)
UNION = np.any(MASKS, axis=0)
SUFFIXES = {"prores": ".mov", "webm": ".webm", "ffv1": ".mkv"}
BT709, LIMITED = 1, 1


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_run(tmp_path_factory.mktemp("run"))


def decode_rgba(path: Path) -> npt.NDArray[np.uint8]:
    """Decode all frames with alpha (T, H, W, 4); VP9 by libvpx-vp9, because FFmpeg's own decoder drops the alpha."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        if stream.codec_context.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            packets = list(file.demux(stream))
            frames = [frame for packet in packets for frame in decoder.decode(packet if packet.size else None)]
        else:
            frames = list(file.decode(stream))
        scaler = VideoReformatter()
        return np.stack([scaler.reformat(frame, format="rgba", threads=1).to_ndarray() for frame in frames])


@pytest.mark.parametrize("name", SUFFIXES)
def test_alpha_is_the_mask(run: Path, tmp_path: Path, name: str) -> None:
    folder = alref.export(run, name, tmp_path / name)
    (path,) = folder.iterdir()
    assert path.name == f"clip{SUFFIXES[name]}"
    frames = decode_rgba(path)
    assert frames.shape == (6, *SIZE, 4)
    alpha = frames[..., 3]
    if name == "webm":
        assert ((alpha > 127) == UNION).mean() > 0.99
    else:
        assert np.array_equal(alpha, UNION * np.uint8(255))


@pytest.mark.parametrize("name", SUFFIXES)
def test_the_color_inside_is_that_of_the_video(run: Path, tmp_path: Path, name: str) -> None:
    (path,) = alref.export(run, name, tmp_path / name).iterdir()
    frames, video = decode_rgba(path), alref.open_video(run.parent / "clip.mkv")
    inside = np.abs(frames[..., :3].astype(int) - np.stack(list(video)))[UNION]
    assert inside.mean() < {"prores": 2.5, "webm": 9, "ffv1": 1e-9}[name]


def test_ffv1_keeps_the_whole_frame_if_asked(run: Path, tmp_path: Path) -> None:
    (path,) = alref.export(run, "ffv1", tmp_path / "ffv1", background="keep").iterdir()
    assert [number_of(frame[..., :3]) for frame in decode_rgba(path)] == list(range(6))


@pytest.mark.parametrize("name", ["prores", "webm"])
def test_color_is_tagged_as_bt709_with_limited_range(run: Path, tmp_path: Path, name: str) -> None:
    (path,) = alref.export(run, name, tmp_path / name).iterdir()
    with av.open(str(path)) as file:
        context = file.streams.video[0].codec_context
        tags = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        assert tags == (BT709, BT709, BT709, LIMITED)
        assert context.pix_fmt.startswith({"prores": "yuva444p1", "webm": "yuv420p"}[name])
        if name == "prores":
            assert context.codec_tag == "ap4h"


def test_split_writes_a_file_for_each_object(run: Path, tmp_path: Path) -> None:
    folder = alref.export(run, "ffv1", tmp_path / "ffv1", split=True)
    paths = sorted(folder.iterdir())
    assert [path.name for path in paths] == ["1-the-dog.mkv", "2-a-b-c-犬-é.mkv", "3-the-other-dog.mkv", "4-a-unicorn.mkv"]
    assert len(NAMES) == 4
    for path, masks in zip(paths, MASKS, strict=True):
        assert np.array_equal(decode_rgba(path)[..., 3] > 0, masks)


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        (np.arange(300) * 1001 / 30000, Fraction(30000, 1001)),
        (np.arange(300) * 1001 / 24000, Fraction(24000, 1001)),
        (np.arange(9) / 25 + 7, Fraction(25)),
        (np.round(np.arange(200) * 1001 / 60000, 3), Fraction(60000, 1001)),
        (np.arange(100) * 4 * 1001 / 30000, Fraction(7500, 1001)),
        (np.arange(10) / 12.5, Fraction(25, 2)),
        (np.array([0, 0.1, 0.3, 0.4]), None),
        (np.array([3.0]), None),
    ],
    ids=["29.97", "23.976", "25", "59.94 in ms", "every fourth", "12.5", "uneven", "one frame"],
)
def test_the_frame_rate_is_an_exact_fraction(times: npt.NDArray[np.float64], rate: Fraction | None) -> None:
    assert find_frame_rate(times.tolist()) == rate


@pytest.mark.parametrize("name", [*SUFFIXES, "redaction"])
def test_the_rate_of_the_file_is_exact(tmp_path: Path, name: str) -> None:
    video = alref.ArrayVideo(np.zeros((40, 32, 48, 3), np.uint8), 30000 / 1001)
    result = make_result(video, [draw_masks(40, (32, 48))[1]])
    folder = alref.export(result, name, tmp_path / name, video=video)
    (path,) = [each for each in folder.iterdir() if each.suffix != ".json"]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        times = [float(frame.pts * stream.time_base) for frame in file.decode(stream)]
        if name in ("prores", "redaction"):
            assert stream.average_rate == Fraction(30000, 1001)
        assert times == pytest.approx(video.times.tolist(), abs=0.00051)


@pytest.mark.parametrize("name", [*SUFFIXES, "redaction"])
def test_uneven_times_are_kept(tmp_path: Path, name: str) -> None:
    video = alref.ArrayVideo(np.zeros((4, 32, 48, 3), np.uint8))
    video.times = np.array([2.0, 2.1, 2.7, 2.75])
    folder = alref.export(make_result(video, [draw_masks(4, (32, 48))[1]]), name, tmp_path / name, video=video)
    (path,) = [each for each in folder.iterdir() if each.suffix != ".json"]
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert [float(frame.pts * stream.time_base) for frame in file.decode(stream)] == pytest.approx(
            [0, 0.1, 0.7, 0.75], abs=0.001
        )


@pytest.mark.parametrize("name", [*SUFFIXES, "redaction"])
def test_odd_sizes_and_empty_runs_are_written(tmp_path: Path, name: str) -> None:
    video = alref.ArrayVideo(np.full((2, 33, 51, 3), 200, np.uint8))
    for masks in ([], [np.zeros((2, 33, 51), np.bool_)]):
        folder = alref.export(make_result(video, masks), name, tmp_path / f"{name}{len(masks)}", video=video)
        (path,) = [each for each in folder.iterdir() if each.suffix != ".json"]
        if name != "redaction":
            frames = decode_rgba(path)
            assert frames.shape == (2, 33, 51, 4)
            assert not frames[..., 3].any()


def make_tones(seconds: float, rate: int = 16000) -> npt.NDArray[np.float32]:
    """Return two channels: a low tone on the left, a high one on the right, both silent after half of the time."""
    time = np.arange(round(seconds * rate)) / rate
    loud = time < seconds / 2
    return np.stack([np.sin(time * 300) * loud, np.sin(time * 3000) * loud]).astype(np.float32) * np.float32(0.5)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounding")
    path = encode(folder / "clip.mkv", 50, sounds=[(make_tones(2.0), 0)])
    video = alref.open_video(path, start=0.4)
    return save_run_of(video, folder / "run", draw_masks(len(video)))


def read_channels(path: Path) -> tuple[float, int, npt.NDArray[np.float64]]:
    """Return the second at which the audio begins, its rate, and its samples (C, N)."""
    with av.open(str(path)) as file:
        frames = list(file.decode(audio=0))
        planes: Iterator[npt.NDArray[np.float64]] = (frame.to_ndarray().astype(np.float64) for frame in frames)
        whole = [each if each.shape[0] == 2 else each.reshape(-1, 2).T for each in planes]
        return float(frames[0].time or 0), frames[0].sample_rate, np.concatenate(whole, axis=1)


@pytest.mark.parametrize("name", [*SUFFIXES, "redaction"])
def test_audio_is_kept_in_stereo_and_in_time(sounding: Path, tmp_path: Path, name: str) -> None:
    folder = alref.export(sounding, name, tmp_path / name)
    (path,) = [each for each in folder.iterdir() if each.suffix != ".json"]
    start, rate, samples = read_channels(path)
    assert abs(start) < 0.05
    assert samples.shape[1] / rate == pytest.approx(1.6, abs=0.08)
    loud = np.abs(samples / np.abs(samples).max()) > 0.2
    for channel in loud:
        ends = np.flatnonzero(channel) / rate + start
        assert ends[0] < 0.06
        assert ends[-1] == pytest.approx(0.6, abs=0.05)
    changes = [np.abs(np.diff(np.sign(channel[: rate // 2]))).sum() for channel in samples]
    assert changes[1] > 5 * changes[0]
    silent = alref.export(sounding, name, tmp_path / "silent", audio=False)
    (path,) = [each for each in silent.iterdir() if each.suffix != ".json"]
    with av.open(str(path)) as file:
        assert not file.streams.audio


def read_redaction(run: Path, folder: Path, **options: object) -> npt.NDArray[np.uint8]:
    return np.stack(list(alref.open_video(alref.export(run, "redaction", folder, **options) / "video.mp4")))


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a run of noise in squares of 4 pixels, whose second object is gone for two frames."""
    folder = tmp_path_factory.mktemp("noisy")
    noise = np.random.default_rng(2).integers(0, 256, (6, 12, 16, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    (folder / "frames").mkdir()
    from PIL import Image

    for index, frame in enumerate(noise):
        Image.fromarray(frame).save(folder / f"frames/{index}.png")
    masks = [each.copy() for each in MASKS]
    masks[1][2:4] = False
    return save_run_of(alref.open_video(folder / "frames"), folder / "run", masks[:2])


@pytest.mark.parametrize("effect", ["blur", "pixelate", "fill"])
@pytest.mark.parametrize("cover", ["inside", "outside"])
def test_what_is_covered_is_gone_and_the_rest_is_there(noisy: Path, tmp_path: Path, effect: str, cover: str) -> None:
    frames = read_redaction(noisy, tmp_path / "out", effect=effect, cover=cover, margin=0, strength=16).astype(int)
    original = np.stack(list(alref.open_video(noisy.parent / "frames"))).astype(int)
    union = np.any([MASKS[0], MASKS[1] & ~np.isin(np.arange(6), [2, 3])[:, None, None]], axis=0)
    covered = union if cover == "inside" else ~union
    changed = np.abs(frames - original).mean(axis=-1)
    assert changed[covered].mean() > 40
    assert changed[~covered].mean() < 25
    inside, before = frames[covered].std(axis=0).mean(), original[covered].std(axis=0).mean()
    assert inside < 0.6 * before


def test_a_margin_covers_more(noisy: Path, tmp_path: Path) -> None:
    shares = []
    for margin in (0, 5):
        folder = alref.export(noisy, "redaction", tmp_path / str(margin), margin=margin)
        shares.append(json.loads((folder / "coverage.json").read_text())["covered_share"])
    assert all(one < other for one, other in zip(*shares, strict=True))


def test_the_report_names_the_frames_to_check(noisy: Path, tmp_path: Path) -> None:
    folder = alref.export(noisy, "redaction", tmp_path / "out", margin=0)
    report = json.loads((folder / "coverage.json").read_text())
    assert report["frames"] == report["frames_covered"] == 6
    assert report["frames_to_check"] == [2, 3]
    assert report["objects"][1]["present"] == [[0, 1], [4, 5]]
    assert report["objects"][1]["gaps"] == [[2, 3]]
    assert report["covered_share"][0] == pytest.approx(np.any([MASKS[0][0], MASKS[1][0]], axis=0).mean(), abs=1e-6)
