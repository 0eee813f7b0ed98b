"""Random worlds of MeViS and Ref-DAVIS17, files and dirt included, scored as the published formulas say, pixel by pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import support.reference_metrics as plain
from alref.utils.masks import encode_mask
from alref_benchmarks.datasets.davis import RefDavis17Dataset
from alref_benchmarks.datasets.expressions import MeViSDataset
from alref_benchmarks.metrics import get_metric
from support.random_worlds import World, save, save_dirty_mask, save_expressions

Array = npt.NDArray[Any]
WORLDS, GROUPS = 100, 10
"""Worlds of each of two datasets, in groups, so that a failure names few of them."""


def build_mevis(world: World, root: Path) -> list[tuple[list[float], list[float]] | None]:
    """Write a video with several expressions; return J and F by frame, None where the official program drops one."""
    names = [f"{5 * number:05d}" for number in range(world.frames)]
    masks = [[world.draw_mask() for _ in names] for _ in range(3)]
    runs: dict[str, list[Any]] = {}
    for number, each in enumerate(masks):
        listed = [encode_mask(mask).model_dump() for mask in each]
        runs[str(number)] = [
            None if not mask.any() and world.happens(0.5) else run for mask, run in zip(each, listed, strict=True)
        ]
    expressions, expected = {}, []
    for name in range(int(world.random.integers(1, 5))):
        meant = [number for number in range(3) if world.happens(0.4)]
        expressions[str(name)] = {"exp": "it", "obj_id": meant, "anno_id": meant}
        unions = [
            np.any([masks[number][place] for number in meant] or [np.zeros_like(masks[0][0])], axis=0)
            for place in range(len(names))
        ]
        found = [world.vary_mask(union) for union in unions]
        lost = int(world.random.integers(0, len(names))) if world.happens(0.1) else -1
        for place, mask in enumerate(found):
            if place != lost:
                save_dirty_mask(world, root / "results" / "v" / str(name) / f"{names[place]}.png", mask)
        both = list(zip(unions, found, strict=True))
        scores = [plain.region(*pair) for pair in both], [plain.boundary(*pair) for pair in both]
        expected.append(scores if lost < 0 else None)
    (root / "results" / "v").mkdir(parents=True, exist_ok=True)
    save(root / "valid_u" / "JPEGImages" / "v" / f"{names[0]}.jpg", np.zeros((world.height, world.width, 3), np.uint8))
    save_expressions(root / "valid_u" / "meta_expressions.json", expressions, names)
    (root / "valid_u" / "mask_dict.json").write_text(json.dumps(runs), encoding="utf-8")
    return expected


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_mevis(group: int, tmp_path: Path) -> None:
    metric = get_metric("mevis")
    for seed in range(group, WORLDS, GROUPS):
        expected = build_mevis(World(seed), tmp_path / str(seed))
        dataset = MeViSDataset(tmp_path / str(seed), "valid_u")
        scores = metric.score_video("v", dataset.read_cases("v", tmp_path / str(seed) / "results"))
        table = metric.summarize_scores([scores])
        found = [(list(part.columns["J"]), list(part.columns["F"])) for part in scores.objects]
        for mine, theirs in zip(found, expected, strict=True):
            assert mine == (([], []) if theirs is None else (pytest.approx(theirs[0]), pytest.approx(theirs[1]))), seed
        means = [[np.mean(measure) for measure in each] for each in expected if each is not None]
        assert table.metrics["dropped"] == expected.count(None), seed
        if means:
            assert table.main_value == pytest.approx(np.mean(means), abs=1e-12), seed


def build_davis(world: World, root: Path) -> list[Array]:
    """Write label maps with void and four results; return the scores of each annotator, (objects, T, 2)."""
    names, count = [f"{number:05d}" for number in range(world.frames)], int(world.random.integers(1, 4))
    truth = np.zeros((len(names), world.height, world.width), np.uint8)
    for frame in truth:
        for number in range(1, count + 1):
            frame[world.draw_mask()] = number
        if world.happens(0.3):
            frame[world.draw_mask()] = 255
    truth[0].flat[: min(count, truth[0].size)] = np.arange(1, count + 1)
    for name, frame in zip(names, truth, strict=True):
        save(root / "valid" / "Annotations" / "v" / f"{name}.png", frame, palette=True)
    expressions = {str(place): {"exp": "it", "obj_id": str(place // 4 + 1)} for place in range(4 * count)}
    save_expressions(root / "meta_expressions" / "valid" / "meta_expressions.json", expressions, names)
    expected = []
    for annotator in range(4):
        swapped = world.random.permutation(count + 2)[: count + 1]
        swapped[0] = 0
        maps = np.zeros_like(truth)
        for place, frame in enumerate(truth):
            for number in range(1, count + 1):
                maps[place][world.vary_mask(frame == number)] = swapped[number]
            save(root / "results" / f"anno_{annotator}" / "v" / f"{names[place]}.png", maps[place], palette=world.happens(0.8))
        expected.append(plain.davis_unsupervised(truth, maps))
    return expected


@pytest.mark.parametrize("group", range(GROUPS))
def test_worlds_of_davis(group: int, tmp_path: Path) -> None:
    metric = get_metric("davis17-unsupervised")
    for seed in range(1000 + group, 1000 + WORLDS, GROUPS):
        expected = build_davis(World(seed), tmp_path / str(seed))
        cases = RefDavis17Dataset(tmp_path / str(seed)).read_cases("v", tmp_path / str(seed) / "results")
        table = metric.summarize_scores([metric.score_video("v", cases)])
        for annotator, scores in enumerate(expected):
            assert table.groups[str(annotator)]["J&F"] == pytest.approx(scores.mean(), abs=1e-12), seed
        assert table.main_value == pytest.approx(np.mean([scores.mean() for scores in expected]), abs=1e-12), seed
