"""Run the command line with scripted components, and kill this very process at its n-th function call.

    python -m support.kill_cli N ARGUMENT...

N is 0 for never; then the number of calls is printed as the last line.
"""

from __future__ import annotations

import sys

from alref.cli import run_command
from alref.plugins import manager
from support.kill_process import kill_at
from support.scripted import Script


def main() -> int:
    last, arguments = int(sys.argv[1]), sys.argv[2:]
    script = Script()
    manager.entry_points = lambda group: script.entries  # type: ignore[assignment]
    counted = kill_at(last)
    code = run_command(arguments)
    print(counted())
    return code


if __name__ == "__main__":
    sys.exit(main())
