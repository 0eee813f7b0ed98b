"""The Batch API of OpenAI-compatible servers: questions in a file, answers in another one within a day."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import openai

from alref import Answer, MissingError, Problem, Question
from alref.llm.batch_service import BatchState
from alref.llm.server_errors import ServerError, classify_error, extract_error_text
from alref_openai._runtime import OpenAIConnection, build_request, find_refused_parameter, handle_refusal, make_error
from alref_openai.replies import parse_completion

Output = TypeVar("Output")
ENDPOINT: Literal["/v1/chat/completions"] = "/v1/chat/completions"
RUNNING = ("validating", "in_progress", "finalizing", "cancelling")
"""States of a batch that still changes."""


class OpenAIBatches:
    """Batches of one connection. A failure that may pass is a ServerError; any other one ends the command."""

    def __init__(self, connection: OpenAIConnection) -> None:
        self._connection = connection

    def upload_questions(self, questions: Iterable[tuple[str, Question]], folder: Path) -> tuple[str, float]:
        """Upload questions with their keys; return the id of the file, and the dollars at most, which count as spent.

        Raises ConfigError if they exceed ``max_cost``; then nothing is uploaded.
        """
        path, dollars = folder / "questions.jsonl", 0.0
        with path.open("w", encoding="utf-8") as file:
            for key, question in questions:
                dollars += self._connection.estimate_cost(question)
                file.write(json.dumps(self._describe_request(key, question)) + "\n")
        reserved, spent = self._connection.budget.reserve_amount(dollars), 0.0
        try:
            file_id = self._call(lambda: self._connection.client.files.create(file=path, purpose="batch").id)
            spent = dollars
        finally:
            self._connection.budget.settle_reservation(reserved, spent)
        return file_id, dollars

    def _describe_request(self, key: str, question: Question) -> dict[str, Any]:
        connection = self._connection
        refused = connection.refused_parameters - {"stream"}
        request = build_request(question, connection.options, connection.model, refused)
        body = {**request.pop("extra_body"), **request}
        return {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}

    def correct_cost(self, dollars: float) -> None:
        """Add the difference between what a batch cost and its estimate to what is spent."""
        self._connection.budget.add_spent(dollars)

    def find_batch(self, file_id: str) -> str:
        """Return the id of the batch that was made from a file, empty if there is none."""
        batches = self._connection.client.batches
        return self._call(lambda: next((each.id for each in batches.list() if each.input_file_id == file_id), ""))

    def create_batch(self, file_id: str) -> str:
        """Make a batch from a file and return its id."""
        create = self._connection.client.batches.create
        return self._call(lambda: create(input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h").id)

    def read_state(self, batch_id: str) -> BatchState:
        """Return the state of a batch."""
        batch = self._call(lambda: self._connection.client.batches.retrieve(batch_id))
        counts = batch.request_counts
        answered = counts.completed + counts.failed if counts else 0
        if batch.status in RUNNING:
            return BatchState("running", answered)
        reasons = [each.message for each in (batch.errors.data if batch.errors else None) or () if each.message]
        reason = self._connection.hide_secrets("; ".join(reasons) or batch.status)
        return BatchState("failed" if batch.status == "failed" else "ended", answered, reason)

    def read_replies(self, batch_id: str, model: str) -> Iterator[tuple[str, Answer | str | None]]:
        """Yield the key of each question with its answer, its error, or None if it is to be asked again.

        ``model`` is the model of the batch. A question with a parameter that the server refuses is asked again without it.
        """
        client, refused = self._connection.client, self._connection.refused_parameters
        batch = self._call(lambda: client.batches.retrieve(batch_id))
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            for line in self._download_lines(file_id):
                reply = json.loads(line)
                yield reply["custom_id"], self._read_reply(reply, model, refused)

    def _read_reply(self, reply: dict[str, Any], model: str, refused: frozenset[str]) -> Answer | str | None:
        """Return the answer in a line of a file, its error, or None if it is to be asked again."""
        response = reply.get("response") or {}
        status, body = response.get("status_code"), response.get("body")
        try:
            if status == 200:
                completion = parse_completion(json.dumps(body).encode())
            else:
                error = reply.get("error") or (body.get("error") or body if isinstance(body, dict) else body)
                if self._learn_parameter(status, error, refused):
                    return None
                completion = handle_refusal(ServerError(classify_error(status, error), extract_error_text(error)))
        except ServerError as failure:
            return self._connection.hide_secrets(failure.said)
        return self._connection.make_answer(Question(messages=(), topic="", model=model), completion)

    def remove_files(self, batch_id: str) -> None:
        """Remove the files of a batch from the server, as far as it removes files."""
        client = self._connection.client
        batch = self._call(lambda: client.batches.retrieve(batch_id))
        for file_id in filter(None, (batch.input_file_id, batch.output_file_id, batch.error_file_id)):
            with suppress(openai.APIError):  # a file that is left costs nothing and expires
                client.files.delete(file_id)

    def _download_lines(self, file_id: str) -> list[str]:
        text = self._call(lambda: self._connection.client.files.content(file_id).text)
        return [line for line in text.split("\n") if line.strip()]

    def _learn_parameter(self, status: int | None, error: Any, refused: frozenset[str]) -> bool:
        """Note the parameter that a server refuses in a request without those ``refused``; return whether there is one."""
        connection = self._connection
        probe = build_request(Question(messages=(), answer_schema={}, topic=""), connection.options, connection.model, refused)
        culprit = find_refused_parameter(status or 0, error, probe)
        if culprit is None or culprit == "stream":
            return False
        connection.refused_parameters |= {culprit}
        return True

    def _call(self, request: Callable[[], Output]) -> Output:
        """Return the response to a request. Raises ServerError for a failure that may pass, else an AlrefError."""
        try:
            return request()
        except openai.APIError as error:
            failure = make_error(error)
        if failure.is_transient:
            raise failure
        if failure.kind == "model":
            message = f"{self._connection.address} has no Batch API, or no such batch ({failure.said})"
            raise MissingError(Problem(slot="reasoner", option="batch", message=message, value="false"))
        raise self._connection.explain_failure(failure, self._connection.model)
