"""Output of a run: its folder, report and trace, and the HTML view in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alref.result import Result

if TYPE_CHECKING:
    from alref.media.video import Video

__all__ = ["Result"]


def draw_for_notebook(result: Result) -> str:
    """Return a result as HTML for a notebook. Jinja is imported on the first call."""
    from alref.output.report import render_notebook_html

    return render_notebook_html(result)


def write_folder(result: Result, folder: Path, video: Video | None) -> None:
    """Write a result to a folder. Video writers are imported on the first call."""
    from alref.output.run_folder import save_result

    save_result(result, folder, video)


Result.draw_for_notebook = draw_for_notebook
Result.write_folder = write_folder
