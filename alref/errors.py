"""Exceptions and their exit codes.

AlrefError
├── InputError       3   a video, an audio file, an image or a reference cannot be used
├── ConfigError      4   an unknown component or option, a wrong value, YAML that cannot be read
├── MissingError     5   a library, a weight file, a key or a server that a component needs is not there
├── ContractError    6   a plugin broke its contract
│   └── RecordError  6   a record was made with a value that it does not allow
└── OutputError      7   a result cannot be written

0 is success, 1 an unexpected error, 2 wrong usage of the command line, 130 an interruption.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

_USER = re.compile(r"(?<=://)[^/?#\s'\"@]+(?:@[^/?#\s'\"@]+)*(?=@)")
"""A user name and a password in an address."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem that keeps a component from running, and how to solve it.

    ``message`` is what is wrong, with the allowed values. ``hint`` is the next command. ``option`` is the invalid option, if
    any; with ``value``, the value to set it to (``NAME``, ``float32``), its flag is added to the hint. ``slot`` is the slot of
    the component in the pipeline; alref fills it in.
    """

    slot: str = ""
    option: str = ""
    message: str
    hint: str = ""
    value: str = ""

    def assign_slot(self, slot: str) -> Self:
        """Return the problem with a slot, if it has none."""
        return self if self.slot else replace(self, slot=slot)

    def format_hint(self) -> str:
        """Return the next command: ``hint``, the flag that sets the option, or both."""
        flag = f"-o {f'{self.slot}.' * bool(self.slot)}{self.option}={self.value}" if self.option and self.value else ""
        return ", or ".join(filter(None, [self.hint, flag]))

    def to_dict(self) -> dict[str, str]:
        """Return what ``--json`` prints: ``slot``, ``option``, ``message``, and ``hint`` with the flag."""
        values = {**asdict(self), "hint": self.format_hint()}
        del values["value"]
        return values

    def describe(self) -> str:
        """Return the message and the hint in one line, for a context that already names the component."""
        return ": ".join(filter(None, [self.message, self.format_hint()]))

    def __str__(self) -> str:
        where = ".".join(filter(None, [self.slot, self.option])) if self.slot else ""
        return f"{where}: {self.describe()}" if where else self.describe()


class AlrefError(Exception):
    """Base of all errors that alref reports in one message without a traceback; made from a text or from problems."""

    exit_code: ClassVar[int] = 1

    def __init__(self, *args: object, code: str = "") -> None:
        """Set the message; ``code`` is a stable name of the error, by which the command line finds the options that help."""
        super().__init__(*args)
        self.code = code

    def __str__(self) -> str:
        return mask_passwords("\n".join(map(str, self.args)))

    @property
    def problems(self) -> list[Problem]:
        """The problems that it was made from; a text is one problem without a hint."""
        return [arg if isinstance(arg, Problem) else Problem(message=str(arg)) for arg in self.args]


class InputError(AlrefError):
    """A video, an audio file, an image or a reference cannot be used."""

    exit_code = 3


class ConfigError(AlrefError):
    """A component, an option or a configuration file is wrong."""

    exit_code = 4


class MissingError(AlrefError):
    """Something that a component needs is not on this machine."""

    exit_code = 5


class ContractError(AlrefError):
    """A plugin returned something that its contract does not allow."""

    exit_code = 6


class RecordError(ContractError):
    """A record was made with an invalid value."""


class OutputError(AlrefError):
    """A result cannot be written to its destination."""

    exit_code = 7


class _AttributedError(ContractError):
    """A contract error that already names its origin."""


class PluginErrorContext(AbstractContextManager[None]):
    """Turn exceptions of a plugin into a ContractError that begins with ``origin``.

    AlrefErrors of other kinds are not changed, nor are an interruption and the end of a generator.
    """

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, ContractError) and not isinstance(error, _AttributedError):
            raise _AttributedError(f"{self.origin}: {error}") from error
        if not (error is None or isinstance(error, (AlrefError, KeyboardInterrupt, GeneratorExit))):
            raise _AttributedError(f"{self.origin}: {format_exception(error)}; add -v to see where") from error


MAX_MESSAGE_LENGTH = 500
"""Maximum number of characters shown of an exception."""

MAX_SUGGESTIONS = 3
"""Maximum number of suggestions for an unknown name."""

SUGGESTION_CUTOFF = 0.85
"""Similarity, from 0 to 1, from which further names are suggested; the nearest one needs less."""


def format_exception(error: BaseException) -> str:
    """Write an exception in one line: its type and its message, as ``sanitize_line`` writes it."""
    try:
        text = sanitize_line(str(error))
    except Exception:  # the exception of a plugin may fail even at this
        text = "what it says cannot be written"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def sanitize_line(text: str, max_length: int = MAX_MESSAGE_LENGTH) -> str:
    """Write a text of unknown origin in one line that is safe to show.

    It is shortened, has ``\\x1b`` for an escape character, and no password in an address.
    """
    line = mask_passwords(" ".join(text.split()))
    cut = line if len(line) <= max_length else f"{line[:max_length]}… ({len(line):,} characters)"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)


def mask_passwords(text: str) -> str:
    """Return a text whose addresses have no user names and passwords.

    >>> mask_passwords("no server at http://me:secret@host/v1")
    'no server at http://***@host/v1'
    """
    return _USER.sub("***", text)


def make_permission_error(path: Path) -> InputError:
    """Return the error for a file or folder without read permission, with the command that grants it."""
    return InputError(f"{path}: permission denied; grant it: chmod u+rX '{path.parent}' '{path}'")


def suggest_names(word: str, known: Iterable[str]) -> str:
    """Return similar known names: ``"; did you mean 'sam2' or 'sam3-tracker'?"``, or an empty text when none is similar."""
    names = list(known)
    begun = [name for name in names if word and name.startswith(word)]
    close = (
        get_close_matches(word, names, n=1)
        + begun
        + get_close_matches(word, names, n=MAX_SUGGESTIONS, cutoff=SUGGESTION_CUTOFF)
    )
    found = list(dict.fromkeys(close))[:MAX_SUGGESTIONS]
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
