"""The published checkpoints of SAM 2.1: URLs and SHA-256 digests."""

from __future__ import annotations

from pathlib import Path

from alref import Weights

BASE_URL = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"
SHA256 = {
    "sam2.1_hiera_tiny.pt": "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
    "sam2.1_hiera_small.pt": "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
    "sam2.1_hiera_base_plus.pt": "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
    "sam2.1_hiera_large.pt": "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
}
"""Digests as pinned by several public repositories."""


def describe_checkpoint(path: Path, license_name: str) -> Weights:
    """Return the weights record of a checkpoint; a published one is downloaded if missing and verified by its digest."""
    urls = {name: f"{BASE_URL}{name}" for name in SHA256}
    return Weights(str(path), files=(path.name,), urls=urls, sha256=SHA256, license=license_name)
