"""How a store is named and opened.

Rules that must stay true here:
- A name that cannot be understood is refused; nothing is created for it.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from stepwell.store.protocol import Store, StoreError
from stepwell.store.sqlite.store import SqliteStore


async def open_store(url_or_path: str) -> Store:
    """Open the store of this name, making it where there is none.

    - `path/to/file.db`, `sqlite:///path/to/file.db` (relative), `sqlite:////path/to/file.db` (absolute): an SQLite
      file. Its folder is made if only that is missing.
    - `:memory:`, `sqlite:///:memory:`: a store for the life of this process. It is a file in the system's folder for
      temporary files, so that it behaves as any other store does, and is removed when the store is closed. It is the
      one store whose commits are not waited for to reach the disk: nothing of it is read again.

    Raises StoreBusy where another server has it open, StoreTooNew where a newer Stepwell made it, StoreCorrupt where
    the file is not a sound database, StoreFull where it cannot be written, StoreError for all else; an existing file is
    left as it was.
    """
    path = store_file(url_or_path)
    if path is None:
        folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
        let_go = partial(shutil.rmtree, folder, ignore_errors=True)
        try:
            return await SqliteStore.open(folder / "stepwell.db", let_go, temporary=True)
        except BaseException:
            let_go()
            raise
    return await SqliteStore.open(path)


def store_file(url_or_path: str) -> Path | None:
    """The absolute path of a store's file; None for a store that is to be temporary. Raises StoreError."""
    scheme, separator, rest = url_or_path.partition("://")
    if not separator:
        name = url_or_path
    elif scheme in ("postgresql", "postgres"):
        raise StoreError(
            "PostgreSQL is not built into this version of Stepwell yet. Name a file: sqlite:///stepwell.db"
        )
    elif scheme == "sqlite" and rest.startswith("/"):
        name = unquote(rest[1:])
    else:
        raise StoreError(f"{url_or_path!r} names no store. Give the path of a file, or sqlite:///path/to/file.db")
    if not name or "\0" in name:
        raise StoreError(f"{url_or_path!r} names no file. Give the path of a file, or sqlite:///path/to/file.db")
    return None if name == ":memory:" else Path(name).expanduser().absolute()
