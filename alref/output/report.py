"""Render a result as a page without network access or scripts, and as a strip of images for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
import yaml

from alref.errors import AlrefError, InputError
from alref.media.draw import build_palette
from alref.media.video import Video
from alref.output.html import make_environment
from alref.output.review_summary import describe_review
from alref.output.thumbnails import MAX_DRAWN_CANDIDATES, PivotSummary, Thumbnails
from alref.output.track_summary import summarize_tracks
from alref.records import Flag, Reference, Track
from alref.result import Result

MAX_CURVE_POINTS = 400
NOTEBOOK_THUMBNAILS = 8
MAX_LISTED_FLAGS = 8
"""Maximum number of flags listed for one reference; all are in ``result.json`` and on the curve."""


@dataclass(frozen=True)
class ObjectSummary:
    """Summary of a track: number, color, frames in which it is visible, and mean share of the image there."""

    number: int
    color: str
    text: str
    frames: int
    share: float


@dataclass(frozen=True)
class FlaggedFrames:
    """Adjacent frames with the same flag: position on the curve, description, object and reason."""

    x: float
    color: str
    where: str
    number: int
    why: str


@dataclass(frozen=True)
class AreaCurve:
    """Area shares over time in a box of 1000 by 100 units: paths by color, audible spans, labels."""

    lines: list[tuple[str, str]]
    heard: list[tuple[float, float]]
    top: str
    ticks: list[str]
    summary: str


def render_run_report(result: Result, thumbnails: Thumbnails, *, name: str, versions: Mapping[str, str], command: str) -> str:
    """Write ``report.html``. ``name`` is that of the input; ``thumbnails`` hold images of the whole video."""
    shares = _compute_area_shares(result)
    sections = [_build_section(result, thumbnails, reference, shares) for reference in result.references]
    return (
        _get_environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            name=name,
            warnings=collect_warnings(result),
            sections=sections,
            longest=max(result.seconds.values(), default=0.0) or 1.0,
            versions=versions,
            command=command,
            config=yaml.safe_dump(result.config, sort_keys=False, allow_unicode=True) if result.config else "",
        )
    )


def render_notebook_html(result: Result) -> str:
    """Render a result for a notebook: verdict and masks over time for each reference, on gray if the video is missing."""
    pictures = Thumbnails(result, NOTEBOOK_THUMBNAILS)
    note = _fill_thumbnails(result, pictures)
    sections = [_build_section(result, pictures, reference, _compute_area_shares(result)) for reference in result.references]
    return _get_environment().get_template("notebook.html.j2").render(result=result, sections=sections, note=note)


def collect_warnings(result: Result) -> list[str]:
    """List the warnings of the whole run without duplicates; warnings of a phrase are shown with it."""
    of_phrases = tuple(warning for phrase in result.phrases for warning in phrase.warnings)
    of_run = [warning for warning in (*result.video.warnings, *result.warnings) if not warning.endswith(of_phrases)]
    of_objects = ["masks/ holds objects 1 to 255 only; result.json holds all"] if len(result.tracks) > 255 else []
    return list(dict.fromkeys([*of_run, *of_objects]))


def format_time(seconds: float) -> str:
    """Format seconds: ``4.25 s``, ``1:04.2``."""
    if seconds < 60:
        return f"{round(seconds, 2):g} s"
    minutes, tenths = divmod(round(10 * seconds), 600)
    return f"{minutes}:{tenths / 10:04.1f}"


def format_percent(share: float) -> str:
    """Format a share 0..1 as percent with two significant digits."""
    return f"{float(f'{100 * share:.2g}'):g} %"


@lru_cache(maxsize=1)
def _get_environment() -> jinja2.Environment:
    return make_environment(
        clock=format_time, percent=format_percent, box=_format_box, candidates=_format_candidates, scores=_format_scores
    )


def _describe_reference(reference: Reference) -> str:
    """Return the kind of a reference if its title does not show it."""
    if reference.has_prompt:
        return "given"
    words = "spoken" if reference.spoken else ("text" if reference.text else "")
    return f"{words} and sound" if words and reference.sound else words.removeprefix("text")


def _build_section(
    result: Result, thumbnails: Thumbnails, reference: Reference, shares: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """Collect the template data of one reference."""
    numbers = [index for index, track in enumerate(result.tracks) if track.phrase.reference == reference.id]
    tracks = [result.tracks[index] for index in numbers]
    objects = [_summarize_object(result.tracks[index], index + 1, shares[index]) for index in numbers]
    located = {track.phrase.text: track.phrase for track in tracks}
    own = [phrase for phrase in result.phrases if phrase.reference == reference.id]
    return {
        "title": reference.title,
        "kind": _describe_reference(reference),
        "said": [transcript for transcript in result.transcripts if transcript.reference == reference.id],
        "verdict": result.verdict(reference.id),
        "phrases": [located.get(phrase.text, phrase) for phrase in own],
        "looks": [
            (look, _format_pivot_frame(look, result.video.times), thumbnails.pivot_images.get((reference.id, position)))
            for position, look in enumerate(thumbnails.pivots[reference.id])
        ],
        "searched": summarize_tracks(result, reference.id),
        "track_images": thumbnails.track_images,
        "thumbs": [
            (result.video.times[frame], frame, thumbnails.mask_images[reference.id, frame])
            for frame in thumbnails.frame_indices
            if (reference.id, frame) in thumbnails.mask_images
        ],
        "objects": objects,
        "curve": _build_curve(result.video.times, tracks, objects, shares[numbers]) if tracks else None,
        "marks": [
            mark
            for object_, track in zip(objects, tracks, strict=True)
            for mark in _group_flags(result.video.times, object_, track)
        ],
        "listed": MAX_LISTED_FLAGS,
        "reviewed": [(object_, lines) for object_ in objects if (lines := describe_review(result, object_.number - 1))],
    }


def _format_candidates(summary: PivotSummary) -> str:
    if summary.candidates is None:
        return ""
    count = len(summary.candidates)
    text = f": {count} candidate{'' if count == 1 else 's'}" + (
        f", best {MAX_DRAWN_CANDIDATES} drawn" if count > MAX_DRAWN_CANDIDATES else ""
    )
    return text if summary.chosen_index is None else f"{text}, number {summary.chosen_index + 1} chosen"


def _format_scores(summary: PivotSummary) -> str:
    """Format the number, label and score of each drawn candidate."""
    if summary.candidates is None:
        return ""
    labels = summary.candidates.labels or ("",) * len(summary.candidates)
    drawn = list(zip(labels, summary.candidates.scores.tolist(), strict=True))[:MAX_DRAWN_CANDIDATES]
    return ", ".join(" ".join(f"{place} {label} {score:.2f}".split()) for place, (label, score) in enumerate(drawn, 1))


def _format_box(summary: PivotSummary) -> str:
    if summary.box is None or summary.box.xyxy is None:
        return ""
    return "; chosen box: " + ", ".join(f"{value:.0f}" for value in summary.box.xyxy)


def _format_pivot_frame(summary: PivotSummary, times: Sequence[float]) -> str:
    frame = summary.pivot.frame
    if frame is None:
        return "No frame"
    return f"Frame {frame}" + (f" at {format_time(times[frame])}" if frame < len(times) else "")


def _group_flags(times: Sequence[float], summary: ObjectSummary, track: Track) -> list[FlaggedFrames]:
    """Group the flags of a track by kind over adjacent frames."""
    groups: list[list[Flag]] = []
    for flag in sorted(track.flags, key=lambda flag: (flag.kind, flag.frame)):
        if groups and groups[-1][-1].kind == flag.kind and flag.frame == groups[-1][-1].frame + 1:
            groups[-1].append(flag)
        else:
            groups.append([flag])
    first, length = times[0], (times[-1] - times[0]) or 1.0
    return [
        FlaggedFrames(
            x=1000 * (times[group[0].frame] - first) / length,
            color=summary.color,
            where=_format_frame_range(group[0].frame, group[-1].frame, times),
            number=summary.number,
            why=f"{group[0].kind}: {group[0].why}",
        )
        for group in sorted(groups, key=lambda group: group[0].frame)
    ]


def _format_frame_range(start: int, end: int, times: Sequence[float]) -> str:
    if start == end:
        return f"frame {start} at {format_time(times[start])}"
    return f"frames {start} to {end}, {format_time(times[start])} to {format_time(times[end])}"


def _summarize_object(track: Track, number: int, shares: npt.NDArray[np.float64]) -> ObjectSummary:
    visible = shares[shares > 0]
    color = "#" + "".join(f"{int(value):02x}" for value in build_palette(number)[-1])
    return ObjectSummary(number, color, track.title, len(visible), float(visible.mean()) if len(visible) else 0.0)


def _compute_area_shares(result: Result) -> npt.NDArray[np.float64]:
    """Return the share of the image that each object covers, float64 (P, T) in 0..1."""
    areas = [[rle.area for rle in track.rles] for track in result.tracks]
    pixels = result.video.height * result.video.width
    return np.array(areas, np.float64).reshape(len(areas), len(result.video.times)) / pixels


def _build_curve(
    times: Sequence[float], tracks: Sequence[Track], objects: Sequence[ObjectSummary], shares: npt.NDArray[np.float64]
) -> AreaCurve:
    first, length = times[0], (times[-1] - times[0]) or 1.0
    spans = dict.fromkeys(span for track in tracks for span in track.phrase.heard or ())
    edges = 1000 * ((np.array([*spans], np.float64).reshape(-1, 2) - first) / length).clip(0, 1)
    top = _round_axis_limit(float(shares.max()))
    ends = f"from {format_time(first)} to {format_time(times[-1])}"
    return AreaCurve(
        lines=[(object_.color, _format_svg_path(times, row / top)) for object_, row in zip(objects, shares, strict=True)],
        heard=[(start, end - start) for start, end in edges.tolist() if end > start],
        top=format_percent(top),
        ticks=[format_time(first + length * part) for part in (0, 0.25, 0.5, 0.75, 1)]
        if len(times) > 1
        else [format_time(first)],
        summary=f"Share of the image over time, {ends}; maximum {format_percent(float(shares.max()))}",
    )


def _format_svg_path(times: Sequence[float], heights: npt.NDArray[np.float64]) -> str:
    """Draw heights 0..1 as an SVG path; average adjacent frames if there are too many; draw a single one as a level line."""
    starts = np.unique(np.linspace(0, len(times), min(len(times), MAX_CURVE_POINTS), endpoint=False).astype(int))
    counts = np.diff([*starts, len(times)])
    y = 100 * (1 - np.add.reduceat(heights, starts) / counts)
    if len(times) == 1:
        return f"M0 {y[0]:.1f}H1000"
    x = 1000 * (np.array(times)[starts] - times[0]) / (times[-1] - times[0])
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in zip(x, y, strict=True))


def _round_axis_limit(share: float) -> float:
    """Return the upper axis limit: the next of 1, 2, 5, 10 … percent at or above a share."""
    if share <= 0:
        return 0.01
    power = 10.0 ** np.floor(np.log10(share))
    return float(min(1.0, next(step * power for step in (1, 2, 5, 10) if step * power >= share * 0.999)))


def _open_source_video(result: Result) -> Video:
    from alref.media.reader import open_video

    facts = result.video
    if facts.path is None:
        raise InputError("the video was given as an array")
    video = open_video(facts.path, **result.config.get("video", {}))
    if len(video) != len(facts.times):
        raise InputError(f"{facts.path}: expected {len(facts.times)} frames, got {len(video)}; the file has changed")
    return video


def _fill_thumbnails(result: Result, thumbnails: Thumbnails) -> str:
    """Fill thumbnails from the video, or on gray; return the reason if gray."""
    try:
        video: Video = _open_source_video(result)
        for index, frame in video.read_frames(thumbnails.frame_indices):
            thumbnails.add_frame(index, frame)
    except AlrefError as error:
        gray = np.full((result.video.height, result.video.width, 3), 96, np.uint8)
        for index in thumbnails.frame_indices:
            thumbnails.add_frame(index, gray)
        return f"masks are drawn on gray: {error}"
    return ""
