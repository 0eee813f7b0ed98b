"""What an evaluation leaves for people and programs: ``report.html`` and ``summary.json``."""

from __future__ import annotations

from alref import atomic
from alref.datasets import Dataset
from alref.evaluation.folder import EvaluationFolder
from alref.evaluation.summary import Summary


def write(folder: EvaluationFolder, dataset: Dataset, done: Summary) -> None:
    """Write both files. Raises OutputError."""
    atomic.write_text(folder.path / "summary.json", done.model_dump_json(indent=1))
