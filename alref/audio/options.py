"""Options of locators that compare audio with text. This module does not import numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field


class SimilarityOptions(BaseModel):
    """Options for segmenting audio and comparing segments with phrases."""

    segments: Literal["windows", "similarity"] = Field(
        "windows", description="segments of equal length, or, as published, merged from seconds with similar audio"
    )
    seconds: float = Field(0.5, ge=0.1, le=10, description="length of a window; 1 in AL-Ref-SAM 2")
    segments_file: Path | None = Field(
        None, description="JSON file with the segments of each clip, used instead: {clip: [[start, end], ...]}"
    )
    mode: Literal["independent", "subsets"] = Field(
        "independent",
        description="`independent`: each phrase against the negatives; `subsets`, as published: the best subset of phrases",
    )
    separator: str = Field(", ", min_length=1, description="separator of the names in a subset; '; ' for AVSS as published")
    negatives: tuple[str, ...] = Field(
        ("silence", "background noise"), min_length=1, description="negative prompts, for mode `independent`"
    )
