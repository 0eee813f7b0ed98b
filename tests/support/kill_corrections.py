"""Correct a run, and kill this very process at its n-th function call.

    python -m support.kill_corrections N FOLDER

N is 0 for never; then the number of calls is printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from alref.records import Prompt
from support.corrected_runs import open_corrections
from support.kill_process import kill_at

PROMPT = Prompt(frame=8, points=[[22, 10]])


def main() -> None:
    corrections = open_corrections(Path(sys.argv[2]))
    counted = kill_at(int(sys.argv[1]))
    corrections.correct("dog", PROMPT)
    corrections.undo()
    print(counted())


if __name__ == "__main__":
    main()
