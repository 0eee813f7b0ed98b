"""The questions about tracks and masks of one video: prompts with their images and descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alref.llm import track_sheet
from alref.llm.contact_sheet import ContactSheet, ContactSheetStyle, build_frame_sheet
from alref.llm.messages import Question
from alref.llm.options import ChatOptions
from alref.llm.question_builder import build_question, get_phrase_variables, join_names
from alref.llm.tasks import TrackTask
from alref.llm.text_description import describe_frames
from alref.llm.track_description import describe_tracks
from alref.media.video import Frame, Video
from alref.records import ObjectTrack, Phrase
from alref.utils.masks import Rle

UNSEEN = "You cannot see the video. Objects in it are described; numbers of frames count some frames in order of time."
Appearances = dict[tuple[Phrase, str, int], str]


@dataclass(frozen=True)
class TrackQuestionBuilder:
    """Builds questions about the tracks of one video.

    ``appearances`` are descriptions of how tracks look, by phrase, noun and id; questions about these tracks contain them.
    """

    video: Video
    options: ChatOptions
    appearances: Appearances = field(default_factory=dict)

    def build_concept_question(self, phrase: Phrase) -> Question:
        """Build the question, without images, which noun names the kind of thing that a phrase means."""
        return self._build_question("concept", phrase, ContactSheet((), ""), {})

    def build_shown_concept_question(self, phrase: Phrase, failed: Sequence[str], shown: Sequence[int]) -> Question:
        """Build the question which kind of thing is meant, with the frames ``shown`` and the nouns that were not found."""
        frames = self._read_frames(shown)
        sheet = (
            build_frame_sheet(frames, self._make_style())
            if self.options.vision
            else ContactSheet((), describe_frames(frames, self._list_seconds(shown)))
        )
        values = {"times": self._format_times(shown), "failed": join_names(failed)}
        return self._build_question("concept_shown", phrase, sheet, values)

    def build_track_question(
        self,
        task: TrackTask,
        phrase: Phrase,
        tracks: Sequence[ObjectTrack],
        shown: Sequence[int],
        model: str = "",
        votes: str = "",
    ) -> Question:
        """Build a question about all ``tracks`` on the frames ``shown``; ``votes`` are the answers that it is about."""
        ids = [track.id for track in tracks]
        frames = self._read_frames(shown)
        sheet = ContactSheet((), UNSEEN)
        if self.options.vision:
            rles = [[track.rles[frame] for track in tracks] for frame in shown]
            sheet = track_sheet.build_track_sheet(frames, rles, ids, self._make_style())
        looks = {track.id: self.appearances.get((phrase, track.noun, track.id), "") for track in tracks}
        described = describe_tracks(tracks, shown, self.video, looks, None if self.options.vision else frames)
        values = {"times": self._format_times(shown), "tracks": described, "ids": ", ".join(map(str, ids)), "votes": votes}
        question = self._build_question(task, phrase, sheet, values, ids, count=len(shown))
        return question.model_copy(update={"model": model}) if model else question

    def build_appearance_question(self, phrase: Phrase, track: ObjectTrack) -> Question:
        """Build the question how a track looks, with the frame on which it is largest."""
        largest = max(track.frames, key=lambda frame: track.rles[frame].area)
        sheet = track_sheet.build_appearance_sheet(
            self.video.read_frame(largest), track.decode_mask(largest), self._make_style()
        )
        return self._build_question("appearance", phrase, sheet, {})

    def build_need_question(self, phrase: Phrase) -> Question:
        """Build the question, without images, whether a phrase is about how the object looks."""
        return self._build_question("appearance_needed", phrase, ContactSheet((), ""), {})

    def build_mask_question(self, task: TrackTask, phrase: Phrase, rles: Sequence[Rle], shown: Sequence[int]) -> Question:
        """Build a question about one object that is outlined on the frames ``shown``; ``rles`` are the masks of all frames."""
        masks = [rles[frame] for frame in shown]
        sheet = track_sheet.build_outline_sheet(self._read_frames(shown), masks, self._make_style())
        values = {"times": self._format_times(shown)}
        return self._build_question(task, phrase, sheet, values, range(1, len(shown) + 1), count=len(shown))

    def _build_question(
        self,
        task: TrackTask,
        phrase: Phrase,
        sheet: ContactSheet,
        values: Mapping[str, Any],
        numbers: Sequence[int] = (),
        count: int = 0,
    ) -> Question:
        facts = {**get_phrase_variables(phrase), "heard": phrase.sound, "count": count, **values}
        return build_question(self.options, task, phrase.text, sheet, facts, numbers)

    def _read_frames(self, shown: Sequence[int]) -> list[Frame]:
        return [self.video.read_frame(frame) for frame in shown]

    def _list_seconds(self, shown: Sequence[int]) -> list[float]:
        return [float(self.video.times[frame]) for frame in shown]

    def _format_times(self, shown: Sequence[int]) -> str:
        return f"The frames are at {', '.join(f'{time:.1f}' for time in self._list_seconds(shown))} seconds."

    def _make_style(self) -> ContactSheetStyle:
        return ContactSheetStyle(self.options.layout, self.options.image_size, self.options.image_format)
