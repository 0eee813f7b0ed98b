"""The kinds of component. A plugin subclasses one of them, or several; the engine calls it.

There are four kinds of unifier: text parsers, audio taggers, speech transcribers and sound event locators.

A plugin's ``__init__.py`` stays light: it has the class, its options and its requirements, and imports heavy libraries inside
the methods. ``options`` and ``device`` are given when the component is made; ``load`` is called once, before any video.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from alref.components.shared_model import SharedModel
from alref.errors import Problem
from alref.utils.libraries import find_missing_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alref.media.video import Video
    from alref.models.weights import Weights
    from alref.records import (
        BehaviorReview,
        Candidates,
        Concept,
        ExistenceAudit,
        FrameMasks,
        MaskReview,
        ObjectTrack,
        Phrase,
        PivotBox,
        PivotFrame,
        Reference,
        Track,
        TrackCandidates,
        TrackChoice,
        Transcript,
    )
    from alref.result import Usage
    from alref.utils.prompt_kinds import PromptKind

ADVANCED = "stage_advanced"
"""The hook that receives the progress of a stage."""

API_LEVEL = 1
"""The contract level of this release: increased when plugins for the previous level would break."""


class StageOptions(BaseModel):
    """Base of every component's options: each field has a type, a default and a ``description``; unknown names are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)


class Stage(ABC):
    """A component: a ``name``, options, requirements, and the loading and release of its models.

    ``model_options`` are the options that its loaded model depends on: several slots with the component load the model once if
    these options agree. ``devices`` are those that its model can run on: ``cpu``, ``cuda``, ``mps``; empty if it ignores the
    device of the run. ``needs`` are the import names of the libraries that it uses; ``extra`` is the extra of its own
    distribution that installs them, empty if the distribution itself does. ``uses`` are slots whose components it calls itself:
    the engine has them ready in ``parts``, by slot, while it calls the component.

    ``resource_options`` are options that change time or cost and no output, such as a timeout: a batch does not compute again
    what was computed with other values of them.

    The engine calls it for one video at a time, unless ``concurrent`` is True: then several threads may call it at once, which
    suits components that wait on the network. Texts appended to ``warnings`` are shown to the user.
    """

    name: ClassVar[str]
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    devices: ClassVar[tuple[str, ...]] = ()
    model_options: ClassVar[tuple[str, ...]] = ()
    resource_options: ClassVar[frozenset[str]] = frozenset()
    uses: ClassVar[tuple[str, ...]] = ()
    api: ClassVar[int] = API_LEVEL
    concurrent: ClassVar[bool] = False
    Options: ClassVar[type[StageOptions]] = StageOptions

    def __init__(self, options: StageOptions, device: str = "auto") -> None:
        self.options = options
        self.device = device
        self.origin = self.slot = ""
        self.warnings: list[str] = []
        self.shared_model = SharedModel()
        self.parts: dict[str, Stage] = {}
        self._default_listener: Callable[[str, object], None] | None = None
        self._listeners: dict[int, Callable[[str, object], None]] = {}

    def bind(self, origin: str, notify: Callable[[str, object], None], slot: str = "") -> None:
        """Set the distribution with its version, the receiver of events of threads without a listener, and the first slot."""
        self.origin, self._default_listener, self.slot = origin, notify, slot

    @contextmanager
    def listen(self, listener: Callable[[str, object], None]) -> Iterator[None]:
        """Send the events of the calling thread to ``listener(hook, event)`` until the block ends. Used by the engine."""
        thread = get_ident()
        outer = self._listeners.get(thread)
        self._listeners[thread] = listener
        try:
            yield
        finally:
            if outer is None:
                del self._listeners[thread]
            else:
                self._listeners[thread] = outer

    def notify(self, hook: str, event: object) -> None:
        """Notify observers of an event by the name of their hook, for example ``question_answered``."""
        listener = self._listeners.get(get_ident(), self._default_listener)
        if listener is not None:
            listener(hook, event)

    def advance(self, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` steps of the running call are finished, for the progress bar and observers.

        A propagator does not need it: the engine counts the frames that it yields.
        """
        self.notify(ADVANCED, (done, total))

    def announce(self, note: str) -> None:
        """Show a line to the user at once, for example what the next request costs."""
        self.notify(ADVANCED, note)

    @classmethod
    def find_missing_libraries(cls) -> list[Problem]:
        """Return one problem that lists the libraries that are not installed; nothing is imported."""
        return find_missing_libraries(cls)

    def weights(self) -> list[Weights]:
        """List the weights that it loads with its options, which ``alref models`` shows and downloads. Default: none."""
        return []

    def list_input_files(self) -> list[Path]:
        """List the files and folders, besides weights, whose content its outputs depend on. Default: the Paths in options."""
        values = (getattr(self.options, name) for name in type(self.options).model_fields)
        return [value for value in values if isinstance(value, Path)]

    def problems(self) -> list[Problem]:
        """Return the problems that keep this component from running on this machine; called before any work.

        Check libraries, weights, keys and servers, as far as this is quick. Default: the libraries, then the weights.
        """
        return self.find_missing_libraries() or [problem for weights in self.weights() for problem in weights.problems()]

    def estimate_request(self, frames: int) -> Usage | None:
        """Return what one request to a paid service costs, about a video of ``frames`` frames. Default: None, nothing is paid.

        Reasoners that ask a language model are estimated by their questions instead.
        """
        return None

    def load(self) -> None:  # noqa: B027 - optional
        """Load models onto the device. Called once, before the first video."""

    def close(self) -> None:  # noqa: B027 - optional
        """Release models and connections. Called once, after the last video."""


class Unifier(Stage):
    """Turns a text into phrases."""

    @abstractmethod
    def unify(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the phrases that ``reference.text`` means, an empty list when there is nothing to find."""


class Tagger(Stage):
    """Turns audio into phrases."""

    @abstractmethod
    def tag(self, video: Video, reference: Reference) -> list[Phrase]:
        """Return the sounds of the video, most confident first, as phrases with ``sound`` and ``score`` set.

        Called only when the audio track is not silent. ``heard`` may be set; ``locate`` overrides it.
        """


class Transcriber(Stage):
    """Turns a spoken sentence into text."""

    @abstractmethod
    def transcribe(self, video: Video, reference: Reference) -> list[Transcript]:
        """Return the transcript of the file ``reference.spoken`` in order; joined, its parts are the reference's text."""


class Locator(Stage):
    """Locates phrases in time by their sound."""

    @abstractmethod
    def locate(self, video: Video, reference: Reference, phrases: list[Phrase]) -> list[Phrase]:
        """Return the same phrases with ``heard`` filled in: masks outside it are emptied; ``()`` means never."""

    def match_names(self, names: list[str], vocabulary: list[str]) -> list[str | None]:
        """Return for each name the word of a vocabulary with the same meaning, or None. Default: equal words."""
        known = {word.lower(): word for word in vocabulary}
        return [known.get(name.lower()) for name in names]


class TemporalReasoner(Stage):
    """Picks the frames to start from."""

    @abstractmethod
    def pick_frames(self, video: Video, phrases: list[Phrase]) -> list[PivotFrame]:
        """Return at least one pivot frame for each phrase, or one whose finding is ``absent`` with the reason in ``why``.

        A phrase may be renamed, left out (treated as absent) or added; several pivots of one phrase are starts of one object.
        """


class SpatialReasoner(Stage):
    """Picks the box to start from among candidates."""

    @abstractmethod
    def pick_boxes(self, video: Video, candidates: list[Candidates]) -> list[PivotBox]:
        """Return one pivot box for each entry of ``candidates`` (each has N >= 1 boxes), in their order."""


class Reasoner(TemporalReasoner, SpatialReasoner):
    """A component that picks both frames and boxes, as selected by ``--reasoner``."""


class Proposer(Stage):
    """Proposes boxes for phrases on their pivot frames."""

    @abstractmethod
    def propose(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return one entry for each pivot, in their order; an entry without a box means that nothing was found."""

    def propose_best(self, video: Video, pivots: list[PivotFrame]) -> list[Candidates]:
        """Return the same for a fallback, where nothing was found anywhere: also boxes that are less likely than usual.

        Default: what ``propose`` returns.
        """
        return self.propose(video, pivots)


class PropagatorOptions(StageOptions):
    """Options of every propagator that can start from masks of a proposer."""

    proposal_masks: bool = Field(
        False, description="start from the mask that the proposer gives for the box, where it gives one; else from the box"
    )


class Propagator(Stage):
    """Turns pivot boxes into masks of every frame.

    ``prompts`` are the kinds of prompt that it accepts, of ``box``, ``mask``, ``points`` and ``absent``. It never gets another
    kind: the user is told which propagators accept it.
    """

    prompts: ClassVar[frozenset[PromptKind]] = frozenset({"box", "mask"})

    @abstractmethod
    def propagate(self, video: Video, boxes: list[PivotBox]) -> Iterator[FrameMasks]:
        """Yield the masks of all objects, each frame of the video exactly once, in any order.

        The P axis is ``alref.records.list_object_phrases(boxes)``. A box with a ``mask`` starts from the mask: that of the
        user, or that of the proposer if ``PropagatorOptions.proposal_masks`` is set. With ``points``, the mask or the box is
        corrected by them first, and either may be missing; what points take away should not return on other frames. With
        finding ``absent``, the object has no mask on that frame. Between two frames, the engine may call it for another video.
        """


class Tracker(Stage):
    """Tracks all objects of some nouns over the whole video."""

    @abstractmethod
    def track(self, video: Video, nouns: list[str]) -> list[ObjectTrack]:
        """Return every object of each noun, as far as it is seen; no track for a noun means that nothing was found.

        ``ObjectTrack.noun`` is the noun as given. The tracks of a noun must not depend on the other nouns: the engine
        caches them by noun.

        The tracks of one noun have ids 1, 2, … in the order of their score, best first.
        """


class TrackReasoner(Stage):
    """Picks the tracks that a phrase means."""

    @abstractmethod
    def name_concepts(self, video: Video, phrases: list[Phrase], failed: list[Concept]) -> list[Concept]:
        """Return one noun to track for each phrase, in their order, or none for a phrase of which no other noun is known.

        A concept whose finding is ``absent`` or ``ambiguous`` is not tracked: its ``why`` is the reason of the verdict.
        ``failed`` are earlier nouns of these phrases of which no track was found; they must not be returned again.
        """

    @abstractmethod
    def pick_tracks(self, video: Video, candidates: list[TrackCandidates]) -> list[TrackChoice]:
        """Return one choice for every track of every phrase, in their order. The engine asks again about uncertain ones.

        Outside the seconds in which a phrase is heard, the masks of its tracks are empty.
        """

    def audit_existence(self, video: Video, candidates: list[TrackCandidates]) -> list[ExistenceAudit]:
        """Return for each phrase whether it is in the video at all; its tracks are those that were accepted.

        Asked after the tracks were picked. ``absent`` needs evidence that contradicts the phrase; doubt is not evidence.
        Default: no audit.
        """
        return []


class Reviewer(Stage):
    """Looks at masks again."""

    @abstractmethod
    def review_masks(self, video: Video, tracks: list[Track], frames: list[list[int]]) -> list[MaskReview]:
        """Return one review for each track, in their order: whether its mask is on the object, on each of its ``frames``.

        ``no`` needs evidence: what the mask is on instead. A doubt is ``unclear``. On a frame without a mask, ``yes`` says that
        the object is not in view.
        """

    def review_behavior(self, video: Video, tracks: list[Track]) -> list[BehaviorReview]:
        """Return one review for each track, in their order: whether its words describe what the object does over the video.

        Needed only for words of direction, negation or order; other tracks are ``unsure``. Default: no reviews.
        """
        return []
