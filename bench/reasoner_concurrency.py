"""Questions that wait together: 200 phrases of one video, asked about at a local server that answers after 0.5 s.

    python bench/reasoner_concurrency.py

What is timed is the whole of ``pick_frames``: the sheet, the questions, the answers read and kept. The server runs in the
same process. One at a time, 20 questions are asked, and ten times their time is shown. Leaves 1 when 16 at once take more
than 1.3 times the ideal.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from alref.cli import demo_clip
from alref.records import Phrase
from alref.testing import ArrayVideo
from alref_openai import OpenAI
from support.llm_server import ChatServer, serving

QUESTIONS = 200
SECONDS = 0.5
ALLOWED = 1.3
ANSWER = json.dumps({"why": "it is large", "finding": "found", "frame": 2})


def timed(server: ChatServer, concurrency: int, questions: int) -> float:
    """Return the seconds of asking about so many phrases."""
    video = ArrayVideo(demo_clip.draw_frames())
    phrases = [Phrase(reference=str(number), text=f"thing {number}") for number in range(questions)]
    asked = len(server.questions)
    with tempfile.TemporaryDirectory() as folder:
        options = {"base_url": server.base_url, "model": "tiny", "answers": Path(folder) / "answers.sqlite"}
        reasoner = OpenAI(OpenAI.Options(**options, concurrency=concurrency, max_questions=1))
        reasoner.load()
        started = perf_counter()
        pivots = reasoner.pick_frames(video, phrases)
        seconds = perf_counter() - started
        reasoner.close()
    assert len(pivots) == len(server.questions) - asked == questions
    assert {pivot.source for pivot in pivots} == {"model"}
    return seconds


def main() -> int:
    print(f"{QUESTIONS} questions, each answered after {SECONDS} s")
    ratio = 0.0
    with serving(ANSWER, wait=SECONDS) as server:
        timed(server, 2, 2)
        for concurrency, questions in ((1, QUESTIONS // 10), (8, QUESTIONS), (16, QUESTIONS)):
            seconds = timed(server, concurrency, questions) * QUESTIONS / questions
            ideal = QUESTIONS * SECONDS / concurrency
            ratio = seconds / ideal
            note = f", from {questions} questions" if questions < QUESTIONS else ""
            print(f"concurrency {concurrency:>2}: {seconds:7.2f} s, {ratio:.2f} of the ideal {ideal:.2f} s{note}")
    return int(ratio > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
