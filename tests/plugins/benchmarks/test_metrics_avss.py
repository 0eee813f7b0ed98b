"""Per-class scores of AVSBench-semantic, padded or not, and its colors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import support.reference_metrics as plain
from alref.errors import InputError
from alref_benchmarks.metrics import get_metric
from alref_benchmarks.metrics.avss import AvssPaddedMetric, AvssUnpaddedMetric
from alref_benchmarks.metrics.palette import CLASSES, PALETTE, convert_colors_to_labels, convert_labels_to_colors
from support.metric_samples import GOLDEN, Array, numbers_of, official, one, small, table_of

NAMES = {
    "mIoU": "miou",
    "mIoU-noBg-published": "miou_noBg_official",
    "mIoU-noBg": "miou_true_noBg",
    "mIoU-seen": "miou_over_present",
    "F": "fscore",
    "F-noBg-published": "fscore_noBg_official",
}


@pytest.mark.parametrize(
    ("way", "padded", "name"),
    [(AvssPaddedMetric(48, 1), True, "official_padded_10"), (AvssUnpaddedMetric(48), False, "real_frames_only")],
)
def test_official_scores(way: Any, padded: bool, name: str) -> None:
    expected = official("avss_scores.json")[name]
    with np.load(GOLDEN / "avss.npz") as file:
        clips = list(zip(file["gt"], file["pred"], file["n_real"], strict=True))
    videos = [one(way, truth[:count], found if padded else found[:count]) for truth, found, count in clips]
    table = way.summarize_scores(videos)
    assert {NAMES[name]: table.metrics[name] for name in NAMES} == pytest.approx(
        {key: expected[key] for key in NAMES.values()}, abs=1e-9
    )
    for column, key in (("IoU", "per_class_iou"), ("F", "per_class_f"), ("frames", "per_class_count")):
        assert [group[column] for group in table.groups.values()] == pytest.approx(expected[key], abs=1e-9)


@pytest.mark.parametrize("way", [AvssPaddedMetric(24), AvssUnpaddedMetric(24)])
def test_small_cases(way: AvssUnpaddedMetric) -> None:
    masks, expected = small()
    videos = [one(way, masks[f"avss-{number}-truth"], masks[f"avss-{number}-predicted"]) for number in range(3)]
    table = way.summarize_scores(videos)
    for column, scores in zip(("IoU", "F", "frames"), expected["avss"][way.name], strict=True):
        assert [group[column] for group in table.groups.values()] == pytest.approx(scores, abs=1e-9)
    assert table.metrics["mIoU"] == pytest.approx(np.mean(expected["avss"][way.name][0]), abs=1e-7)


def maps(seed: int, frames: int = 5) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, (frames, 4, 4), np.uint8) * random.integers(1, 23)
    predicted = np.where(random.uniform(size=truth.shape) < 0.3, random.integers(0, 71, truth.shape), truth).astype(np.uint8)
    return tuple(each.repeat(4, axis=1).repeat(4, axis=2) for each in (truth, predicted))  # type: ignore[return-value]


@settings(max_examples=15)
@given(st.lists(st.integers(0, 9999), min_size=1, max_size=6), st.integers(1, 5))
def test_classes_score_as_the_formula_says(seeds: list[int], batch: int) -> None:
    way, clips = AvssUnpaddedMetric(16, batch), [maps(seed) for seed in seeds]
    table = way.summarize_scores([one(way, *clip) for clip in clips])
    for column, scores in zip(("IoU", "F", "frames"), plain.avss(clips, batch), strict=True):
        assert [group[column] for group in table.groups.values()] == pytest.approx(scores.tolist(), abs=1e-9)


def test_the_official_test_adds_up_four_clips_at_a_time() -> None:
    """In the order of the official list, which the last digits show."""
    clips = [tuple(each.repeat(14, axis=1).repeat(14, axis=2) for each in maps(seed, frames=10)) for seed in range(9)]
    way = get_metric("avss-avsbench")
    videos = [one(way, *clip, place=place) for place, clip in enumerate(clips)]
    found = [group["F"] for group in way.summarize_scores(videos[::-1]).groups.values()]
    by_four, one_by_one = (plain.avss(clips, batch)[1].tolist() for batch in (4, 1))  # type: ignore[arg-type]
    assert by_four != one_by_one
    assert found == by_four


def test_a_class_of_one_frame_is_averaged_over_that_frame() -> None:
    truth = np.full((3, 16, 16), 7, np.uint8)
    truth[1] = 3
    table = table_of(get_metric("avss-alref"), truth, truth)
    assert [table.groups[name] for name in ("axe", "bird")] == [
        {"IoU": 1, "F": 1, "frames": 1},
        {"IoU": 1, "F": 1, "frames": 2},
    ]


def test_padding_adds_background_that_is_right() -> None:
    truth, predicted = maps(1)
    padded, real = (table_of(get_metric(name), truth, predicted) for name in ("avss-avsbench", "avss-alref"))
    assert padded.groups["background"]["frames"] == 10
    assert padded.groups["background"]["IoU"] == pytest.approx((real.groups["background"]["IoU"] + 1) / 2)
    assert padded.groups["accordion"] == real.groups["accordion"]
    assert padded.metrics["mIoU"] > real.metrics["mIoU"]


def test_without_background_as_published_leaves_out_the_last_class() -> None:
    truth = np.full((10, 16, 16), 70, np.uint8)
    numbers = numbers_of(get_metric("avss-avsbench"), truth, truth)
    assert numbers["mIoU-noBg-published"] == 0
    assert numbers["mIoU-noBg"] == pytest.approx(1 / 70)
    assert (numbers["mIoU"], numbers["mIoU-seen"]) == (pytest.approx(1 / 71), 1)


@pytest.mark.parametrize("name", ["avss-alref", "avss-avsbench"])
def test_frames_are_squeezed_as_pillow_does(name: str) -> None:
    """By the nearest pixel to 224x224, the picture and the truth each from its own size alike."""
    random = np.random.default_rng(1)
    large = random.integers(0, 71, (2, 10, 90, 160), np.uint8).repeat(8, axis=2).repeat(8, axis=3)
    squeezed = [
        [np.asarray(Image.fromarray(frame).resize((224, 224), Image.Resampling.NEAREST)) for frame in each] for each in large
    ]
    assert table_of(get_metric(name), *large) == table_of(get_metric(name), *squeezed)


@pytest.mark.parametrize("name", ["avss-alref", "avss-avsbench"])
def test_results_may_have_the_size_of_the_official_test(name: str) -> None:
    truth, found = np.random.default_rng(1).integers(0, 71, (2, 5, 90, 160), np.uint8).repeat(4, axis=2).repeat(4, axis=3)
    squeezed = [np.asarray(Image.fromarray(frame).resize((224, 224), Image.Resampling.NEAREST)) for frame in found]
    assert table_of(get_metric(name), truth, squeezed) == table_of(get_metric(name), truth, found)
    with pytest.raises(InputError, match=r"224x224.*360x640.*359x640"):
        one(get_metric(name), truth, found[:, 1:])


@pytest.mark.parametrize("way", [get_metric("avss-avsbench"), get_metric("avss-alref")])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found[:4], "frame 4 has no predicted mask"),
        (lambda found: np.full_like(found, 71), "expected a map of class numbers 0..70, got uint8 of 0..71"),
        (lambda found: found.astype(np.int8) - 1, "expected a map of class numbers 0..70, got int8 of -1.."),
        (lambda found: found / 1, "expected a map of class numbers 0..70, got float64"),
        (lambda found: [None, *found[1:]], "frame 0 has no predicted mask"),
        (lambda _: None, "expected predicted masks, got none"),
    ],
)
def test_results_that_cannot_be_scored(way: AvssUnpaddedMetric, change: Any, message: str) -> None:
    truth, predicted = maps(1)
    with pytest.raises(InputError, match=message):
        one(way, truth, change(predicted))


def test_a_clip_of_more_frames_than_there_are_is_refused_by_the_padded_test() -> None:
    with pytest.raises(InputError, match=r"\b10\b.*\b11\b"):
        one(get_metric("avss-avsbench"), *maps(1, frames=11))


def test_the_palette_is_that_of_pascal_voc() -> None:
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        4: (0, 0, 128),
        8: (64, 0, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
    }
    assert {index: tuple(PALETTE[index].tolist()) for index in known} == known
    assert (len(CLASSES), CLASSES[0], CLASSES[1], CLASSES[70]) == (71, "background", "accordion", "woman")


def test_colors_come_back_as_classes() -> None:
    labels = np.random.default_rng(0).integers(0, 71, (20, 30), np.uint8)
    colors = convert_labels_to_colors(labels)
    found, unknown = convert_colors_to_labels(colors)
    assert unknown == 0
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(found, plain.class_map(colors, PALETTE))


@settings(max_examples=30)
@given(st.integers(0, 9999))
def test_a_color_of_no_class_is_background_and_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    colors = random.choice(np.array([0, 32, 64, 96, 128, 160, 192, 224, 255, 1], np.uint8), (12, 12, 3))
    found, unknown = convert_colors_to_labels(colors)
    np.testing.assert_array_equal(found, plain.class_map(colors, PALETTE))
    assert unknown == sum(not np.any(np.all(color == PALETTE, axis=1)) for color in colors.reshape(-1, 3))
