"""In what state a component is: what ``alref plugins`` and ``alref doctor`` say of it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass

from alref.errors import format_exception, sanitize_line
from alref.plugins.manager import RegisteredComponent


@dataclass(frozen=True)
class ComponentStatus:
    """One of ``ready``, ``library missing``, ``weights missing``, ``not ready``, ``broken``, and why, with the next command.

    ``alref plugins`` has two more: ``not installed`` and ``switched off``.
    """

    label: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.reason}" if self.reason else self.label


READY = ComponentStatus("ready")


def check_status(component: RegisteredComponent, *, thorough: bool) -> ComponentStatus:
    """Say in what state a component is; whatever it does wrong is a state too.

    Quickly: whether its libraries are here; nothing heavy is imported. Thoroughly: whether it would work with its defaults, by
    its own ``problems``; the hub is not asked.
    """
    cls, asked = component.cls, "missing"
    try:
        with redirect_stdout(sys.stderr):  # what a plugin prints is no part of what a command prints
            if missing := cls.find_missing_libraries():
                return ComponentStatus("library missing", "; ".join(missing))
            if not thorough:
                return READY
            asked = "__init__"
            stage = cls(cls.Options())
            asked = "weights"
            if any(each.find_complete_path() is None for each in stage.weights()):
                return ComponentStatus("weights missing", f"alref models pull --{get_flag(component)} {component.name}")
            asked = "problems"
            from alref.pipeline import contracts

            problems = stage.problems()
            contracts.check_list_of(problems, str)
            return ComponentStatus("not ready", "; ".join(map(sanitize_line, problems))) if problems else READY
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a plugin does wrong is its own state
        return ComponentStatus("broken", f"{asked}(): {format_exception(error)}")


def get_flag(component: RegisteredComponent) -> str:
    """Return the flag that chooses a component, without its dashes."""
    return "reasoner" if component.slots == ["temporal", "spatial"] else component.slots[0]
