"""Objects and backgrounds of the films: drawn, cut out of the shared clips, or cut out of photographs.

scikit-image and scikit-learn carry the photographs in their packages; without these packages they are left out.
"""

from __future__ import annotations

import colorsys
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from alref.media.write import read_mask

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data"

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Color = tuple[int, int, int]

DARK, LIGHT = (25, 25, 25), (240, 240, 240)
RGB = {"red": (205, 35, 40), "blue": (40, 70, 190), "green": (40, 150, 60), "yellow": (240, 210, 50)}


@dataclass(frozen=True, eq=False)
class Thing:
    """A picture of an object with its mask and words: a noun, a typo of it, the noun in another language, a part of it."""

    noun: str
    picture: Picture
    mask: Mask
    typo: str
    foreign: str
    part: str

    def mirror(self) -> Thing:
        """Return the mirrored object."""
        return Thing(self.noun, self.picture[:, ::-1], self.mask[:, ::-1], self.typo, self.foreign, self.part)


def draw_things() -> list[Thing]:
    """Draw objects that an ImageNet classifier knows."""
    return [
        Thing("clock", *_draw(_draw_clock), "the clcok", "el reloj", "the hands of the clock"),
        Thing("soccer ball", *_draw(_draw_soccer_ball), "the socer bal", "der Fussball", "the stripe of the soccer ball"),
        Thing("basketball", *_draw(_draw_basketball), "the basketbal", "le ballon de basket", "the basketball's label"),
        Thing("street sign", *_draw(_draw_sign), "the steet sgin", "la señal de la calle", "the sign's edge"),
        draw_mug("blue"),
    ]


def draw_mug(color: str) -> Thing:
    """Draw a mug of one color of ``RGB``."""
    return Thing("mug", *_draw(lambda image: _draw_mug(image, RGB[color])), "the mgu", "la tasse", "the mug's handle")


def cut_shared_things() -> list[Thing]:
    """Cut the objects out of the shared clips; nothing where they are not."""
    things = []
    for name, words in (
        ("coffee", ("mug", "the mugg", "die Tasse", "the handle of the mug")),
        ("frog", ("frog", "the forg", "la rana", "the frog's head")),
    ):
        folder = SHARED / "clips" / name
        if folder.is_dir():
            first = json.loads((folder / "meta.json").read_text(encoding="utf-8"))["expressions"][0]["obj_id"][0]
            mask = read_mask(folder / "masks" / str(first) / "00012.png")
            things.append(_crop(words[0], read_picture(folder / "frames" / "00012.jpg"), mask, *words[1:]))
    return things


def cut_photographs() -> list[Thing]:
    """Cut objects out of the photographs of scikit-image and scikit-learn, along polygons and ellipses set by eye."""
    cat = [(40, 60), (70, 0), (345, 0), (366, 50), (362, 112), (334, 204), (310, 275), (218, 290), (70, 275), (35, 153)]
    astronaut = [(242, 14), (303, 70), (290, 130), (309, 226), (352, 261), (368, 348), (368, 511), (26, 511), (24, 383)]
    astronaut += [(59, 261), (104, 200), (124, 157), (183, 139), (176, 78), (196, 26)]
    motorcycle = [(113, 221), (160, 162), (255, 179), (340, 170), (406, 153), (453, 102), (500, 77), (548, 102), (567, 162)]
    motorcycle += [(557, 204), (623, 255), (680, 357), (661, 442), (604, 445), (548, 357), (491, 349), (434, 357), (349, 400)]
    motorcycle += [(330, 425), (311, 383), (245, 366), (170, 394), (122, 357), (113, 272)]
    cup = [(174, 100), (185, 50), (230, 22), (300, 18), (365, 40), (405, 90), (405, 130), (385, 180), (355, 205), (300, 222)]
    cup += [(255, 215), (250, 290), (225, 308), (200, 300), (200, 250), (215, 225), (190, 190), (178, 140)]
    flower = [(int(x), int(y)) for x, y in cv2.ellipse2Poly((307, 222), (137, 137), 0, 0, 360, 10).tolist()]
    outlines: list[tuple[str, str, list[tuple[int, int]], tuple[str, str, str, str]]] = [
        ("skimage", "data/chelsea.png", cat, ("cat", "the caat", "le chat", "the cat's nose")),
        ("skimage", "data/astronaut.png", astronaut, ("astronaut", "the astronuat", "la astronauta", "the astronaut's face")),
        ("skimage", "data/motorcycle_left.png", motorcycle, ("motorcycle", "the motorcicle", "das Motorrad", "the headlight")),
        ("skimage", "data/coffee.png", cup, ("cup", "the cpu of cofee", "une tasse", "the cup's handle")),
        ("sklearn", "datasets/images/flower.jpg", flower, ("flower", "the flwoer", "la flor", "the edge of the flower")),
    ]
    things = []
    for package, name, outline, words in outlines:
        found = find_spec(package)
        if found and found.origin:
            picture = read_picture(Path(found.origin).parent / name)
            mask = np.zeros(picture.shape[:2], np.uint8)
            cv2.fillPoly(mask, [np.array(outline, np.int32)], 1)
            things.append(_crop(words[0], picture, mask.astype(bool), *words[1:]))
    return things


def read_picture(path: Path) -> Picture:
    """Read an RGB picture."""
    return np.asarray(cv2.imread(str(path))[..., ::-1], np.uint8)


def draw_background(number: int, height: int, width: int) -> Picture:
    """Draw a wall and a floor of soft random colors, with some boxes; ``number`` chooses them."""
    random = np.random.default_rng(number)
    tones = np.stack([_pick_tone(random) for _ in range(12)]).reshape(3, 4, 3).astype(np.uint8)
    image = np.asarray(cv2.resize(tones, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8).copy()
    horizon = int(height * random.uniform(0.5, 0.7))
    image[horizon:] = (image[horizon:] * 0.7).astype(np.uint8)
    for _ in range(4):
        left, top = int(random.uniform(0, width)), int(random.uniform(0.2, 0.6) * height)
        end = left + int(random.uniform(0.04, 0.12) * width), horizon + int(random.uniform(0, 0.1) * height)
        cv2.rectangle(image, (left, top), end, _pick_tone(random), -1)
    grain = random.normal(0, 6, image.shape)
    return np.asarray(np.clip(image + grain, 0, 255), np.uint8)


def _pick_tone(random: np.random.Generator) -> Color:
    """Pick a dull color, so that no object's color is in the background."""
    tone = colorsys.hsv_to_rgb(random.uniform(0, 1), random.uniform(0, 0.15), random.uniform(0.35, 0.75))
    red, green, blue = (int(255 * part) for part in tone)
    return red, green, blue


def _crop(noun: str, picture: Picture, mask: Mask, typo: str, foreign: str, part: str) -> Thing:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    inside = slice(top, top + height), slice(left, left + width)
    return Thing(noun, picture[inside], mask[inside], typo, foreign, part)


def _draw(paint: Callable[[Picture], None]) -> tuple[Picture, Mask]:
    """Return a picture of 200 x 200 with what ``paint`` painted on magenta, and its mask."""
    image = np.full((200, 200, 3), (255, 0, 255), np.uint8)
    paint(image)
    mask = (image != (255, 0, 255)).any(axis=2)
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    inside = slice(top, top + height), slice(left, left + width)
    return image[inside], np.asarray(mask[inside])


def _draw_clock(image: Picture) -> None:
    cv2.circle(image, (100, 100), 90, LIGHT, -1)
    cv2.circle(image, (100, 100), 90, DARK, 8)
    for turn in np.arange(12) * np.pi / 6:
        ends = [(int(100 + far * np.sin(turn)), int(100 - far * np.cos(turn))) for far in (72, 80)]
        cv2.line(image, ends[0], ends[1], DARK, 4)
    cv2.line(image, (100, 100), (100, 40), DARK, 5)
    cv2.line(image, (100, 100), (145, 122), DARK, 6)


def _draw_soccer_ball(image: Picture) -> None:
    cv2.circle(image, (100, 100), 90, LIGHT, -1)
    _fill_polygon(image, (100, 100), 30, 5, -np.pi / 2, DARK)
    for turn in -np.pi / 2 + 2 * np.pi * np.arange(5) / 5:
        ends = [(int(100 + far * np.cos(turn)), int(100 + far * np.sin(turn))) for far in (30, 60)]
        cv2.line(image, ends[0], ends[1], DARK, 3)
        _fill_polygon(image, (100 + 72 * np.cos(turn), 100 + 72 * np.sin(turn)), 16, 5, turn + np.pi, DARK)


def _draw_basketball(image: Picture) -> None:
    cv2.circle(image, (100, 100), 90, (220, 110, 30), -1)
    cv2.line(image, (10, 100), (190, 100), DARK, 4)
    cv2.line(image, (100, 10), (100, 190), DARK, 4)
    cv2.ellipse(image, (25, 100), (45, 75), 0, -60, 60, DARK, 4)
    cv2.ellipse(image, (175, 100), (45, 75), 0, 120, 240, DARK, 4)


def _draw_sign(image: Picture) -> None:
    cv2.rectangle(image, (95, 110), (105, 198), (120, 120, 120), -1)
    _fill_polygon(image, (100, 65), 64, 8, np.pi / 8, LIGHT)
    _fill_polygon(image, (100, 65), 58, 8, np.pi / 8, RGB["red"])
    cv2.putText(image, "STOP", (56, 78), cv2.FONT_HERSHEY_SIMPLEX, 1.1, LIGHT, 5)


def _draw_mug(image: Picture, color: Color) -> None:
    lighter = tuple(min(255, level + 40) for level in color)
    cv2.ellipse(image, (152, 100), (32, 40), 0, 0, 360, color, 14)
    cv2.rectangle(image, (30, 40), (145, 170), color, -1)
    cv2.ellipse(image, (87, 170), (57, 16), 0, 0, 360, color, -1)
    cv2.ellipse(image, (87, 40), (57, 16), 0, 0, 360, lighter, -1)
    cv2.ellipse(image, (87, 43), (48, 12), 0, 0, 360, (70, 45, 30), -1)


def _fill_polygon(image: Picture, center: tuple[float, float], radius: float, corners: int, turn: float, color: Color) -> None:
    turns = turn + 2 * np.pi * np.arange(corners) / corners
    points = np.stack([center[0] + radius * np.cos(turns), center[1] + radius * np.sin(turns)], axis=1)
    cv2.fillPoly(image, [points.astype(np.int32)], color)
