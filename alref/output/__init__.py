"""What a run writes: its folder, the report, the trace; and how a notebook shows a result."""

from __future__ import annotations

from alref.result import Result


def draw_for_notebook(result: Result) -> str:
    """Draw a result as HTML for a notebook; Jinja is imported only then."""
    from alref.output.report import render_notebook_html

    return render_notebook_html(result)


Result.draw_for_notebook = draw_for_notebook
