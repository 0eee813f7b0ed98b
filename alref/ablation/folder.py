"""The folder of an ablation: one evaluation for each row, the tables and the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from alref.output.job_folder import JobFolder, JobSpec, remove_file

ABLATION_FILE, ROWS_FOLDER, SUMMARY_FILE = "ablation.yaml", "rows", "ablation.json"
PARTIAL_FILE = re.compile(r"\.(ablation|table|report)\.\d+\.(yaml|json|csv|md|tex|html)")


class AblationSpec(JobSpec):
    """The settings of an ablation, stored in ``ablation.yaml``. Rows may change: each is an evaluation of its own."""

    format: Literal[1] = 1
    dataset: str
    split: str

    def iterate_settings(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values of settings that distinguish ablations."""
        yield "dataset", f"{self.dataset}, {self.split}"


class AblationFolder(JobFolder[AblationSpec]):
    """A folder locked for one ablation until ``close``: use it as a context manager."""

    SPEC_FILE, JOB_NAME, spec_type = ABLATION_FILE, "ablation", AblationSpec

    @property
    def finished(self) -> bool:
        """Return False: the next call may request other rows."""
        return False

    def remove_files(self, everything: bool) -> None:
        """Remove incomplete files of killed processes; rows remove their own."""
        for path in self.path.glob(".*"):
            if PARTIAL_FILE.fullmatch(path.name):
                remove_file(path)
