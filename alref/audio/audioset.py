"""The 527 classes of AudioSet: their names and machine ids, in the order of their class numbers.

The list is by Google, under CC BY 4.0; ``audioset.tsv`` states the license and the source.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

SILENCE_ID = "/m/028v0c"
"""The machine id of the class "Silence", which does not name a sound."""


@cache
def load_class_names() -> dict[str, str]:
    """Return the class names by machine id, in the order of AudioSet's class numbers 0 to 526."""
    lines = files("alref.audio").joinpath("audioset.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if not line.startswith("#"))
