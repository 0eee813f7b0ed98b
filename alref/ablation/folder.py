"""The folder of an ablation: one evaluation for each row, the tables and the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from alref.output.job_folder import Asked, OwnedFolder, remove

FILE, ROWS, SUMMARY = "ablation.yaml", "rows", "ablation.json"
HALF_WRITTEN = re.compile(r"\.(ablation|table|report)\.\d+\.(yaml|json|csv|md|tex|html)")


class AskedAblation(Asked):
    """What was asked for, kept in ``ablation.yaml``. Rows may come and go: each is an evaluation with its own settings."""

    format: Literal[1] = 1
    dataset: str
    split: str

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Yield what makes one ablation another, by name."""
        yield "the data set", f"{self.dataset}, {self.split}"


class AblationFolder(OwnedFolder[AskedAblation]):
    """A folder taken for one ablation until ``close``: use it as a context manager."""

    FILE, WHAT, kind = FILE, "ablation", AskedAblation

    @property
    def finished(self) -> bool:
        """Never: the next call may ask for other rows."""
        return False

    def clear(self, everything: bool) -> None:
        """Remove what killed processes left half written; rows clear themselves."""
        for path in self.path.glob(".*"):
            if HALF_WRITTEN.fullmatch(path.name):
                remove(path)
