"""What plugins register: the slots of a pipeline, the other things chosen by name, and a registered class and its names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from alref.components.base import (
    Locator,
    Propagator,
    Proposer,
    Reviewer,
    SpatialReasoner,
    Stage,
    Tagger,
    TemporalReasoner,
    Tracker,
    TrackReasoner,
    Transcriber,
    Unifier,
)
from alref.components.command import PluginCommand
from alref.components.dataset import Dataset
from alref.components.exporter import Exporter
from alref.components.logger import EvaluationLogger
from alref.components.protocol import EvaluationProtocol
from alref.components.runner import Runner
from alref.errors import ContractError
from alref.llm.reasoner import ChatReasoner
from alref.plugins import hookspecs

SLOTS: dict[str, tuple[str, type[Stage]]] = {
    "unifier": ("register_unifiers", Unifier),
    "tagger": ("register_unifiers", Tagger),
    "transcriber": ("register_unifiers", Transcriber),
    "locator": ("register_unifiers", Locator),
    "temporal": ("register_reasoners", TemporalReasoner),
    "spatial": ("register_reasoners", SpatialReasoner),
    "proposer": ("register_proposers", Proposer),
    "propagator": ("register_propagators", Propagator),
    "tracker": ("register_trackers", Tracker),
    "selector": ("register_reasoners", TrackReasoner),
    "reviewer": ("register_reasoners", Reviewer),
}
"""The slots of a pipeline: the hook that registers a component, and its base class."""

REASONER_SLOTS = ("temporal", "spatial", "selector", "reviewer")
"""The slots that ``reasoner`` stands for: those of them that the component can fill."""

BASE_CLASSES_BY_HOOK: dict[str, tuple[type, ...]] = {
    **{hook: tuple(base for name, base in SLOTS.values() if name == hook) for hook, _ in SLOTS.values()},
    "register_datasets": (Dataset,),
    "register_metrics": (EvaluationProtocol,),
    "register_exporters": (Exporter,),
    "register_commands": (PluginCommand,),
    "register_runners": (Runner,),
    "register_loggers": (EvaluationLogger,),
}
"""What each hook registers, as base classes."""

BASE_CLASS_BY_SLOT: dict[str, type] = {
    **{slot: base for slot, (_, base) in SLOTS.items()},
    "dataset": Dataset,
    "protocol": EvaluationProtocol,
    "exporter": Exporter,
    "command": PluginCommand,
    "runner": Runner,
    "logger": EvaluationLogger,
}
"""Everything that is chosen by name, and its base class."""

SLOT_LABELS = {
    "dataset": "dataset",
    "protocol": "protocol",
    "exporter": "export format",
    "command": "command",
    "runner": "runner",
    "logger": "logger",
}
"""Labels of the kinds that are not slots of a pipeline."""

AnyRegisterable = TypeVar(
    "AnyRegisterable", bound=Stage | Dataset | EvaluationProtocol | Exporter | PluginCommand | Runner | EvaluationLogger
)


@dataclass(frozen=True)
class RegisteredClass(Generic[AnyRegisterable]):
    """A class that a plugin registers, and the distribution that contains it."""

    cls: type[AnyRegisterable]
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        return self.cls.name

    @cached_property
    def slots(self) -> list[str]:
        """The slots that it can fill, or ``dataset``, ``protocol``, ``exporter``, ``command``, ``runner``, ``logger``."""
        return [slot for slot, base in BASE_CLASS_BY_SLOT.items() if issubclass(self.cls, base)]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.cls.__doc__ or "").strip().partition("\n")[0]


class RegisteredComponent(RegisteredClass[Stage]):
    """A component that a plugin registered; ``slots`` are those it can fill."""

    @property
    def brings_model(self) -> bool:
        """Whether it loads weights or asks a language model."""
        return self.cls.weights is not Stage.weights or issubclass(self.cls, ChatReasoner)


def get_flag_slot(slots: Sequence[str]) -> str:
    """Return the name of these slots in flags: ``reasoner`` for several slots of a reasoner, else the first slot."""
    return "reasoner" if len(slots) > 1 and set(REASONER_SLOTS).issuperset(slots) else slots[0]


def has_name(registered: RegisteredClass[Any], name: str) -> bool:
    """Return whether ``name``, or ``distribution:name``, names a registered class."""
    distribution, _, short = name.rpartition(":")
    return registered.name == short and distribution in ("", registered.distribution)


def get_qualified_name(registered: RegisteredClass[Any], others: Iterable[RegisteredClass[Any]]) -> str:
    """Return the unambiguous name of a registered class: ``distribution:name`` if ``others`` share its name.

    A name without a distribution is always alref's own, if alref has a class of this name.
    """
    alone = registered.distribution == hookspecs.PROJECT or sum(each.name == registered.name for each in others) == 1
    return registered.name if alone else f"{registered.distribution}:{registered.name}"


def check_unique_names(registered: Sequence[RegisteredClass[Any]]) -> None:
    """Check that ``distribution:name`` is unique within each slot. Raises ContractError."""
    first: dict[tuple[str, str], RegisteredClass[Any]] = {}
    for each in registered:
        for slot in each.slots:
            other = first.setdefault((slot, each.name), each)
            if other is not each:
                both = " and ".join(dict.fromkeys((other.cls.__name__, each.cls.__name__)))
                raise ContractError(f"{each.name!r} is registered twice, by {both}; give each class a unique name")
