"""Code that stands in a template or in an archive, put into a folder that it can run from.

Rules that must stay true here:
- A folder is named by the hash of its content, and complete or not there: two servers share it, and a crash leaves none
  half-made.
- An archive writes nothing outside its folder, and no more than Lambda would take.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stepwell.deploy.description import Archive, Folder, Inline

MAX_UNPACKED: Final = 1024 * 1024 * 1024  # bytes; Lambda takes 250 MB


def folder_of(code: Folder | Archive | Inline, runtime: str) -> Path:
    """The folder that code can run from. Raises OSError, and ValueError where an archive cannot be used."""
    if isinstance(code, Folder):
        return code.path.absolute()
    if isinstance(code, Inline):
        name = "index.js" if runtime.startswith("nodejs") else "index.py"
        digest = hashlib.sha256(f"{name}\n{code.text}".encode()).hexdigest()
        return _made(digest, lambda folder: (folder / name).write_text(code.text, "utf-8"))
    with code.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _made(digest, lambda folder: _unpack(code.path, folder))


def cache_folder() -> Path:
    """Where such folders are: `stepwell/code` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stepwell" / "code"


def _made(digest: str, fill: Callable[[Path], object]) -> Path:
    place = cache_folder()
    folder = place / digest[:32]
    if folder.is_dir():
        return folder
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=place))
    try:
        fill(new)
        try:
            new.rename(folder)
        except OSError:
            if not folder.is_dir():  # another server was first
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return folder


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > MAX_UNPACKED:
                raise ValueError(f"{path} unpacks to {size:,} bytes, more than {MAX_UNPACKED:,}")
            archive.extractall(folder)  # zipfile itself drops `..` and absolute paths
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is no .zip that can be read: {error}") from error
