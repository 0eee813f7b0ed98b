"""The status of a component, as ``alref plugins`` and ``alref doctor`` show it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from alref.components.base import Stage
from alref.errors import Problem, format_exception, sanitize_line
from alref.plugins.discovery import get_plugins_folder
from alref.plugins.registered import RegisteredComponent, get_flag_slot

if TYPE_CHECKING:
    from alref.models.weights import Weights


@dataclass(frozen=True)
class ComponentStatus:
    """One of ``ready``, ``library missing``, ``weights missing``, ``not ready``, ``broken``, with reason and next command.

    ``alref plugins`` adds two more: ``not installed`` and ``switched off``.
    """

    label: str
    reason: str = ""
    problems: tuple[Problem, ...] = ()

    @classmethod
    def from_problems(cls, label: str, problems: list[Problem], slot: str = "") -> Self:
        """Create a status from these problems."""
        found = tuple(problem.assign_slot(slot) for problem in problems)
        return cls(label, "; ".join(sanitize_line(problem.describe()) for problem in found), found)

    def __str__(self) -> str:
        return f"{self.label}: {self.reason}" if self.reason else self.label


READY = ComponentStatus("ready")


def check_status(component: RegisteredComponent, *, thorough: bool) -> ComponentStatus:
    """Return the status of a component; an error that it raises becomes a status.

    By default only its libraries and the weights of its default options are looked up, and nothing heavy is imported. If
    ``thorough``, it is also checked by its own ``problems``. The hub is not queried.
    """
    cls, slot, method = component.cls, get_flag_slot(component.slots), "find_missing_libraries"
    try:
        with redirect_stdout(sys.stderr):  # output of a plugin is not output of the command
            if missing := cls.find_missing_libraries():
                return ComponentStatus.from_problems("library missing", missing, slot)
            if not thorough and cls.weights is Stage.weights:
                return READY
            method = "__init__"
            stage = cls(cls.Options())
            method = "weights"
            if missing_weights := [weights for weights in stage.weights() if weights.find_complete_path() is None]:
                return _describe_missing_weights(component, slot, missing_weights)
            if not thorough:
                return READY
            method = "problems"
            from alref.pipeline import contracts

            problems = contracts.find_problems(stage, slot)
            return ComponentStatus.from_problems("not ready", problems, slot) if problems else READY
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # any error of a plugin becomes its status
        return ComponentStatus("broken", f"{method}(): {format_exception(error)}")


def _describe_missing_weights(component: RegisteredComponent, slot: str, missing: list[Weights]) -> ComponentStatus:
    """Return the status of a component without its weights: the command that downloads them, or how a person gets them."""
    if problems := [problem for weights in missing if not weights.is_downloadable for problem in weights.problems()]:
        return ComponentStatus.from_problems("weights missing", problems, slot)
    given = component.distribution.endswith(".py") and not (get_plugins_folder() / component.distribution).is_file()
    with_file = f" --plugin {component.distribution}" if given else ""
    return ComponentStatus("weights missing", f"alref models pull --{slot} {component.name}{with_file}")
