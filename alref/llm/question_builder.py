"""The questions about one video: which pictures or descriptions go with which words."""

from __future__ import annotations

from typing import Any

from alref.audio.vocabulary import listed, named
from alref.llm import frame_sampling, text_description
from alref.llm.contact_sheet import Look, Sheet, boxes_sheet, frames_sheet
from alref.llm.messages import Message, Question
from alref.llm.options import ChatOptions
from alref.llm.prompt_templates import Task, filled, prompt, schema
from alref.media.video import Video
from alref.records import Candidates, Phrase, Span

MOMENT = 0.2
"""Seconds over which movement is measured."""
SPANS = 20
"""Spans of sound that are told at most."""
UNSEEN = Sheet((), "You cannot see the video. The boxes on one of its frames are described.")


class Poser:
    """Puts questions about one video; a sheet of the same frames is drawn once."""

    def __init__(self, video: Video, options: ChatOptions) -> None:
        self.video = video
        self.options = options
        self._sheets: dict[tuple[bool, tuple[int, ...]], Sheet] = {}

    def about_phrase(self, phrase: Phrase, shown: list[int]) -> Question:
        """Ask which of the frames ``shown`` shows the object of a phrase best."""
        return self._about_frames("frame_text", shown, _facts(phrase))

    def about_labels(self, labels: str, heard: tuple[Span, ...] | None, shown: list[int]) -> Question:
        """Ask which labels, a list in words, are objects in the video, and which of the frames ``shown`` shows each best.

        ``heard`` are the seconds in which any of them is heard.
        """
        vocabulary = listed(named(self.options.vocabulary))
        values = {"labels": labels, "seconds": _seconds(heard), "vocabulary": vocabulary, "one_source": self.options.one_source}
        return self._about_frames("frame_sound", shown, values)

    def _about_frames(self, task: Task, shown: list[int], values: dict[str, Any]) -> Question:
        seconds = [float(self.video.times[frame]) for frame in shown]
        place = task == "frame_text", tuple(shown)
        if place not in self._sheets:
            self._sheets[place] = self._frames(shown, seconds, vertical=place[0])
        times = f"The frames are at {', '.join(f'{time:.1f}' for time in seconds)} seconds." if self.options.vision else ""
        return self._question(task, len(shown), self._sheets[place], {"times": times, **values})

    def _frames(self, shown: list[int], seconds: list[float], vertical: bool) -> Sheet:
        frames = [frame for _, frame in self.video.frames(shown)]
        if not self.options.vision:
            return Sheet((), text_description.frames_in_words(frames, seconds))
        return frames_sheet(frames, self._look(vertical))

    def about_boxes(self, candidates: Candidates, count: int) -> Question:
        """Ask which of the ``count`` best candidates holds the object."""
        phrase, pivot = candidates.pivot.phrase, candidates.pivot.frame
        assert pivot is not None
        facts = {**_facts(phrase), "heard": phrase.sound}
        if not self.options.vision:
            return self._question("box", count, UNSEEN, {"frame": 1, **self._in_words(candidates, count, pivot), **facts})
        shown = self._context(pivot, phrase.sound)
        frames = [frame for _, frame in self.video.frames(shown)]
        chosen = shown.index(pivot)
        sheet = boxes_sheet(frames, chosen, candidates.xyxy[:count], self._look(vertical=not phrase.sound))
        boxes = text_description.boxes_listed(candidates, count, frames[0].shape)
        return self._question("box", count, sheet, {"frame": chosen + 1, **boxes, **facts})

    def _in_words(self, candidates: Candidates, count: int, pivot: int) -> dict[str, str]:
        """Describe candidates, and how they move to a frame shortly after, or at the end of the video from one before."""
        step = max(1, round(MOMENT * self.video.fps))
        near = pivot + step if pivot + step < len(self.video) else max(0, pivot - step)
        frame = self.video.frame(pivot)
        other = frame if near == pivot else self.video.frame(near)
        words = text_description.boxes_in_words(candidates, count, frame, other, later=near > pivot)
        return dict.fromkeys(text_description.LISTS, words)

    def _context(self, pivot: int, sounding: bool) -> list[int]:
        if self.options.sampler == "paper":
            return frame_sampling.published_context(len(self.video), pivot, sounding)
        return frame_sampling.context(self.video, pivot)

    def _question(self, task: Task, count: int, sheet: Sheet, values: dict[str, Any]) -> Question:
        text = prompt(task, self.options.prompts, self.options.prompt_files)
        words = filled(text, {"pictures": sheet.text, "count": count, **values}, task)
        wanted = schema(task, count) if self.options.prompts == "structured" else None
        return Question(messages=(Message(text=words),), images=sheet.images, answer_schema=wanted)

    def _look(self, vertical: bool) -> Look:
        return Look(self.options.layout, self.options.image_size, self.options.image_format, vertical)


def _facts(phrase: Phrase) -> dict[str, str]:
    """Return what is known of a phrase, by the names of variables in prompts."""
    heard = _seconds(phrase.heard)
    return {"phrase": phrase.text, "category": phrase.category, "sounds": listed(phrase.sounds), "seconds": heard}


def _seconds(spans: tuple[Span, ...] | None) -> str:
    """Say in which seconds something is heard, "0.5 to 2.0, 3.1 to 4.0"; empty when that is not known."""
    told = [f"{start:.1f} to {end:.1f}" for start, end in (spans or ())[:SPANS]]
    return ", ".join([*told, "and later"] if len(spans or ()) > SPANS else told)
