"""Check the classes of a plugin before they are registered: each is complete and declares its attributes."""

from __future__ import annotations

import json
import re
from inspect import isabstract, signature
from typing import Any

from pydantic import ValidationError

from alref.components import options
from alref.components.base import API_LEVEL, Propagator, Stage, StageOptions
from alref.components.exporter import Exporter
from alref.errors import ContractError, format_exception
from alref.plugins import hookspecs
from alref.utils.prompt_kinds import PROMPT_KINDS

DEVICES = ("cpu", "cuda", "mps")
"""The devices that a component can declare."""


def check_hook_functions(module: object) -> None:
    """Check the functions of a plugin that have the name of a hook: each is marked, and takes no argument that the hook lacks.

    Raises ContractError that names the function.
    """
    for name, declared in vars(hookspecs).items():
        function = getattr(module, name, None)
        if function is None or not hasattr(declared, f"{hookspecs.PROJECT}_spec"):
            continue
        if not hasattr(function, f"{hookspecs.PROJECT}_impl"):
            raise ContractError(f"{name}: is not marked with @alref.hookimpl")
        known = signature(declared).parameters
        required = [each.name for each in signature(function).parameters.values() if each.default is each.empty]
        for argument in set(required) - known.keys():
            expected = ", ".join(known) or "no arguments"
            raise ContractError(f"{name}: unknown argument {argument!r}; expected {expected}")


def validate_classes(classes: Any, hook: str, bases: tuple[type, ...]) -> list[Any]:
    """Return the classes that a registration hook returned. Raises ContractError that states the expected value."""
    if not isinstance(classes, (list, tuple)):
        raise ContractError(f"{hook}: expected a list of classes, got {type(classes).__name__}")
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, bases)):
            raise ContractError(f"{hook}: expected subclasses of {' or '.join(b.__name__ for b in bases)}, got {cls!r}")
        if isabstract(cls):
            raise ContractError(f"{hook}: {cls.__name__} lacks {', '.join(sorted(getattr(cls, '__abstractmethods__', ())))}")
        if not re.fullmatch(r"[^\s:]+", str(getattr(cls, "name", None) or "")):
            raise ContractError(f"{hook}: {cls.__name__} has no name that can be typed: one word without ':'")
        where = f"{hook}: {cls.__name__}"
        if issubclass(cls, Stage) and cls.api != API_LEVEL:
            raise ContractError(f"{where} is written for contract level {cls.api!r}, this alref has {API_LEVEL}")
        if issubclass(cls, Stage | Exporter):
            _check_declarations(cls, where)
    return list(classes)


def _check_declarations(cls: type[Stage] | type[Exporter], where: str) -> None:
    """Check the requirements and options that a class declares. Raises ContractError."""
    lists = {"needs": "import names", "uses": "slots", "devices": f"{', '.join(DEVICES)}", "model_options": "names of options"}
    for attribute, what in lists.items():
        values = getattr(cls, attribute, ())
        known = DEVICES if attribute == "devices" else values
        if not (isinstance(values, (tuple, list)) and all(each and isinstance(each, str) and each in known for each in values)):
            raise ContractError(f"{where}.{attribute}: expected a tuple of {what}, got {values!r}")
    if issubclass(cls, Propagator) and not (isinstance(cls.prompts, (set, frozenset)) and cls.prompts <= set(PROMPT_KINDS)):
        raise ContractError(f"{where}.prompts: expected a frozenset of {', '.join(PROMPT_KINDS)}, got {cls.prompts!r}")
    if not (isinstance(cls.Options, type) and issubclass(cls.Options, StageOptions)):
        raise ContractError(f"{where}.Options: expected a subclass of StageOptions, got {cls.Options!r}")
    if not cls.Options.__pydantic_fields_complete__:
        raise ContractError(f"{where}.Options: a type is not known when the class is made; import it at the top of the module")
    if "use" in cls.Options.model_fields:
        raise ContractError(f"{where}.Options: 'use' is reserved; rename the option")
    try:
        values = cls.Options()
    except ValidationError as error:
        wrong = "; ".join(options.list_problems(cls.Options, error, f"{where}.Options"))
        raise ContractError(f"{wrong}; each option needs a default that it allows") from None
    for name in cls.Options.model_fields:
        try:
            json.dumps(values.model_dump(mode="json", include={name}), allow_nan=False)
        except ValueError as error:
            raise ContractError(
                f"{where}.Options.{name}: expected a default that JSON can hold: {format_exception(error)}"
            ) from None
