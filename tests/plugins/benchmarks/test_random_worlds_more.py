"""Random worlds of the other data sets, files and dirt included, scored as the published formulas say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

import support.reference_metrics as plain
from alref.components.dataset import Dataset
from alref.utils.masks import encode_mask
from alref_benchmarks.datasets.avsbench import AvsBenchMS3Dataset, AvsBenchS4Dataset
from alref_benchmarks.datasets.avsbench_semantic import AvssDataset
from alref_benchmarks.datasets.long_rvos import LongRvosDataset
from alref_benchmarks.datasets.reasonvos import ReasonVosDataset
from alref_benchmarks.datasets.refavs import RefAvsDataset
from alref_benchmarks.datasets.revos import ReVosDataset
from alref_benchmarks.metrics import get_metric
from alref_benchmarks.metrics.palette import PALETTE
from support.benchmark_fixtures import save_json, save_table
from support.random_worlds import World, save, save_dirty_mask

Array = npt.NDArray[Any]
GROUPS, WORLDS_IN_GROUP = 4, 6


def compute_metrics(dataset: Dataset, results: Path, protocol: str) -> dict[str, float]:
    metric = get_metric(protocol)
    return metric.summarize_scores(
        [metric.score_video(video, dataset.read_cases(video, results)) for video in dataset.list_videos()]
    ).metrics


def list_seeds(group: int) -> range:
    return range(group, GROUPS * WORLDS_IN_GROUP, GROUPS)


def as_tensors(found: list[Array], truth: list[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return saved masks as certain logits, and the truth in 0..1."""
    logits = torch.from_numpy(np.stack(found)).float() * 100 - 50
    return logits, torch.from_numpy(np.stack(truth)).float()


def draw_pairs(world: World, count: int) -> tuple[list[Array], list[Array]]:
    truth = [world.draw_mask() for _ in range(count)]
    return truth, [world.vary_mask(mask) for mask in truth]


def compare_sound(dataset: Dataset, results: Path, found: list[Array], truth: list[Array]) -> None:
    """Compare both protocols of AVSBench-object on one clip."""
    logits, true = as_tensors(found, truth)
    official = compute_metrics(dataset, results, "avs-avsbench")
    assert official["M_J"] == pytest.approx(plain.mask_iou(logits, true), abs=1e-12)
    assert official["M_F"] == pytest.approx(plain.f_measure(torch.sigmoid(logits), true), abs=1e-12)
    frames = [(logits[place : place + 1], true[place : place + 1]) for place in range(len(true))]
    total = sum((np.float32(plain.mask_iou(*frame)) for frame in frames), np.float32(0))
    published = compute_metrics(dataset, results, "avs-alref")
    assert published["M_J"] == pytest.approx(float(total / np.float32(len(frames))), abs=1e-12)
    each = [plain.f_measure(torch.sigmoid(one), mask) for one, mask in frames]
    assert published["M_F"] == pytest.approx(np.mean(each), abs=1e-12)


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_s4(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(2000 + seed), tmp_path / str(seed)
        truth, found = draw_pairs(world, 5)
        save_table(root / "Single-source/s4_meta_data.csv", ("name", "start", "category", "split"), ("c", 0, "dog", "test"))
        for place in range(5):
            path = root / "Single-source/s4_data/gt_masks/test/dog/c" / f"c_{place + 1}.png"
            save(path, truth[place] * np.uint8(255))
            save_dirty_mask(world, root / "results/dog/c" / f"c_{place}.png", found[place])
        compare_sound(AvsBenchS4Dataset(root), root / "results", found, truth)


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_ms3(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(3000 + seed), tmp_path / str(seed)
        truth, found = draw_pairs(world, 5)
        save_table(root / "Multi-sources/ms3_meta_data.csv", ("video_id", "split"), ("c", "test"))
        for place in range(5):
            path = root / "Multi-sources/ms3_data/gt_masks/test/c" / f"c_{place + 1}.png"
            save(path, truth[place] * np.uint8(255), palette=world.happens(0.5))
            save_dirty_mask(world, root / "results/c" / f"c_{place}.png", found[place])
        compare_sound(AvsBenchMS3Dataset(root), root / "results", found, truth)


def resize_labels(labels: Array) -> Array:
    return np.asarray(Image.fromarray(labels).resize((224, 224), Image.Resampling.NEAREST))


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_avss(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(4000 + seed), tmp_path / str(seed)
        maps = np.zeros((2, 5, world.height, world.width), np.uint8)
        for truth, found in zip(*maps, strict=True):
            for number in world.random.integers(1, 71, 3):
                mask = world.draw_mask()
                truth[mask] = number
                found[world.vary_mask(mask)] = number if world.happens(0.8) else 70
        save_table(root / "metadata.csv", ("vid", "uid", "split", "label"), ("c", "c", "test", "v1s"))
        for place in range(5):
            save(root / "v1s/c/labels_rgb" / f"{place}.png", PALETTE[maps[0, place]])
            save(root / "results/c" / f"c_{place}.png", PALETTE[maps[1, place]])
        both = np.array([[resize_labels(frame) for frame in each] for each in maps])
        for protocol, padding in (("avss-avsbench", 5), ("avss-alref", 0)):
            padded = np.pad(both, ((0, 0), (0, padding), (0, 0), (0, 0)))
            region, f_measure, _ = plain.avss([(padded[0], padded[1])])
            metrics = compute_metrics(AvssDataset(root), root / "results", protocol)
            assert [metrics["mIoU"], metrics["F"]] == pytest.approx([float(region.mean()), float(f_measure.mean())], abs=1e-12)


def test_worlds_of_ref_avs(tmp_path: Path) -> None:
    for seed in range(4):
        world, root = World(5000 + seed), tmp_path / str(seed)
        truth, found = draw_pairs(world, 10)
        uid = "v_0_10000_cat_1"
        save_table(root / "metadata.csv", ("vid", "uid", "split", "fid", "exp"), ("v", uid, "test_s", 0, "it"))
        for place in range(10):
            save(root / "gt_mask/v_0_10000/fid_0" / f"0000{place}.png", truth[place] * np.uint8(255))
            save_dirty_mask(world, root / "results/v_0_10000" / uid / f"{place}.png", found[place])
        resized = [cv2.resize(mask * np.uint8(255), (256, 256)) > 0 for mask in truth]
        nearest = [cv2.resize(mask.astype(np.uint8), (256, 256), interpolation=cv2.INTER_NEAREST) for mask in found]
        logits, true = as_tensors(nearest, resized)
        metrics = compute_metrics(RefAvsDataset(root), root / "results", "ref-avs")
        expected = [plain.mask_iou(logits, true, 0.4), plain.f_measure(torch.sigmoid(logits), true)]
        assert [metrics["J"], metrics["F"]] == pytest.approx(expected, abs=1e-12)


def score_frames(truth: list[Array], found: list[Array]) -> tuple[Array, Array]:
    pairs = list(zip(truth, found, strict=True))
    return np.array([plain.region(*pair) for pair in pairs]), np.array([plain.boundary(*pair) for pair in pairs])


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_reasonvos(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(6000 + seed), tmp_path / str(seed)
        truth, found = draw_pairs(world, world.frames)
        for place, (mask, other) in enumerate(zip(truth, found, strict=True)):
            save(root / "JPEGImages/v" / f"{place:05d}.jpg", np.zeros((*mask.shape, 3), np.uint8))
            save_dirty_mask(world, root / "results/v/1" / f"{place:05d}.png", other)
        kept = [place for place in range(world.frames) if not place or world.happens(0.7)]
        for place in kept:
            save(root / "Annotations/MOSE_v_1" / f"{place:05d}.png", truth[place] * np.uint8(255))
        expressions = {"0": {"exp_text": "which?", "obj_id": 1}}
        save_json(root / "meta_expressions.json", {"videos": {"v": {"source": "MOSE", "expressions": expressions}}})
        region, contour = score_frames([truth[place] for place in kept], [found[place] for place in kept])
        metrics = compute_metrics(ReasonVosDataset(root), root / "results", "reasonvos")
        assert [metrics["J"], metrics["F"]] == pytest.approx([region.mean(), contour.mean()], abs=1e-12), seed


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_long_rvos(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(7000 + seed), tmp_path / str(seed)
        truth, found = draw_pairs(world, world.frames)
        names = [f"{place:05d}" for place in range(world.frames)]
        for place, name in enumerate(names):
            save(root / "valid/JPEGImages/v" / f"{name}.jpg", np.zeros((*truth[0].shape, 3), np.uint8))
            if truth[place].any():
                save(root / "valid/Annotations/v/1" / f"{name}.png", truth[place] * np.uint8(255))
            if place and world.happens(0.2):
                found[place] = np.zeros_like(found[place])  # a missing mask is empty
            else:
                save_dirty_mask(world, root / "results/v/0" / f"{name}.png", found[place])
        expressions = {"0": {"exp": "it", "obj_id": 1, "type": "static"}}
        save_json(root / "valid/meta_expressions.json", {"videos": {"v": {"expressions": expressions, "frames": names}}})
        region, contour = score_frames(truth, found)
        present = np.array([[mask.any() for mask in masks] for masks in (truth, found)])
        both, either = present.all(axis=0), present.any(axis=0).sum()
        spans = [both.sum() / either, region[both].sum() / either] if either else [1.0, 1.0]
        metrics = compute_metrics(LongRvosDataset(root), root / "results", "long-rvos")
        expected = [region.mean(), contour.mean(), *spans]
        assert [metrics[name] for name in ("J", "F", "tIoU", "vIoU")] == pytest.approx(expected, abs=1e-12), seed


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_revos(group: int, tmp_path: Path) -> None:
    for seed in list_seeds(group):
        world, root = World(8000 + seed), tmp_path / str(seed)
        names = [f"{place:05d}" for place in range(world.frames)]
        expressions, runs, rows = {}, {}, []
        others = [world.draw_mask() for _ in names]
        for number in range(4):
            truth, found = draw_pairs(world, world.frames)
            for name, mask in zip(names, found, strict=True):
                save_dirty_mask(world, root / "results/a/v" / str(number) / f"{name}.png", mask)
            runs[str(number)] = [encode_mask(mask).model_dump() if mask.any() else None for mask in truth]
            expressions[str(number)] = {"exp": "it", "obj_id": [1], "anno_id": [number], "type_id": number % 2}
            wrong = [(mask & ~true).sum() for true, mask in zip(truth, found, strict=True)]
            robust = [max(1 - each / (area.sum() + 1e-6), 0.0) for each, area in zip(wrong, others, strict=True)]
            equal = [np.mean(true == mask) for true, mask in zip(truth, found, strict=True)]
            rows.append([np.round(100 * np.mean(each), 2) for each in (*score_frames(truth, found), equal, robust)])
        save_json(root / "meta_expressions_valid_.json", {"videos": {"a/v": {"expressions": expressions, "frames": names}}})
        save_json(root / "mask_dict.json", runs)
        every = {"masks_rle": [encode_mask(mask).model_dump() for mask in others]}
        save_json(root / "mask_dict_foreground.json", {"a/v": every})
        save(root / "JPEGImages/a/v/00000.jpg", np.zeros((*others[0].shape, 3), np.uint8))
        metrics = compute_metrics(ReVosDataset(root), root / "results", "revos")
        expected = np.mean([np.mean(rows[kind::2], axis=0) for kind in (0, 1)], axis=0) / 100
        assert [metrics[name] for name in "JFAR"] == pytest.approx(expected.tolist(), abs=1e-12), seed
