"""The 527 classes of AudioSet: their names and machine ids, in the order of their numbers.

The list is Google's, under CC BY 4.0; ``audioset.tsv`` says so and where it comes from.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SILENCE_ID = "/m/028v0c"
"""The machine id of the class "Silence", which names nothing that sounds."""


@cache
def load_class_names() -> dict[str, str]:
    """Return the name of each class by its machine id, in the order of AudioSet's class numbers 0 to 526."""
    lines = files("alref.audio").joinpath("audioset.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if not line.startswith("#"))
