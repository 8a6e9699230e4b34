"""A folder that stands in for S3: FOLDER/BUCKET/KEY.

Rules that must stay true here:
- A key never leads out of its bucket, and a bucket never out of the folder, whatever symbolic links lie there.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from hashlib import md5
from pathlib import Path

from stepwell.disk import sync
from stepwell.tasks.objects import CHANGED, Entry, Fetched, ObjectError


class FolderObjects:
    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    async def fetch(self, bucket: str, key: str, version: str | None, pin: str | None) -> Fetched:
        path = self._path(bucket, key)
        try:
            found = await asyncio.to_thread(path.stat)
        except OSError:
            raise ObjectError("The specified key does not exist.") from None
        if not path.is_file():
            raise ObjectError("The specified key does not exist.")
        now = f"{found.st_mtime_ns}-{found.st_size}"
        if pin is not None and pin != now:
            raise ObjectError(CHANGED.format(bucket=bucket, key=key))
        return Fetched(path, now, temporary=False)

    async def entries(self, bucket: str, prefix: str, after: str) -> AsyncIterator[Entry]:
        for entry in await asyncio.to_thread(self._listed, bucket, prefix, after):
            yield entry

    def _listed(self, bucket: str, prefix: str, after: str) -> list[Entry]:
        root = self._bucket(bucket)
        found: list[Entry] = []
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(root)):
                    continue
                key = path.relative_to(root).as_posix()
                if key.startswith(prefix) and key > after:
                    about = path.stat()
                    tag = md5(f"{about.st_mtime_ns}-{about.st_size}".encode(), usedforsecurity=False).hexdigest()
                    found.append(Entry(key, about.st_size, f'"{tag}"', int(about.st_mtime)))
        return sorted(found, key=lambda entry: entry.key)

    async def store(self, bucket: str, key: str, path: Path) -> None:
        target = self._path(bucket, key)
        try:
            await asyncio.to_thread(_copy, path, target)
        except OSError as error:
            raise ObjectError(f"{target} cannot be written: {error.strerror}") from None

    def _bucket(self, bucket: str) -> Path:
        path = _resolved(self._root, bucket)
        if path is None or path.parent != self._root or not path.is_dir():
            raise ObjectError("The specified bucket does not exist")
        return path

    def _path(self, bucket: str, key: str) -> Path:
        root = self._bucket(bucket)
        path = _resolved(root, key)
        if path is None or not path.is_relative_to(root) or path == root:
            raise ObjectError("The specified key does not exist.")
        return path


def _resolved(folder: Path, name: str) -> Path | None:
    """Where a name leads to, symbolic links followed; None where no file can have it."""
    try:
        return (folder / name).resolve()
    except (ValueError, RuntimeError, OSError):  # a null in it, links in a circle, a name that is too long
        return None


def _copy(source: Path, target: Path) -> None:
    """Whoever reads the target sees all of it or nothing, a power cut included."""
    made = _make(target.parent)
    beside = target.with_name(f".{target.name}.part")
    with source.open("rb") as given, beside.open("wb") as written:
        shutil.copyfileobj(given, written)
        written.flush()
        os.fsync(written.fileno())
    beside.replace(target)
    for folder in (target.parent, *made):
        sync(folder)


def _make(folder: Path) -> list[Path]:
    """Make a folder, and those above it that are missing; those that a new name is in."""
    if folder.is_dir():
        return []
    above = _make(folder.parent)
    folder.mkdir(exist_ok=True)
    return [folder.parent, *above]
