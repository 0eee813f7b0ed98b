"""Put answers into a store one by one, naming each on stdout, and kill this very process at its n-th function call.

    python tests/killed_store.py N STORE

N is 0 for never; then the number of calls is printed as the last line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from alref.answers import AnswerStore
from alref.chat.messages import Answer, Message, Question


def main() -> None:
    last, store = int(sys.argv[1]), AnswerStore(Path(sys.argv[2]))
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    for number in range(10):
        question = Question(messages=(Message(text=f"question {number}"),))
        store.put(f"key {number}", question, Answer(text=f"answer {number}", model="tiny"))
        os.write(1, f"{number}\n".encode())
    store.close()
    sys.setprofile(None)
    print(calls)


if __name__ == "__main__":
    main()
