"""Write ``paper_sheets.npz``: the published contact sheets as matplotlib draws them, one for each kind of badges.

PYTHONPATH=.:tests python tests/data/make_paper_sheets.py
"""

from __future__ import annotations

import numpy as np

from support.paper_sheets import GOLDEN, SETTINGS, draw_with_matplotlib


def main() -> None:
    np.savez_compressed(GOLDEN, **{name: draw_with_matplotlib(setting) for name, setting in SETTINGS.items()})
    print(f"{GOLDEN.name}: {GOLDEN.stat().st_size} bytes")


if __name__ == "__main__":
    main()
