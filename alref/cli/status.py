"""In what state a component is: what ``alref plugins`` and ``alref doctor`` say of it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass

from alref.errors import plain, told
from alref.plugins.manager import Component


@dataclass(frozen=True)
class State:
    """One of ``ready``, ``library missing``, ``weights missing``, ``not ready``, ``broken``, and why, with the next command.

    ``alref plugins`` has two more: ``not installed`` and ``switched off``.
    """

    word: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


READY = State("ready")


def state(component: Component, *, thorough: bool) -> State:
    """Say in what state a component is; whatever it does wrong is a state too.

    Quickly: whether its libraries are here; nothing heavy is imported. Thoroughly: whether it would work with its defaults, by
    its own ``problems``; the hub is not asked.
    """
    cls, asked = component.cls, "missing"
    try:
        with redirect_stdout(sys.stderr):  # what a plugin prints is no part of what a command prints
            if missing := cls.missing():
                return State("library missing", "; ".join(missing))
            if not thorough:
                return READY
            asked = "__init__"
            stage = cls(cls.Options())
            asked = "weights"
            if any(each.place() is None for each in stage.weights()):
                return State("weights missing", f"alref models pull --{flag(component)} {component.name}")
            asked = "problems"
            from alref.pipeline import contracts

            problems = stage.problems()
            contracts.each_is(problems, str)
            return State("not ready", "; ".join(map(plain, problems))) if problems else READY
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a plugin does wrong is its own state
        return State("broken", f"{asked}(): {told(error)}")


def flag(component: Component) -> str:
    """Return the flag that chooses a component, without its dashes."""
    return "reasoner" if component.slots == ["temporal", "spatial"] else component.slots[0]
