"""``alref demo``: generate a small clip, segment it and score the masks."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from alref.api import open_configured_video
from alref.cli import demo_clip
from alref.cli.run import run_pipeline
from alref.pipeline.engine import Pipeline
from alref.pipeline.references import make_references
from alref.utils.masks import Mask


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("alref-out/demo"), help="Folder to write to.")
@click.option("--quiet", is_flag=True, help="Print only the scores.")
def command(out: Path, quiet: bool) -> None:
    """Segment a small generated clip, and score the masks against the true ones."""
    clip = demo_clip.write_clip(out / "clip.mp4")
    references = make_references([ball.expression for ball in demo_clip.BALLS])
    flags = {"video": clip, "out": out / "run", "force": True, "as_json": False, "quiet": quiet}
    with Pipeline() as pipeline:
        result = run_pipeline(pipeline, open_configured_video(clip, pipeline.config.video), references, flags)
    for expression, truth in demo_clip.compute_masks().items():
        click.echo(f"{expression}: J {compute_jaccard(result.masks(expression), truth):.2f} against the true masks")


def compute_jaccard(masks: Mask, truth: Mask) -> float:
    """Return the mean over frames of intersection over union of bool (T, H, W) masks, 1 where both are empty."""
    meet = (masks & truth).sum(axis=(1, 2))
    join = (masks | truth).sum(axis=(1, 2))
    return float(np.where(join > 0, meet / np.maximum(join, 1), 1.0).mean())
