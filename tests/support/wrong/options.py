"""Unifiers that are wrong about what they say of themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from alref.components.base import StageOptions
from alref.errors import Problem
from support.wrong.correct import Words

if TYPE_CHECKING:
    pass


class TwoWords(Words):
    """Has a name that nobody can type."""

    name = "Two Words"


class Speechless(Words):
    class Options(StageOptions):
        size: int = Field(3, description="how large")


class Undescribed(Words):
    """Has an option that nothing is said of."""

    class Options(StageOptions):
        size: int = 3


class Demanding(Words):
    """Has an option without a default."""

    class Options(StageOptions):
        size: int = Field(description="how large")


class NoJson(Words):
    """Has an option that JSON cannot hold."""

    class Options(StageOptions):
        thing: Any = Field(default_factory=lambda: range(3), description="any object")


class Lenient(Words):
    """Takes any option."""

    class Options(StageOptions):
        model_config = ConfigDict(extra="ignore")


class Unwell(Words):
    """Finds a problem everywhere."""

    def problems(self) -> list[Problem]:
        return [Problem(message="the moon is not full")]


class Curt(Words):
    """Says that something is missing, and not what to do."""

    needs = ("numpy",)

    def problems(self) -> list[Problem]:
        return [Problem(message="broken")] if self.find_missing_libraries() else []


class Careless(Words):
    """Does not look whether its libraries are there."""

    needs = ("numpy",)

    def problems(self) -> list[Problem]:
        return []


class OneProblem(Words):
    """Gives its problem alone, not in a list."""

    needs = ("numpy",)

    def problems(self) -> Any:
        return self.find_missing_libraries()[0] if self.find_missing_libraries() else []


class Sentences(Words):
    """Gives its problems as texts."""

    needs = ("numpy",)

    def problems(self) -> Any:
        return [str(problem) for problem in self.find_missing_libraries()]


class ReadsNames(Words):
    """Lists its files as words."""

    def list_input_files(self) -> Any:
        return ["words.txt"]


class Locked(Words):
    """Holds a lock from the beginning."""

    def __init__(self, options: StageOptions, device: str = "auto") -> None:
        super().__init__(options, device)
        self.lock = threading.Lock()


class Forgetful(Words):
    """Forgets its device when it is sent."""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "device": "another"}


def local() -> type[Words]:
    class Local(Words):
        """Is made inside a function."""

    return Local
