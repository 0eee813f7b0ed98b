"""Run the command line with scripted components, and kill this very process at its n-th function call.

    python tests/killed.py N ARGUMENT...

N is 0 for never; then the number of calls is printed as the last line.
"""

from __future__ import annotations

import sys

from killing import kill_at
from scripted import Script

from alref import plugins
from alref.cli import exit_code


def main() -> int:
    last, arguments = int(sys.argv[1]), sys.argv[2:]
    script = Script()
    plugins.entry_points = lambda group: script.entries  # type: ignore[assignment]
    counted = kill_at(last)
    code = exit_code(arguments)
    print(counted())
    return code


if __name__ == "__main__":
    sys.exit(main())
