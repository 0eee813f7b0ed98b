"""The flags --videos and --limit."""

from __future__ import annotations

from alref.components.dataset import Dataset


def select_videos(dataset: Dataset, names: str | None, limit: int | None) -> list[str]:
    """Return the selected videos in the order of the dataset. Raises InputError for an unknown name."""
    videos = dataset.list_videos()
    selected = set(videos) if names is None else {dataset.require_video(name.strip()) for name in names.split(",")}
    return [video for video in videos if video in selected][:limit]
