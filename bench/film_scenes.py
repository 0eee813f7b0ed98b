"""The films of ``bench/embedded_films.py``: scenes put together from objects, and the shared clips and videos."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
from drawn_objects import (
    SHARED,
    Mask,
    Picture,
    Thing,
    cut_photographs,
    cut_shared_things,
    draw_background,
    draw_mug,
    draw_things,
    read_picture,
)
from rich.console import Console

from alref import open_video
from alref.media.write import read_mask

HEIGHT, WIDTH, LENGTH = 270, 480, 8
ABSENT = ("elephant", "guitar", "airplane", "pizza", "violin", "penguin", "sofa", "zebra", "laptop", "canoe", "spider", "piano")

Box = tuple[float, float, float, float]
Boxes = dict[int, Box]
Truth = npt.NDArray[np.bool_] | Boxes | None


@dataclass(frozen=True, eq=False)
class Case:
    """One expression and the true masks, or the boxes at some frames in shares of the frame; None if the thing is not there."""

    kind: str
    text: str
    truth: Truth = None


@dataclass(frozen=True, eq=False)
class Film:
    """The frames of a film, and what to ask of it."""

    name: str
    frames: Sequence[Picture]
    cases: Sequence[Case]


Place = tuple[float, float, float] | None
"""Center (right, down) in shares of the frame, and height in shares of its height."""


def compose(
    number: int, actors: Sequence[tuple[Thing, Sequence[Place]]], background: Picture | None = None
) -> tuple[list[Picture], list[Mask]]:
    """Put things on a background that pans slowly: the frames, and a mask (T, H, W) of what is visible of each."""
    wide = (
        draw_background(number, HEIGHT + 20, WIDTH + 40)
        if background is None
        else cv2.resize(background, (WIDTH + 40, HEIGHT + 20))
    )
    frames, masks = [], np.zeros((len(actors), LENGTH, HEIGHT, WIDTH), bool)
    for time in range(LENGTH):
        shift = time if number % 2 else 0
        frame = wide[10 : 10 + HEIGHT, shift : shift + WIDTH].astype(np.float32)
        for index, (thing, path) in enumerate(actors):
            if (place := path[time]) is not None:
                alpha, color = _place_thing(thing, place)
                frame = frame * (1 - alpha[..., None]) + color * alpha[..., None]
                masks[:, time] &= alpha < 0.5
                masks[index, time] = alpha >= 0.5
        grain = np.random.default_rng(time).normal(0, 3, frame.shape)
        frames.append(np.asarray(np.clip(frame + grain, 0, 255), np.uint8))
    return frames, list(masks)


def _place_thing(thing: Thing, place: tuple[float, float, float]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    across, down, size = place
    scale = size * HEIGHT / thing.mask.shape[0]
    high, wide = thing.mask.shape
    matrix = np.array([[scale, 0, across * WIDTH - scale * wide / 2], [0, scale, down * HEIGHT - scale * high / 2]])
    soft = cv2.GaussianBlur(thing.mask.astype(np.float32), (0, 0), 0.5 / scale)
    warp = partial(cv2.warpAffine, M=matrix, dsize=(WIDTH, HEIGHT))
    return (
        np.asarray(warp(soft, flags=cv2.INTER_AREA), np.float32),
        np.asarray(warp(thing.picture, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32),
    )


def move(start: tuple[float, float, float], end: tuple[float, float, float] | None = None) -> list[Place]:
    """Return a straight path from place to place, or one that stays."""
    steps = np.linspace(0, 1, LENGTH)
    return [tuple((1 - step) * np.array(start) + step * np.array(end or start)) for step in steps]  # type: ignore[misc]


def make_films(
    things: Sequence[Thing], prefix: str, backgrounds: Sequence[Picture] = (), scenes: Sequence[str] = ()
) -> Iterator[Film]:
    """Make the films of each thing in ``scenes``, by default all, on the backgrounds in turn, by default drawn ones."""
    for number, thing in enumerate(things):
        other = things[(number + 1) % len(things)]
        for scene in scenes or SCENES:
            make = SCENES[scene]
            back = backgrounds[number % len(backgrounds)] if backgrounds else None
            yield make(f"{prefix} {thing.noun} {scene}", 7 * number + len(scene), thing, other, back)


def make_alone(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film one thing that moves; also things that are not there, a typo, another language and a part."""
    frames, (mask,) = compose(number, [(thing, move((0.3, 0.55, 0.45), (0.6, 0.5, 0.5)))], back)
    absent = [word for word in ABSENT if word != thing.noun]
    return Film(
        name,
        frames,
        [
            Case("one", f"the {thing.noun}", mask),
            Case("absent", f"the {absent[number % len(absent)]}"),
            Case("absent", f"a {absent[(number + 5) % len(absent)]}"),
            Case("typo", thing.typo),
            Case("language", thing.foreign),
            Case("part", thing.part),
        ],
    )


def make_pair(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film a thing and its mirror image: the left one, the right one, both."""
    pair = [(thing, move((0.25, 0.55, 0.4), (0.28, 0.6, 0.4))), (thing.mirror(), move((0.75, 0.5, 0.4), (0.7, 0.45, 0.4)))]
    frames, (left, right) = compose(number, pair, back)
    return Film(
        name,
        frames,
        [
            Case("which", f"the {thing.noun} on the left", left),
            Case("which", f"the {thing.noun} on the right", right),
            Case("plural", f"both {thing.noun}s", left | right),
            Case("absent", f"the {ABSENT[number % len(ABSENT)]} on the left"),
        ],
    )


def make_touching(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film two of a kind that touch."""
    pair = [(thing, move((0.38, 0.55, 0.45), (0.4, 0.55, 0.45))), (thing.mirror(), move((0.62, 0.55, 0.45), (0.6, 0.55, 0.45)))]
    frames, (left, _) = compose(number, pair, back)
    return Film(name, frames, [Case("which", f"the left {thing.noun}", left)])


def make_crossing(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film two different things that cross."""
    pair = [(other, move((0.28, 0.5, 0.4), (0.72, 0.5, 0.4))), (thing, move((0.72, 0.6, 0.4), (0.28, 0.6, 0.4)))]
    frames, (behind, front) = compose(number, pair, back)
    return Film(name, frames, [Case("one", f"the {thing.noun}", front), Case("one", f"the {other.noun}", behind)])


def make_leaving(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film a thing that appears late and disappears early, beside another one."""
    path = [None, None, *move((0.2, 0.5, 0.45), (0.5, 0.45, 0.45))[2:-2], None, None]
    frames, (mask, stays) = compose(number, [(thing, path), (other, move((0.75, 0.75, 0.3)))], back)
    return Film(name, frames, [Case("leaving", f"the {thing.noun}", mask), Case("one", f"the {other.noun}", stays)])


def make_row(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film three in a row, of which one is asked for by its place; a fourth that is not there."""
    row = [(thing, move((0.2 + 0.3 * place, 0.55, 0.33), (0.2 + 0.3 * place, 0.5, 0.33))) for place in range(3)]
    frames, masks = compose(number, row, back)
    return Film(
        name,
        frames,
        [
            Case("which", f"the second {thing.noun} from the left", masks[1]),
            Case("plural", f"the {thing.noun}s", np.logical_or.reduce(masks)),
            Case("missing", f"the fifth {thing.noun} from the left"),
        ],
    )


def make_moving(name: str, number: int, thing: Thing, other: Thing, back: Picture | None) -> Film:
    """Film two of a kind, of which one moves."""
    pair = [(thing, move((0.25, 0.55, 0.4))), (thing, move((0.65, 0.3, 0.4), (0.85, 0.75, 0.4)))]
    frames, (still, moving) = compose(2 * number, pair, back)
    return Film(
        name,
        frames,
        [Case("which", f"the moving {thing.noun}", moving), Case("which", f"the {thing.noun} that stands still", still)],
    )


SCENES: dict[str, Callable[[str, int, Thing, Thing, Picture | None], Film]] = {
    "alone": make_alone,
    "pair": make_pair,
    "touching": make_touching,
    "crossing": make_crossing,
    "leaving": make_leaving,
    "row": make_row,
    "moving": make_moving,
}


def make_color_films() -> Iterator[Film]:
    """Make films of mugs of two colors: each by its color, and one of a color that is not there."""
    for number, (first, second, none) in enumerate(
        (("red", "blue", "green"), ("yellow", "green", "red"), ("blue", "yellow", "green"))
    ):
        pair = [
            (draw_mug(first), move((0.3, 0.5, 0.4), (0.35, 0.55, 0.4))),
            (draw_mug(second), move((0.7, 0.55, 0.4), (0.65, 0.5, 0.4))),
        ]
        frames, masks = compose(number, pair)
        cases = [Case("color", f"the {color} mug", mask) for color, mask in zip((first, second), masks, strict=True)]
        yield Film(f"drawn colors {first} {second}", frames, [*cases, Case("absent", f"the {none} mug")])


def read_clip_films() -> Iterator[Film]:
    """Read every third frame of the shared clips, as it is and mirrored."""
    for folder in sorted(path.parent for path in (SHARED / "clips").glob("*/meta.json")):
        names = [path.stem for path in sorted((folder / "frames").iterdir())][::3]
        expressions = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["expressions"]
        pictures = [read_picture(folder / "frames" / f"{name}.jpg") for name in names]
        for mirrored in (1, -1):
            cases = []
            for each in expressions:
                masks = [
                    [read_mask(folder / "masks" / one / f"{name}.png")[:, ::mirrored] for name in names]
                    for one in each["obj_id"]
                ]
                cases.append(Case("one", each["exp"], np.any(masks, axis=0)))
            absent = [Case("absent", f"the {word}") for word in ABSENT[:: 2 if mirrored > 0 else 3]]
            frames = [np.ascontiguousarray(picture[:, ::mirrored]) for picture in pictures]
            yield Film(f"clip {folder.name}{' mirrored' if mirrored < 0 else ''}", frames, [*cases, *absent])


VIDEOS: dict[str, tuple[dict[str, Boxes], tuple[str, ...]]] = {
    "dog": (
        {
            "the dog": {0: (137, 107, 200, 157), 2: (165, 100, 246, 158), 3: (132, 108, 204, 165)},
            "the woman": {0: (65, 60, 128, 157), 1: (66, 30, 152, 159), 2: (47, 22, 98, 161), 3: (77, 51, 148, 162)},
        },
        ("the cat", "a bicycle", "the perro", "el perro", "the dgo", "the dog's head", "the two dogs", "the piano"),
    ),
    "juggle": (
        {
            "the soccer ball": {0: (174, 80, 197, 104), 1: (215, 62, 238, 87), 2: (177, 97, 203, 124), 3: (226, 145, 247, 168)},
            "the man": {0: (174, 14, 238, 190), 1: (177, 13, 244, 188), 2: (166, 13, 233, 197), 3: (173, 24, 242, 192)},
        },
        ("the dog", "the skateboard", "the second ball from the left", "der Ball", "the man's hand", "a boat", "the elephant"),
    ),
    "hummingbird": (
        {"the bird": {0: (100, 43, 205, 90), 1: (188, 15, 248, 148), 2: (180, 15, 280, 128)}},
        ("the cat", "the car", "a fish", "the brid", "l'oiseau", "the bird's wing", "a chair"),
    ),
    "friday": (
        {"the clock": dict.fromkeys(range(4), (99, 10, 145, 48))},
        ("the dog", "a bicycle", "the banana", "die Uhr", "the clok", "a horse"),
    ),
}  # fmt: skip
"""Boxes in a picture of 364 x 205 at the first and last frame and two between; what is not there or not known by name."""


def read_video_films() -> Iterator[Film]:
    """Read sixteen frames of each shared video; the boxes are of frames 0, 5, 10 and 15."""
    for name, (present, others) in VIDEOS.items():
        path = SHARED / "video" / f"{name}.mp4"
        if path.exists():
            video = open_video(path)
            places = np.linspace(0, len(video) - 1, 16).round().astype(int).tolist()
            frames = [np.asarray(cv2.resize(video.read_frame(place), (WIDTH, HEIGHT)), np.uint8) for place in places]
            shares = {text: {5 * key: _scale_box(box) for key, box in boxes.items()} for text, boxes in present.items()}
            yield Film(
                f"video {name}",
                frames,
                [*(Case("one", *each) for each in shares.items()), *(Case("other", text) for text in others)],
            )


def _scale_box(box: Box) -> Box:
    left, top, right, bottom = box
    return left / 364, top / 205, right / 364, bottom / 205


def collect_films(console: Console) -> list[Film]:
    """Make all films that can be made here; say what is left out."""
    shared, photographs = cut_shared_things(), cut_photographs()
    if not shared:
        console.print("left out: films of the shared clips and videos, which are not here")
    if not photographs:
        console.print("left out: films of photographs (pip install scikit-image scikit-learn)")
    videos = list(read_video_films())
    backgrounds = [
        np.ascontiguousarray(film.frames[0][:, WIDTH // 2 :]) for film in videos if film.name.endswith(("dog", "hummingbird"))
    ]
    films = [*make_films(draw_things(), "drawn"), *make_color_films()]
    films += [
        *make_films(shared, "cut", backgrounds),
        *make_films(photographs, "photo", backgrounds, ("alone", "pair", "crossing", "leaving")),
    ]
    return [*films, *read_clip_films(), *videos]
