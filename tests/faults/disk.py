"""A disk whose cache is lost when the power goes: what is on it, given what a program has asked of the system.

Rules that must stay true here:
- What was written to a file is safe after the file was synced, a name after its folder was. Of the rest, each sector of
  512 bytes is there or not by itself, whatever was written before or after it; of the names of a folder, the first few
  changes are there, as journals of file systems keep them.
- What a call is not known to do is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.faults.syscalls import Call

_SECTOR = 512


@dataclass
class _File:
    safe: bytearray = field(default_factory=bytearray)
    live: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)
    """Writes (offset, bytes) and new sizes since the last sync."""

    def write(self, offset: int, data: bytes) -> None:
        _put(self.live, offset, data)
        self.pending.append((offset, data))

    def resize(self, size: int) -> None:
        _resize(self.live, size)
        self.pending.append(size)

    def sync(self) -> None:
        self.safe = bytearray(self.live)
        self.pending.clear()

    def after_a_cut(self, chance: Random) -> bytes:
        if not self.pending:
            return bytes(self.safe)
        kept = chance.choice((0.0, 1.0, 0.5, chance.random()))
        found = bytearray(self.safe)
        for change in self.pending:
            if isinstance(change, int):
                if chance.random() < kept:
                    _resize(found, change)
                continue
            offset, data = change
            at = 0
            while at < len(data):
                end = min(len(data), at + _SECTOR - (offset + at) % _SECTOR)
                if chance.random() < kept:
                    _put(found, offset + at, data[at:end])
                at = end
        return bytes(found)


@dataclass
class Disk:
    """What is in and below `folder`."""

    folder: Path
    _names: dict[str, _File] = field(default_factory=dict)
    _safe_names: dict[str, _File] = field(default_factory=dict)
    _changes: dict[str, list[tuple[str, _File | None]]] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)
    _at: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._folders.add(str(self.folder))

    def take(self, call: Call) -> None:
        """A call has been carried out."""
        match call.name:
            case "openat":
                self._open(call)
            case "pwrite64":
                if (file := self._names.get(call.files[0])) is not None:
                    file.write(call.numbers[-1], call.texts[0][: call.result])
            case "write":
                if (file := self._names.get(call.files[0])) is not None:
                    file.write(self._at[call.files[0]], call.texts[0][: call.result])
                    self._at[call.files[0]] += call.result
            case "ftruncate":
                if (file := self._names.get(call.files[0])) is not None:
                    file.resize(call.numbers[-1])
            case "fdatasync" | "fsync":
                self._sync(call.files[0])
            case "rename" | "renameat" | "renameat2":
                old, new = (text.decode() for text in call.texts)
                self._name(new, self._names[old])
                self._name(old, None)
            case "link" | "linkat":
                old, new = (text.decode() for text in call.texts)
                self._name(new, self._names[old])
            case "unlink" | "unlinkat":
                self._name(call.texts[0].decode(), None)
            case "mkdir" | "mkdirat":
                self._folders.add(call.texts[0].decode())
            case "sendto" | "sendmsg" | "writev":
                pass  # a socket whose name is in the folder
            case _:
                raise AssertionError(f"this disk does not know what {call.name} does to it, and would prove nothing")

    def live(self, path: Path) -> bytes:
        """What a reader would find now."""
        return bytes(self._names[str(path)].live)

    def cut(self, chance: Random, into: Path) -> None:
        """Write what is left, were the power to go now, to another folder. Index files of SQLite's, which are rebuilt
        after a crash, are left out."""
        names = dict(self._safe_names)
        for changes in self._changes.values():
            for name, file in changes[: chance.randint(0, len(changes))]:
                _set(names, name, file)
        for name, file in names.items():
            if not name.endswith("-shm"):
                path = into / Path(name).relative_to(self.folder)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.after_a_cut(chance))

    def _open(self, call: Call) -> None:
        if not call.texts:
            return
        path = call.texts[0].decode()
        if not path.startswith(f"{self.folder}/") or path in self._folders:
            return
        flags = call.rest
        if path not in self._names:
            if b"O_CREAT" not in flags:
                return  # a file that was there before, or a folder
            self._name(path, _File())
        elif b"O_TRUNC" in flags:
            self._names[path].resize(0)
        if b"O_WRONLY" in flags or b"O_RDWR" in flags:
            self._at[path] = len(self._names[path].live) if b"O_APPEND" in flags else 0

    def _sync(self, path: str) -> None:
        if (file := self._names.get(path)) is not None:
            file.sync()
            return
        for name, changed in self._changes.pop(path, []):
            _set(self._safe_names, name, changed)

    def _name(self, path: str, file: _File | None) -> None:
        _set(self._names, path, file)
        self._changes.setdefault(path.rpartition("/")[0], []).append((path, file))


def _set(names: dict[str, _File], name: str, file: _File | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
