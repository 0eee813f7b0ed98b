"""Put answers into a store one by one, naming each on stdout, and kill this very process at its n-th function call.

    python -m support.kill_store N STORE

N is 0 for never; then the number of calls is printed as the last line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alref.llm.answer_store import AnswerStore
from alref.llm.messages import Answer, Message, Question
from support.kill_process import kill_at


def main() -> None:
    last, store = int(sys.argv[1]), AnswerStore(Path(sys.argv[2]))
    counted = kill_at(last)
    for number in range(10):
        question = Question(messages=(Message(text=f"question {number}"),))
        store.put(f"key {number}", question, Answer(text=f"answer {number}", model="tiny"))
        os.write(1, f"{number}\n".encode())
    store.close()
    print(counted())


if __name__ == "__main__":
    main()
