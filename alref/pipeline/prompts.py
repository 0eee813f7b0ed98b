"""Prompts of the user: as pivot boxes, and whether the propagator accepts them."""

from __future__ import annotations

from alref.components.base import Propagator
from alref.errors import Problem
from alref.plugins.manager import PluginManager
from alref.plugins.registered import RegisteredComponent
from alref.records import Phrase, PivotBox, PivotFrame, Prompt, Reference
from alref.utils.masks import compute_box
from alref.utils.prompt_kinds import PROMPT_KINDS, PromptKind


def make_prompt_boxes(reference: Reference) -> list[PivotBox]:
    """Return one pivot box for each prompt of a reference, whose text or id is the name of the object."""
    phrase = Phrase(reference=reference.id, text=reference.text.strip() or reference.id)
    return [make_prompt_box(phrase, prompt) for prompt in reference.prompts]


def make_prompt_box(phrase: Phrase, prompt: Prompt) -> PivotBox:
    """Return the pivot box of a prompt of the user for an object."""
    why = f"given as {prompt.describe()}"
    box = prompt.box if prompt.mask is None else compute_box(prompt.mask)
    return PivotBox(
        pivot=PivotFrame(phrase=phrase, frame=prompt.frame, why=why, source="user"),
        finding="absent" if prompt.absent else "found",
        xyxy=box,
        score=0.0 if prompt.absent else 1.0,
        mask=prompt.mask,
        points=prompt.points,
        point_labels=prompt.labels,
        why=why,
        source="user",
    )


def find_prompt_problems(kinds: frozenset[PromptKind], component: RegisteredComponent, plugins: PluginManager) -> list[Problem]:
    """Return a problem if a propagator does not accept all kinds of prompt, which names those that do."""
    lacking = [kind for kind in PROMPT_KINDS if kind in kinds - list_prompt_kinds(component)]
    if not lacking:
        return []
    able = [component.name for component in plugins.list_components("propagator") if kinds <= list_prompt_kinds(component)]
    accepted = ", ".join(kind for kind in PROMPT_KINDS if kind in list_prompt_kinds(component))
    message = f"{component.name} does not accept {' and '.join(lacking)}, only {accepted}"
    hint = " or ".join(f"--propagator {name}" for name in able) or "no installed propagator accepts them: alref plugins list"
    return [Problem(slot="propagator", message=message, hint=hint)]


def list_prompt_kinds(component: RegisteredComponent) -> frozenset[PromptKind]:
    """Return the kinds of prompt that a registered propagator accepts."""
    cls = component.cls
    return cls.prompts if issubclass(cls, Propagator) else frozenset()
