"""Requests to the hosted SAM 3.1: answered from a store where possible, else asked once, within a budget."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from alref import AlrefError, Answer, InputError, MissingError, Problem, Question, Stage, Video
from alref.errors import sanitize_line
from alref.llm.answer_store import AnswerStore, compute_answer_key, get_default_path
from alref.llm.conversations import AnswerSource
from alref.llm.messages import Message, QuestionEvent
from alref.llm.replay import AnswerReplay
from alref.llm.server_errors import ServerError
from alref.llm.shared_limits import make_budget
from alref.records import DecisionSource
from alref.utils import network
from alref_sam3 import server
from alref_sam3.protocol import AnswerError, ServedMask, read_masks

if TYPE_CHECKING:
    from alref_sam3 import Sam3ApiOptions
    from alref_sam3._connection import HostedConnection

TEXT_FIELD = "output_text"
"""The field of a stored answer with the text of the service, which may be empty."""


@dataclass(frozen=True)
class HostedRequest:
    """One request: the ``slot`` that asks, what it is about, its text, and its metadata."""

    slot: Literal["tracker", "propagator"]
    topic: str
    text: str
    metadata: dict[str, str]


class HostedQuestions:
    """Asks the service, or replays its answers. The connection is made with the first request."""

    def __init__(self, options: Sam3ApiOptions, origin: str, component: str, slot: str) -> None:
        self._options, self._origin, self._component, self._slot = options, origin, component, slot
        self._budget = make_budget(options.max_cost, f"{slot}.max_cost")
        self._answers: AnswerSource = (
            AnswerReplay(options.replay) if options.replay else AnswerStore(options.answers or get_default_path())
        )
        self._connection: HostedConnection | None = None

    def close(self) -> None:
        """Close the connection and the answer store."""
        self._answers.close()
        if self._connection is not None:
            self._connection.close()

    def ask_masks(self, stage: Stage, video: Video, request: HostedRequest) -> list[ServedMask]:
        """Return the masks of the answer to a request; only a complete answer counts, and it is stored.

        Raises ConfigError at the limit of cost, InputError for a refused request, MissingError without a complete answer.
        """
        question = Question(messages=(Message(text=request.text),), topic=request.topic)
        changing = {"base_url": self._options.base_url, "metadata": request.metadata, "video": video.fingerprint}
        key = compute_answer_key(self._origin, self._component, changing, self._options.model, question)
        answer = self._answers.get(key, request.topic)
        source: DecisionSource = self._answers.source
        if answer is None:
            answer, source = self._send_request(stage, video, request), "model"
            masks = self._read_answer(answer, video)
            self._answers.put(key, question, answer)
        else:
            masks = self._read_answer(answer, video)
        event = QuestionEvent(
            key=key,
            stage=request.slot,
            component=self._component,
            phrase=request.topic,
            messages=question.messages,
            answer=answer,
            parsed={"objects": len({each.object_id for each in masks}), "masks": len(masks)},
            source=source,
        )
        stage.notify("question_answered", event)
        return masks

    def _send_request(self, stage: Stage, video: Video, request: HostedRequest) -> Answer:
        from alref_sam3._connection import BilledError, TooLargeError

        cost = len(video) * self._options.price / 1000
        reserved, spent, started = self._budget.reserve_amount(cost), 0.0, perf_counter()
        try:
            text = self._stream_reply(stage, video, request, cost)
            spent = cost
        except TooLargeError as failure:
            hint = "send a smaller or a shorter one: --max-size 720, or --end SECONDS"
            message = (
                f"{self._options.base_url}: the video is too large ({self._hide_key(failure.said)}); nothing was billed for it"
            )
            raise InputError(Problem(message=message, hint=hint)) from None
        except ServerError as failure:
            spent = cost if isinstance(failure, BilledError) else 0.0
            raise self._explain_failure(failure, isinstance(failure, BilledError)) from None
        finally:
            self._budget.settle_reservation(reserved, spent)
        return Answer(
            text=json.dumps({TEXT_FIELD: text}),
            model=self._options.model,
            prompt_tokens=0,
            completion_tokens=0,
            estimated=True,
            cost=cost,
            retries=0,
            seconds=perf_counter() - started,
        )

    def _stream_reply(self, stage: Stage, video: Video, request: HostedRequest, cost: float) -> str:
        """Upload the video, after a note about its size and its cost, and return the text that the service streams."""
        from alref_sam3._connection import HostedConnection

        def announce_size(size: int) -> None:
            stage.announce(
                f"{self._component}: {request.topic}: {len(video)} frames, {size / 1e6:.2f} MB, about ${cost:.2f} at"
                f" ${self._options.price:g} for 1,000 frames"
            )

        def report_progress(lines: int) -> None:
            stage.advance(min(lines, len(video)), len(video))

        if self._connection is None:
            self._connection = HostedConnection(self._options)
        uploaded = self._connection.upload_video(video, announce_size)
        return self._connection.stream_text(uploaded.file_id, request.text, request.metadata, report_progress)

    def _read_answer(self, answer: Answer, video: Video) -> list[ServedMask]:
        try:
            return read_masks(json.loads(answer.text)[TEXT_FIELD], video)
        except (AnswerError, ValueError, KeyError, TypeError) as error:
            raise self._explain_failure(ServerError("failed", f"its answer cannot be used: {error}"), True) from None

    def _explain_failure(self, failure: ServerError, billed: bool) -> AlrefError:
        """Return the error for a failure, with what was billed and the next step, and without the key."""
        said, where = self._hide_key(failure.said), self._options.base_url
        end = (
            "this request may have been billed, and alref does not repeat it by itself: run the same again to ask again"
            if billed
            else "nothing was billed for this request; answers so far are kept: run the same again"
        )
        if failure.kind == "key":
            return MissingError(server.make_key_problem(self._options))
        if failure.kind == "connection" and not billed:
            return MissingError(network.explain_connection(where, said, "start it"))
        texts = {
            "quota": f"{where}: the account has no credit ({said})",
            "busy": f"{where} takes no more requests for now ({said})",
            "rights": f"{where} does not allow it ({said})",
            "refused": f"{where}: the request is refused ({said})",
            "filter": f"{where}: the request is refused ({said})",
            "model": f"{where} has no model {self._options.model!r}, or the video is not there any more ({said})",
        }
        message = f"{texts.get(failure.kind, f'{where} gave no complete answer ({said})')}; {end}"
        return (InputError if failure.kind in ("refused", "filter") else MissingError)(message)

    def _hide_key(self, text: str) -> str:
        key = server.get_key(self._options)
        return sanitize_line(text.replace(key, "<key>") if key else text, 300)
