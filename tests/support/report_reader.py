"""A result made by hand, its report, and a report taken apart."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
from PIL import Image

from alref.output.report import render_run_report
from alref.output.thumbnails import Thumbnails
from alref.records import Candidates, Phrase, PivotBox, PivotFrame, Reference, Track, Verdict
from alref.result import Result
from alref.testing import ArrayVideo, make_moving_square
from alref.utils.masks import encode_mask

EVIL = "<script>alert('犬')</script> & \"quotes\""
VOID = {"meta", "img", "br", "link", "rect", "path", "hr"}


def contains_in_order(text: str, *facts: str) -> bool:
    """Return whether a text holds these facts as whole words in this order, with at most 60 characters between two of them."""
    return bool(re.search(".{0,60}?".join(rf"(?<!\w){re.escape(fact)}(?!\w)" for fact in facts), text, re.DOTALL))


class Page(HTMLParser):
    """A page taken apart: its elements with their attributes, its visible text, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def shows(self, *facts: str) -> bool:
        """Return whether the visible text holds these facts in this order, with at most a few words between two of them."""
        return contains_in_order(self.text, *facts)

    def all(self, tag: str, css: str = "") -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag and css in attrs.get("class", "")]


def pivot(phrase: Phrase, frame: int | None, **fields: Any) -> PivotFrame:
    return PivotFrame(phrase=phrase, frame=frame, **fields)


def scene() -> tuple[ArrayVideo, Result]:
    """Three references: one found by a fallback among three candidates, one heard in spans, one absent."""
    video, masks = make_moving_square(20, (60, 80), 16)
    dog = Phrase(reference="a", text=EVIL, category="dog", warnings=("the word 'happy' was not used",))
    bark = Phrase(reference="b", text="barking dog")
    cat = Phrase(reference="c", text="cat")
    first = pivot(dog, 4, why="the middle frame was taken", source="fallback", raw="I <b>cannot</b> say")
    second, none = pivot(bark, 9, why="loudest"), pivot(cat, None, finding="absent", why="no cat on any frame", source="model")
    boxes = np.array([[4, 4, 20, 20], [10, 22, 40, 40], [60, 2, 78, 50]], np.float32)
    seen = Candidates(pivot=first, xyxy=boxes, scores=np.array([0.9, 0.8, 0.1], np.float32))
    nothing = Candidates(pivot=second, xyxy=np.zeros((0, 4)), scores=np.zeros(0))
    rles = tuple(encode_mask(mask) for mask in masks)
    heard = bark.model_copy(update={"heard": ((0.5, 1.0),)})
    return video, Result(
        alref="1.2.3",
        video=video.get_info().model_copy(update={"warnings": ("two frames were lost",)}),
        references=(Reference(id="a", text=EVIL), Reference(id="b", sound=True), Reference(id="c", text="a cat")),
        phrases=(dog, bark, cat),
        pivots=(first, second, none),
        candidates=(seen, nothing),
        boxes=(
            PivotBox(pivot=first, xyxy=boxes[1], score=0.8, why="it moves", source="model", raw="box 2"),
            PivotBox(pivot=second, finding="absent", why="nothing seen"),
        ),
        tracks=(
            Track(phrase=dog, rles=rles, scores=(0.5,) * 20),
            Track(phrase=heard, rles=(encode_mask(np.zeros((60, 80), np.bool_)),) * 10 + rles[10:], scores=(0.9,) * 20),
        ),
        verdicts=(
            Verdict(reference="a", finding="found", why="seen on frame 4", source="fallback"),
            Verdict(reference="b", finding="silent", why="nothing was heard"),
            Verdict(reference="c", finding="absent", why="no cat on any frame", source="model"),
        ),
        seconds={"unifier": 0.25, "propagator": 12.5},
        warnings=(f"{EVIL!r}: the word 'happy' was not used", "a plugin is broken"),
        config={"propagator": {"use": "sam2", "note": EVIL}},
    )


def pictured(video: ArrayVideo, result: Result) -> Thumbnails:
    pictures = Thumbnails(result)
    for index, frame in video.read_frames():
        pictures.add_frame(index, frame)
    return pictures


def report(video: ArrayVideo, result: Result) -> str:
    return render_run_report(
        result, pictured(video, result), name=EVIL, versions={"alref": "1.2.3", EVIL: "4"}, command=f"alref run {EVIL}"
    )


def picture(attributes: dict[str, str]) -> np.ndarray[Any, Any]:
    kind, _, data = attributes["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.array(image.convert("RGB")).astype(int)
