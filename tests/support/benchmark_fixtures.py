"""Every benchmark in miniature: real folder names, palettes, tables and JSON, with a red square that moves right.

``build(name, root)`` writes one data set below ``root``. Everything is drawn from a seed: two calls write the same bytes.
``result`` makes what a pipeline would give for one of its videos.
"""

from __future__ import annotations

import csv
import json
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from alref.media.draw import build_color_map
from alref.media.write import write_video
from alref.testing import make_moving_square, make_scripted_result
from alref.utils.masks import Mask, encode_mask

SIZE = (64, 96)
RATE = 16000
VOID = 255
Labels = npt.NDArray[np.uint8]
result = make_scripted_result


def build(name: str, root: Path) -> Path:
    """Write the data set ``name``."""
    BUILDERS[name](root)
    return root


def clip(count: int, seed: int = 0, size: tuple[int, int] = SIZE) -> tuple[list[Labels], Mask]:
    """Draw the frames of a video, and the true masks bool (T, H, W) of its square."""
    video, masks = make_moving_square(frames=count, size=size, side=24, seed=seed)
    return [video.read_frame(number) for number in range(count)], masks


def save(path: Path, pixels: npt.NDArray[Any], palette: bool = False) -> None:
    """Write a picture; uint8 (H, W) with the palette of DAVIS where asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(build_color_map().tobytes())
    image.save(path, "JPEG" if path.suffix.lower() == ".jpg" else "PNG")


def save_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def save_table(path: Path, *rows: Sequence[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def save_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def save_sound(path: Path, seconds: int, seed: int = 0) -> None:
    """Write noise that is loud throughout."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 4000, seconds * RATE).clip(-32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


DAVIS = {"-blackswan": 3, "gold fish": 4, "été": 5}


def ref_davis17(root: Path, videos: dict[str, int] = DAVIS, split: str = "valid") -> None:
    """Two objects in each video, the square and a bar at the bottom, with void around the bar."""
    said = {}
    for seed, (video, count) in enumerate(videos.items()):
        frames, masks = clip(count, seed)
        names = [f"{number:05d}" for number in range(count)]
        for name, frame, mask in zip(names, frames, masks, strict=True):
            labels = mask.astype(np.uint8)
            labels[-12:-4, 8:40] = VOID
            labels[-10:-6, 10:38] = 2
            frame = frame.copy()
            frame[-10:-6, 10:38] = (30, 30, 220)
            save(root / split / "JPEGImages" / video / f"{name}.jpg", frame)
            save(root / split / "Annotations" / video / f"{name}.png", labels, palette=True)
        words = [("1", "a red square"), ("2", "the blue bar below")]
        ways = ["{}", "{} in the first frame", "{} that is seen", "{} of the video"]
        listed = [{"exp": way.format(text), "obj_id": number} for number, text in words for way in ways]
        said[video] = {"expressions": {str(place): each for place, each in enumerate(listed)}, "frames": names}
    save_json(root / "meta_expressions" / split / "meta_expressions.json", {"videos": said})


def davis17(root: Path) -> None:
    """Two videos of split val as in DAVIS 2017: the square, and a bar that leaves before the last frame; void around it."""
    videos = {"-black_swan": 4, "gold fish": 5}
    for seed, (video, count) in enumerate(videos.items()):
        for number, (frame, mask) in enumerate(zip(*clip(count, seed), strict=True)):
            labels = mask.astype(np.uint8)
            if number < count - 2:
                labels[-12:-4, 8:40] = VOID
                labels[-10:-6, 10:38] = 2
            save(root / "JPEGImages/480p" / video / f"{number:05d}.jpg", frame)
            save(root / "Annotations/480p" / video / f"{number:05d}.png", labels, palette=True)
    save_lines(root / "ImageSets/2017/val.txt", *videos)


def davis16(root: Path) -> None:
    """Two videos of split val as in DAVIS 2016: the square, white on black; the list names every frame and mask."""
    lines = []
    for seed, video in enumerate(("-black_swan", "b_2")):
        for number, (frame, mask) in enumerate(zip(*clip(4, seed), strict=True)):
            paths = f"JPEGImages/480p/{video}/{number:05d}.jpg", f"Annotations/480p/{video}/{number:05d}.png"
            save(root / paths[0], frame)
            save(root / paths[1], mask.astype(np.uint8) * 255)
            lines.append(" ".join(f"/{path}" for path in paths))
    save_lines(root / "ImageSets/480p/val.txt", *lines)


def ref_youtube_vos(root: Path) -> None:
    """Three videos: one of split valid and one of split test, both in ``valid``; one of split train, with the truth."""
    names = ["00000", "00005", "00010"]
    words = {"0": {"exp": "a red square"}, "1": {"exp": "the square that moves right"}}
    train = {key: {**each, "obj_id": "1"} for key, each in words.items()}
    said: dict[str, dict[str, Any]] = {"valid": {}, "test": {}, "train": {}}
    for video, splits in {"_003": ["valid"], "0c0 4e": ["valid", "test"], "ÄÖ-9": ["train"]}.items():
        frames, masks = clip(3, len(video))
        for name, frame, mask in zip(names, frames, masks, strict=True):
            save(root / splits[0] / "JPEGImages" / video / f"{name}.jpg", frame)
            if splits == ["train"]:
                save(root / "train" / "Annotations" / video / f"{name}.png", mask.astype(np.uint8), palette=True)
        for split in splits:
            said[split][video] = {"expressions": train if split == "train" else words, "frames": names}
    for split, videos in said.items():
        save_json(root / "meta_expressions" / split / "meta_expressions.json", {"videos": videos})


def mevis(root: Path, with_truth: Sequence[str] = ("-00d9", "1 b")) -> None:
    """Split valid_u: a mask in two overlapping halves, one object that is absent from a frame; split valid without truth."""
    for split, videos in {"valid_u": with_truth, "valid": ["f_2"]}.items():
        said, runs = {}, {}
        for seed, video in enumerate(videos):
            frames, masks = clip(4, seed)
            names = [f"{number * 5:05d}" for number in range(4)]
            for name, frame in zip(names, frames, strict=True):
                save(root / split / "JPEGImages" / video / f"{name}.jpg", frame)
            halves = np.stack([masks, masks])
            halves[0, :, : SIZE[0] // 2 - 6] = False
            halves[1, :, SIZE[0] // 2 + 6 :] = False
            for number, half in enumerate(halves):
                runs[str(10 * seed + number)] = [encode_mask(each).model_dump() for each in half]
            runs[str(10 * seed + 2)] = [None, *runs[str(10 * seed)][1:]]
            both, some = [10 * seed, 10 * seed + 1], [10 * seed + 2]
            truth = [{"obj_id": [1, 2], "anno_id": both}, {"obj_id": [1], "anno_id": some}, {"obj_id": [], "anno_id": []}]
            words = ["a red square", "the lower half of the square", "a green circle"]
            listed = [{"exp": text, **(meant if split == "valid_u" else {})} for text, meant in zip(words, truth, strict=True)]
            said[video] = {
                "expressions": {str(place): each for place, each in enumerate(listed)},
                "vid_id": seed,
                "frames": names,
            }
        save_json(root / split / "meta_expressions.json", {"videos": said})
        if split == "valid_u":
            save_json(root / split / "mask_dict.json", runs)


def long_rvos(root: Path) -> None:
    """Two videos of split valid, one object each; the square is absent from the first frame of one, which has no mask file."""
    said = {}
    for seed, video in enumerate(("-long 1", "b_2")):
        frames, masks = clip(5, seed)
        names = [f"{number:05d}" for number in range(5)]
        for number, (name, frame, mask) in enumerate(zip(names, frames, masks, strict=True)):
            save(root / "valid/JPEGImages" / video / f"{name}.jpg", frame)
            if number or seed:
                save(root / "valid/Annotations" / video / "1" / f"{name}.png", mask.astype(np.uint8) * 255)
        texts = {"static": "a red square", "dynamic": "it moves right", "hybrid": "the red one that moves"}
        listed = [{"exp": text, "obj_id": 1, "type": kind} for kind, text in texts.items()]
        said[video] = {"expressions": {str(place): each for place, each in enumerate(listed)}, "frames": names}
    save_json(root / "valid/meta_expressions.json", {"videos": said})


def reasonvos(root: Path) -> None:
    """Two videos of two sources; the masks of one are in a folder whose source is in lower case."""
    said = {}
    for seed, (video, source) in enumerate({"a b": "MOSE", "-c_3": "BURST"}.items()):
        frames, masks = clip(4, seed)
        for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
            save(root / "JPEGImages" / video / f"{number:05d}.jpg", frame)
            folder = root / "Annotations" / f"{source.lower() if seed else source}_{video}_{seed + 1}"
            save(folder / f"{number:05d}.png", mask.astype(np.uint8) * 255)
        said[video] = {
            "source": source,
            "frames": list(range(4)),
            "is_sent": bool(seed),
            "expressions": {"0": {"exp_text": "What moves to the right?", "obj_id": seed + 1}},
        }
    save_json(root / "meta_expressions.json", {"videos": said})


def revos(root: Path) -> None:
    """Two videos of split valid in nested folders, with two types of expressions; the foreground also has a bar."""
    said, runs, foreground = {}, {}, {}
    for seed, video in enumerate(("UVO/all/-f b", "LVOS/b_2")):
        frames, masks = clip(4, seed)
        names = [f"{number:05d}" for number in range(4)]
        for name, frame in zip(names, frames, strict=True):
            save(root / "JPEGImages" / video / f"{name}.jpg", frame)
        bar = np.zeros(SIZE, np.bool_)
        bar[-10:-6, 10:38] = True
        runs[str(2 * seed)] = [encode_mask(mask).model_dump() for mask in masks]
        runs[str(2 * seed + 1)] = [None, *[encode_mask(bar).model_dump()] * 3]
        every = [encode_mask(mask | bar).model_dump() for mask in masks]
        foreground[video] = {"masks_rle": [[each] for each in every] if seed else every}
        texts = {"a red square": (0, [2 * seed]), "what moves?": (1, [2 * seed]), "what does not move?": (1, [2 * seed + 1])}
        listed = [{"exp": text, "obj_id": [1], "anno_id": ids, "type_id": kind} for text, (kind, ids) in texts.items()]
        said[video] = {"expressions": {str(place): each for place, each in enumerate(listed)}, "frames": names}
    save_json(root / "meta_expressions_valid_.json", {"videos": said})
    save_json(root / "mask_dict.json", runs)
    save_json(root / "mask_dict_foreground.json", foreground)


def ref_sav(root: Path) -> None:
    """Two videos of SA-V, every fourth frame of which is annotated; the first has two objects in the same place."""
    said, runs = {}, {}
    for seed, video in enumerate(("sav_055000", "sav_056001")):
        frames, masks = clip(13, seed)
        path = root / "videos" / video[:7] / f"{video}.mp4"
        path.parent.mkdir(parents=True)
        write_video(path, frames, [number / 24 for number in range(len(frames))])
        seen = range(0, 13, 4)
        halves = np.stack([masks[list(seen)]] * 2)
        halves[0, :, : SIZE[0] // 2 - 6] &= not seed
        halves[1, :, SIZE[0] // 2 + 6 :] &= not seed
        for number, half in enumerate(halves):
            runs[str(2 * seed + number)] = [encode_mask(each).model_dump() for each in half]
        texts = {"a red square that moves to the right": (0, 2), "a red square": (1, 1), "the square": (1, 2)}
        listed = [
            {
                "exp": text,
                "obj_id": list(range(count)),
                "anno_id": [2 * seed + place for place in range(count)],
                "type_id": kind,
            }
            for text, (kind, count) in texts.items()
        ]
        said[video] = {
            "expressions": {str(place): each for place, each in enumerate(listed)},
            "frames": [f"1{number:05d}" for number in seen],
            "height": SIZE[0],
            "width": SIZE[1],
        }
    save_json(root / "meta_expressions_valid.json", {"videos": said})
    save_json(root / "mask_dict.json", runs)


def avsbench_s4(root: Path) -> None:
    """Two clips of two categories; one of them has no object in its first second."""
    home = root / "Single-source"
    rows = [("-5Xy", 0, "dog_barking", "test"), ("_aB c", 12, "playing_violin", "test"), ("zz", 3, "lions_roaring", "train")]
    save_table(home / "s4_meta_data.csv", ("name", "start", "category", "split"), *rows)
    for seed, (name, _, category, split) in enumerate(rows[:2]):
        frames, masks = clip(5, seed, (64, 64))
        masks[0] &= bool(seed)
        place = f"{split}/{category}/{name}"
        for number, (frame, mask) in enumerate(zip(frames, masks, strict=True), 1):
            save(home / "s4_data/visual_frames" / place / f"{name}_{number}.png", frame)
            save(home / "s4_data/gt_masks" / place / f"{name}_{number}.png", mask.astype(np.uint8) * 255)
        save_sound(home / "s4_data/audio_wav" / f"{place}.wav", 5, seed)


def avsbench_ms3(root: Path) -> None:
    """Two clips; the true masks of one are indexed pictures."""
    home = root / "Multi-sources"
    rows = [("-kQ_0", "test"), ("m 7_2", "test"), ("x_1", "val")]
    save_table(home / "ms3_meta_data.csv", ("video_id", "split"), *rows)
    for seed, (name, split) in enumerate(rows[:2]):
        frames, masks = clip(5, seed, (64, 64))
        for number, (frame, mask) in enumerate(zip(frames, masks, strict=True), 1):
            save(home / "ms3_data/visual_frames" / name / f"{name}.mp4_{number}.png", frame)
            path = home / "ms3_data/gt_masks" / split / name / f"{name}_{number}.png"
            save(path, mask.astype(np.uint8) * 255, palette=bool(seed))
        save_sound(home / "ms3_data/audio_wav" / split / f"{name}.wav", 5, seed)


def avsbench_semantic(root: Path) -> None:
    """One clip of each subset: a dog, a violin that stops, and a man beside nothing else."""
    home = root / "AVSBench_semantic"
    header = ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label")
    clips = [("-a_0_5000", "dog", "v1s", 5), ("b c_2", "violin", "v1m", 5), ("_d_0_10000", "man", "v2", 10)]
    rows = [(uid[:4], uid, 0, 0, thing, "test", subset) for uid, thing, subset, _ in clips]
    save_table(home / "metadata.csv", header, *rows, ("t", "t_0", 0, 0, "cat", "train", "v2"))
    save_json(home / "label2idx.json", {"background": 0, "accordion": 1})
    colors = build_color_map()
    for seed, (uid, thing, subset, count) in enumerate(clips):
        frames, masks = clip(count, seed)
        place = home / subset / uid
        for number, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
            shown = mask & (thing != "violin" or number < 4)
            labels = shown * np.uint8({"dog": 17, "violin": 68, "man": 41}[thing])
            save(place / "frames" / f"{number}.jpg", frame)
            save(place / "labels_rgb" / f"{number}.png", colors[labels])
            save(place / "labels_semantic" / f"{number}.png", labels)
        save_sound(place / "audio.wav", count, seed)


def ref_avs(root: Path) -> None:
    """Two videos of split test_s with an id that comes twice, one null video, and a row that is still to do."""
    seen, other, null = "-x_0_10000", "y z_1000_11000", "null_c--x_0_10000"
    rows = [
        (seen, f"{seen}_cat_1", "test_s", 0, "The object making a sound."),
        (other, f"{other}_dog_1", "test_s", 1, "The red square."),
        (seen, f"{seen}_cat_2", "test_s", 0, "The square, moving right."),
        (seen, f"{seen}_cat_2", "test_s", 0, "The loudest object."),
        (seen, f"{null}_null_1", "test_n", 0, "The sounding object"),
        (seen, f"{seen}_cat_9", "TODO", 0, "Nobody knows."),
    ]
    save_table(root / "metadata.csv", ("vid", "uid", "split", "fid", "exp"), *rows)
    for seed, (video, number) in enumerate({seen: 0, other: 1, null: -1}.items()):
        frames, masks = clip(10, seed)
        for place, (frame, mask) in enumerate(zip(frames, masks, strict=True)):
            save(root / "media" / video / "frames" / f"{place}.jpg", frame)
            if number >= 0:
                save(root / "gt_mask" / video / f"fid_{number}" / f"0000{place}.png", mask.astype(np.uint8) * 255)
        save_sound(root / "media" / video / "audio.wav", 10, seed)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "ref-davis17": ref_davis17,
    "davis17": davis17,
    "davis16": davis16,
    "ref-youtube-vos": ref_youtube_vos,
    "mevis": mevis,
    "mevis-v2": mevis,
    "long-rvos": long_rvos,
    "reasonvos": reasonvos,
    "revos": revos,
    "ref-sav": ref_sav,
    "avsbench-s4": avsbench_s4,
    "avsbench-ms3": avsbench_ms3,
    "avsbench-avss": avsbench_semantic,
    "avsbench-v2-binary": avsbench_semantic,
    "ref-avs": ref_avs,
}
