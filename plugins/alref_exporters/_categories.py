"""The classes of the objects of a run."""

from __future__ import annotations

from collections.abc import Sequence

from alref import ConfigError, FinishedRun


def list_categories(run: FinishedRun, given: Sequence[str] = ()) -> dict[str, int]:
    """Return the ids of the classes, from 1: of those that are ``given``, or of those of the run in alphabetical order.

    Raises ConfigError if an object has a class that is not given.
    """
    own = sorted({each.category for each in run.objects})
    names = list(dict.fromkeys(given)) or own
    if missing := [name for name in own if name not in names]:
        raise ConfigError(f"categories: expected the class of each object, {', '.join(missing)} is not in {', '.join(names)}")
    return {name: number for number, name in enumerate(names, 1)}
