"""Style sheet and icons, served under names that contain their content's hash.

Only names in the manifest are served, so no path can leave the folder. A name never changes its content, so a browser
keeps it for a year. Files are packed once at start: Litestar's own static router would pack them at every request and
never answers 304 (UI 1). Never serves anything about a case.
"""

import gzip
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from msgspec import Struct

MEDIA_TYPES: Final = {"css": "text/css; charset=utf-8", "svg": "image/svg+xml", "js": "text/javascript; charset=utf-8"}
HASH_CHARACTERS: Final = 12


class Asset(Struct, frozen=True):
    """One file as it is served."""

    name: str
    """With the hash: `tongban.1a2b3c4d5e6f.css`."""
    media_type: str
    content: bytes
    packed: bytes
    """The same, gzip; without a time inside, so that equal files are equal."""


@cache
def manifest() -> dict[str, Asset]:
    """Plain name → asset, for every file of `static/` of a kind that we serve."""
    found: dict[str, Asset] = {}
    for source in sorted(files("office.web").joinpath("static").iterdir(), key=lambda source: source.name):
        stem, _, kind = source.name.rpartition(".")
        if kind not in MEDIA_TYPES:
            continue
        content = source.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:HASH_CHARACTERS]
        packed = gzip.compress(content, mtime=0)
        found[source.name] = Asset(f"{stem}.{digest}.{kind}", MEDIA_TYPES[kind], content, packed)
    return found


@cache
def served() -> dict[str, Asset]:
    """Hashed name → asset."""
    return {asset.name: asset for asset in manifest().values()}


def path_of(name: str) -> str:
    """The path under which a file of `static/` is served. Raises KeyError for a file that is not there."""
    return f"/assets/{manifest()[name].name}"
