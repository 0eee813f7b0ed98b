"""Tracks of squares that are given by their frames and places, and the answers about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from alref.llm.messages import Question
from alref.records import ObjectTrack, Phrase, TrackCandidates
from alref.utils.masks import encode_mask

DOG = Phrase(reference="1", text="the dog that runs to the left", category="dog")


def make_track(number: int, frames: range, total: int, size: tuple[int, int] = (60, 80), noun: str = "dog") -> ObjectTrack:
    """Make a track of a square that exists on ``frames`` and moves one pixel to the right on each; one row for each number."""
    rles = []
    for frame in range(total):
        mask = np.zeros(size, np.bool_)
        if frame in frames:
            top, left = (7 * number) % (size[0] - 8), (frame + 3 * number) % (size[1] - 10)
            mask[top : top + 6, left : left + 8] = True
        rles.append(encode_mask(mask))
    return ObjectTrack(id=number, noun=noun, score=1 / number, rles=tuple(rles), scores=(0.5,) * total)


def make_candidates(*tracks: ObjectTrack, phrase: Phrase = DOG, round: int = 1) -> TrackCandidates:
    return TrackCandidates(phrase=phrase, tracks=tracks, round=round)


def say_choices(choices: Mapping[int, str], why: str = "it runs") -> str:
    """Return an answer in the form that was asked for."""
    return json.dumps({"why": "dogs run", "tracks": [{"id": n, "choice": each, "why": why} for n, each in choices.items()]})


def read_task(question: Question) -> str:
    """Return the task of a question about tracks, by the properties that it wants in its answer."""
    wanted = question.answer_schema or {}
    names = tuple(wanted["properties"])
    if names == ("why", "tracks"):
        return "synthesis" if "do not agree" in question.messages[0].text else "tracks"
    return {
        ("why", "kind", "noun", "broader"): "concept",
        ("why", "noun", "broader"): "concept_shown",
        ("why", "answer"): "appearance_needed",
        ("description",): "appearance",
        ("why", "verdict", "criterion", "evidence"): "audit",
        ("why", "frames"): "review",
        ("why", "verdict", "evidence"): "behavior",
    }[names]


def list_ids(question: Question) -> list[int]:
    """Return the numbers that a question allows."""
    wanted: Any = question.answer_schema
    name = "tracks" if "tracks" in wanted["properties"] else "frames"
    items = wanted["properties"][name]["items"]["properties"]
    numbers: list[int] = items["id" if name == "tracks" else "frame"]["enum"]
    return numbers
