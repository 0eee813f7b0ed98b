"""How long a contact sheet takes: five 1080p frames in the published layout, beside matplotlib for the same sheet.

    python bench/contact_sheet.py [RUNS]

Both draw the same five frames, 500 pixels each, with numbered discs, and encode a JPEG. The median of the runs is printed. The
aim is a twentieth of matplotlib's time; matplotlib is needed for this comparison only: pip install matplotlib.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from alref.llm.contact_sheet import ContactSheetStyle, build_frame_sheet
from alref.llm.paper_sheet import CELL_WIDTH
from alref.media.video import Frame

COUNT, HEIGHT, WIDTH, DPI = 5, 1080, 1920, 100


def frames() -> list[Frame]:
    """Make five 1080p frames of smooth noise, as compressible as a photograph."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (COUNT, HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return [np.asarray(cv2.resize(each, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8) for each in small]


def by_matplotlib(shown: list[Frame]) -> bytes:
    """Draw the sheet with matplotlib, as the published scripts do: axes without margins, a disc and a number on each."""
    import matplotlib.pyplot as plt

    height = CELL_WIDTH * HEIGHT / WIDTH
    figure, axes = plt.subplots(1, COUNT, figsize=(COUNT * CELL_WIDTH / DPI, height / DPI), dpi=DPI)
    for number, (axis, frame) in enumerate(zip(axes, shown, strict=True), 1):
        axis.imshow(frame)
        axis.axis("off")
        axis.add_patch(plt.Circle((50, 50), 40, facecolor="navy", edgecolor="white", linewidth=1))
        axis.text(50, 50, str(number), color="white", fontsize=15, ha="center", va="center")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0, wspace=0, hspace=0)
    file = io.BytesIO()
    figure.savefig(file, format="jpeg", dpi=DPI, pil_kwargs={"quality": 90})
    plt.close(figure)
    return file.getvalue()


def by_alref(shown: list[Frame]) -> bytes:
    """Draw the sheet with alref."""
    return build_frame_sheet(shown, ContactSheetStyle("paper")).images[0]


def seconds(draw: Callable[[list[Frame]], bytes], shown: list[Frame], runs: int) -> float:
    """Return the median time of ``runs`` drawings, after one that is not counted."""
    times = []
    for _ in range(runs + 1):
        started = perf_counter()
        draw(shown)
        times.append(perf_counter() - started)
    return median(times[1:])


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("skipped: matplotlib is not installed, and there is nothing to compare with; pip install matplotlib")
        return
    matplotlib.use("agg")
    shown = frames()
    own, theirs = seconds(by_alref, shown, runs), seconds(by_matplotlib, shown, runs)
    sizes = [cv2.imdecode(np.frombuffer(draw(shown), np.uint8), cv2.IMREAD_COLOR).shape for draw in (by_alref, by_matplotlib)]
    print(f"alref       {1000 * own:8.1f} ms   {sizes[0][1]} x {sizes[0][0]}")
    print(f"matplotlib  {1000 * theirs:8.1f} ms   {sizes[1][1]} x {sizes[1][0]}")
    print(f"ratio       1 / {theirs / own:.1f}   (aim: 1 / 20 or less)")


if __name__ == "__main__":
    main()
