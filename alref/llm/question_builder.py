"""The questions about one video: prompts with their images or descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from alref.audio.vocabulary import UNKNOWN_SOUND, load_vocabulary
from alref.llm import frame_sampling, text_description
from alref.llm.contact_sheet import ContactSheet, ContactSheetStyle, build_box_sheet, build_frame_sheet
from alref.llm.messages import Message, Question
from alref.llm.options import ChatOptions
from alref.llm.prompt_templates import build_answer_schema, load_template, render_template
from alref.llm.tasks import PivotTask, QuestionTask
from alref.media.video import Video
from alref.records import Candidates, Phrase, TimeSpan

MOTION_SECONDS = 0.2
"""Seconds over which movement is measured."""
MAX_SPANS = 20
"""Maximum number of audible spans in a prompt."""
NO_IMAGE_SHEET = ContactSheet((), "You cannot see the video. The boxes on one of its frames are described.")


@dataclass(frozen=True)
class QuestionBuilder:
    """Builds questions about one video; a sheet of the same frames is drawn once."""

    video: Video
    options: ChatOptions
    _sheets: dict[tuple[bool, tuple[int, ...]], ContactSheet] = field(default_factory=dict, init=False, repr=False)

    def build_phrase_question(self, phrase: Phrase, shown: list[int]) -> Question:
        """Build the question which of the frames ``shown`` shows the object of a phrase best."""
        return self._build_frame_question("frame_text", phrase.text, shown, get_phrase_variables(phrase))

    def build_label_question(self, labels: Sequence[str], heard: tuple[TimeSpan, ...] | None, shown: list[int]) -> Question:
        """Build the question which ``labels`` are objects in the video, and which frame of ``shown`` shows each best.

        ``heard`` are the seconds in which any of them is heard.
        """
        vocabulary = join_names(load_vocabulary(self.options.vocabulary))
        topic = join_names(labels)
        values = {
            "labels": topic,
            "seconds": _format_spans(heard),
            "vocabulary": vocabulary,
            "one_source": self.options.one_source,
        }
        return self._build_frame_question("frame_sound", topic, shown, values)

    def _build_frame_question(self, task: PivotTask, topic: str, shown: list[int], values: dict[str, Any]) -> Question:
        seconds = [float(self.video.times[frame]) for frame in shown]
        vertical = task == "frame_text"
        place = vertical, tuple(shown)
        if place not in self._sheets:
            frames = [self.video.read_frame(index) for index in shown]
            self._sheets[place] = (
                build_frame_sheet(frames, self._make_sheet_style(vertical))
                if self.options.vision
                else ContactSheet((), text_description.describe_frames(frames, seconds))
            )
        times = f"The frames are at {', '.join(f'{time:.1f}' for time in seconds)} seconds." if self.options.vision else ""
        numbers = range(1, len(shown) + 1)
        facts = {"times": times, "count": len(shown), **values}
        return build_question(self.options, task, topic, self._sheets[place], facts, numbers)

    def build_box_question(self, candidates: Candidates, count: int) -> Question:
        """Build the question which of the ``count`` best candidates is the object."""
        phrase, pivot = candidates.pivot.phrase, candidates.pivot.frame
        assert pivot is not None
        facts: dict[str, Any] = {**get_phrase_variables(phrase), "heard": phrase.sound, "count": count}
        numbers = range(1, count + 1)
        if not self.options.vision:
            facts |= {"frame": 1, **self._describe_candidates(candidates, count, pivot)}
            return build_question(self.options, "box", phrase.text, NO_IMAGE_SHEET, facts, numbers)
        shown = self._select_context_frames(pivot, phrase.sound)
        frames = [self.video.read_frame(index) for index in shown]
        chosen = shown.index(pivot)
        sheet = build_box_sheet(frames, chosen, candidates.xyxy[:count], self._make_sheet_style(vertical=not phrase.sound))
        boxes = text_description.list_boxes(candidates, count, frames[0].shape)
        return build_question(self.options, "box", phrase.text, sheet, {"frame": chosen + 1, **boxes, **facts}, numbers)

    def _describe_candidates(self, candidates: Candidates, count: int, pivot: int) -> dict[str, str]:
        """Describe candidates and their motion to a frame shortly after, or, at the end of the video, from a frame before."""
        step = max(1, round(MOTION_SECONDS * self.video.fps))
        near = pivot + step if pivot + step < len(self.video) else max(0, pivot - step)
        frame = self.video.read_frame(pivot)
        other = frame if near == pivot else self.video.read_frame(near)
        words = text_description.describe_boxes(candidates, count, frame, other, later=near > pivot)
        return dict.fromkeys(text_description.BOX_LISTS, words)

    def _select_context_frames(self, pivot: int, is_sound: bool) -> list[int]:
        if self.options.sampler == "paper":
            return frame_sampling.sample_published_context(len(self.video), pivot, is_sound)
        return frame_sampling.sample_context(self.video, pivot)

    def _make_sheet_style(self, vertical: bool) -> ContactSheetStyle:
        return ContactSheetStyle(self.options.layout, self.options.image_size, self.options.image_format, vertical)


def build_question(
    options: ChatOptions,
    task: QuestionTask,
    topic: str,
    sheet: ContactSheet,
    values: Mapping[str, Any],
    numbers: Sequence[int] = (),
) -> Question:
    """Build a question: the prompt of a task with ``values`` for its variables, and the images of a sheet.

    One of ``numbers`` may be chosen. A prompt that asks for JSON has the schema of the answer with it.
    """
    text = load_template(task, options.prompts, options.prompt_files)
    words = render_template(text, {"images": sheet.text, **values}, task)
    has_schema = options.prompts == "structured" or task not in get_args(PivotTask)
    schema = build_answer_schema(task, numbers) if has_schema else None
    return Question(messages=(Message(text=words),), images=sheet.images, answer_schema=schema, topic=topic)


def join_names(names: Sequence[str]) -> str:
    """Join names into one line, with semicolons if a name contains a comma. A sound without a name is described as such."""
    words = ["a sound of an unknown kind" if name == UNKNOWN_SOUND else name for name in names]
    return ("; " if any("," in name for name in words) else ", ").join(words)


def get_phrase_variables(phrase: Phrase) -> dict[str, str]:
    """Return the facts about a phrase, by the names of variables in prompts."""
    heard = _format_spans(phrase.heard)
    return {"phrase": phrase.text, "category": phrase.category, "sounds": join_names(phrase.sounds), "seconds": heard}


def _format_spans(spans: tuple[TimeSpan, ...] | None) -> str:
    """Return the seconds in which something is heard, "0.5 to 2.0, 3.1 to 4.0"; empty if they are not known."""
    texts = [f"{start:.1f} to {end:.1f}" for start, end in (spans or ())[:MAX_SPANS]]
    return ", ".join([*texts, "and later"] if len(spans or ()) > MAX_SPANS else texts)
