"""The base class of exporters: each writes a finished run in one format that other programs open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from alref.components.base import StageOptions
from alref.errors import Problem
from alref.utils.libraries import find_missing_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from alref.components.finished_run import FinishedRun


class Exporter(ABC):
    """An export format, which users choose with ``--as NAME``.

    ``needs`` are the import names of the libraries that it uses; ``extra`` is the extra of its own distribution that installs
    them. ``Options`` are set with ``-o``. ``suffix`` is that of the file that it writes, such as ``.json``;
    empty if it writes a folder.
    """

    name: ClassVar[str]
    extra: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[StageOptions]] = StageOptions
    suffix: ClassVar[str] = ""

    def __init__(self, options: StageOptions) -> None:
        self.options = options

    def problems(self) -> list[Problem]:
        """Return what keeps it from running, without importing anything heavy. Default: missing libraries."""
        return find_missing_libraries(type(self))

    @abstractmethod
    def write(self, run: FinishedRun, target: Path) -> None:
        """Write a run to ``target``: a file, or a folder that is empty, if ``suffix`` is empty.

        ``target`` is a temporary place; alref moves it when the call returns, and removes it after an error. Iterate over
        ``run.read_frames()`` once and hold no frame, so that memory stays flat. Exporters of one run get the same frames, each
        in a thread of its own.
        """
