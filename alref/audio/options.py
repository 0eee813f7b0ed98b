"""Options of locators that compare sound with words. Light: numpy is not loaded here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field


class SimilarityOptions(BaseModel):
    """How a sound track is cut up, and how what is heard in a part is compared with the phrases."""

    segments: Literal["windows", "similarity"] = Field(
        "windows", description="parts of one length, or as published: of seconds that sound alike"
    )
    seconds: float = Field(
        0.5, ge=0.1, le=10, description="length of a window; AL-Ref-SAM 2 compares whole seconds, which is 1"
    )
    segments_file: Path | None = Field(
        None, description="JSON file with the segments of each clip by its name, taken instead: {clip: [[start, end], ...]}"
    )
    mode: Literal["independent", "subsets"] = Field(
        "independent",
        description="`independent`: each phrase against the negatives; `subsets`, as published: the best subset of phrases",
    )
    separator: str = Field(
        ", ", min_length=1, description="what stands between the names of a subset; '; ' for AVSS as published"
    )
    negatives: tuple[str, ...] = Field(
        ("silence", "background noise"), min_length=1, description="negative prompts, for mode `independent`"
    )
