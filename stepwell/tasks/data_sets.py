"""What map runs read and write: items from objects in all formats, results as ResultWriter exports them.

Rules that must stay true here:
- Files are read on threads, a chunk at a time: the event loop waits for nobody's disk.
- Every format is one file of `item_reader`; here it is only chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from stepwell.engine.map_run.data_set import Item, Items, Result, Unreadable, Unwritable
from stepwell.language.values import Json
from stepwell.tasks.item_reader import csv_rows, json_array, json_lines, listing, manifest, parquet
from stepwell.tasks.item_reader.rows import Format, Malformed
from stepwell.tasks.objects import Fetched, ObjectError, Objects
from stepwell.tasks.result_writer import export, texts

_FORMATS: Final[Mapping[str, Format]] = {
    "CSV": csv_rows.rows,
    "JSON": json_array.rows,
    "JSONL": json_lines.rows,
    "PARQUET": parquet.rows,
}


class ObjectDataSets:
    """Data sets in objects; see `DataSets`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def open(self, reader: Mapping[str, Json], cursor: Json, pin: str | None) -> Items:
        arguments = reader["arguments"] if isinstance(reader["arguments"], dict) else {}
        config = reader["config"] if isinstance(reader["config"], dict) else {}
        try:
            if reader["action"] == "listObjectsV2":
                return _ListedItems(self._objects, arguments, config, cursor)
            bucket, key = str(arguments.get("Bucket")), str(arguments.get("Key"))
            version = arguments.get("VersionId")
            fetched = await self._objects.fetch(bucket, key, None if version is None else str(version), pin)
            if config.get("InputType") == "MANIFEST" or config.get("ManifestType") is not None:
                try:
                    found = await asyncio.to_thread(manifest.parts, fetched.path, config, bucket)
                finally:
                    fetched.discard()
                return _ManifestItems(self._objects, found, cursor, fetched.pin)
            return FileItems(fetched, str(config.get("InputType") or "JSON"), config, cursor)
        except (ObjectError, Malformed) as error:
            raise Unreadable(str(error)) from None

    def texts(self, writer: Mapping[str, Json] | None, result: Result) -> Sequence[str]:
        return texts(None if writer is None else writer["transformation"], result)

    async def write(
        self, writer: Mapping[str, Json], map_run_arn: str, results: AsyncIterator[Sequence[Result]]
    ) -> tuple[Json, int]:
        try:
            return await export(self._objects, writer, map_run_arn, results)
        except ObjectError as error:
            raise Unwritable(str(error)) from None


class FileItems:
    """The items of one file."""

    def __init__(self, fetched: Fetched, input_type: str, config: Mapping[str, Json], place: Json) -> None:
        self._fetched = fetched
        self._rows: Iterator[tuple[Json, Json]] = _FORMATS[input_type](fetched.path, config, place)

    @property
    def pin(self) -> str | None:
        return self._fetched.pin

    async def read(self, limit: int) -> Sequence[Item]:
        try:
            return await asyncio.to_thread(self._read, limit)
        except Malformed as error:
            raise Unreadable(str(error)) from None

    def _read(self, limit: int) -> list[Item]:
        return [Item(value, place) for value, place in islice(self._rows, limit)]

    async def close(self) -> None:
        close = getattr(self._rows, "close", None)
        if close is not None:
            close()
        self._fetched.discard()


class _ManifestItems:
    """The items of many files; a cursor is the number of the file and the place in it."""

    def __init__(self, objects: Objects, parts: Sequence[manifest.Part], cursor: Json, pin: str) -> None:
        self.pin: str | None = pin
        self._objects = objects
        self._parts = parts
        self._number = 0
        self._place: Json = None
        if isinstance(cursor, list) and isinstance(cursor[0], int):
            self._number, self._place = cursor[0], cursor[1]
        self._file: FileItems | None = None

    async def read(self, limit: int) -> Sequence[Item]:
        while self._number < len(self._parts):
            if self._file is None:
                self._file = await self._open(self._parts[self._number])
            found = await self._file.read(limit)
            if found:
                return [Item(item.value, [self._number, item.cursor]) for item in found]
            await self.close()
            self._number, self._place = self._number + 1, None
        return ()

    async def _open(self, part: manifest.Part) -> FileItems:
        try:
            fetched = await self._objects.fetch(part.bucket, part.key, None, None)
            fetched = await asyncio.to_thread(manifest.unpacked, fetched, part.key)
        except (ObjectError, Malformed, OSError) as error:
            raise Unreadable(str(error)) from None
        return FileItems(fetched, part.input_type, part.config, self._place)

    async def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            await file.close()


class _ListedItems:
    """The objects of a bucket, or the items of all of them (LOAD_AND_FLATTEN).

    A cursor is the key of the last object; behind it, where they are loaded, the key of the present one and the place
    in it.
    """

    pin: str | None = None

    def __init__(
        self, objects: Objects, arguments: Mapping[str, Json], config: Mapping[str, Json], cursor: Json
    ) -> None:
        self._objects = objects
        self._bucket = str(arguments.get("Bucket"))
        self._config = config
        self._loads = config.get("Transformation") == "LOAD_AND_FLATTEN"
        self._after = "" if cursor is None else str(cursor)
        self._key: Json = None
        self._place: Json = None
        if isinstance(cursor, list):
            self._after, self._key, self._place = str(cursor[0]), cursor[1], cursor[2]
        self._entries = objects.entries(self._bucket, str(arguments.get("Prefix") or ""), self._after)
        self._file: FileItems | None = None

    async def read(self, limit: int) -> Sequence[Item]:
        try:
            return await (self._read_files(limit) if self._loads else self._read_entries(limit))
        except ObjectError as error:
            raise Unreadable(str(error)) from None

    async def _read_entries(self, limit: int) -> list[Item]:
        found: list[Item] = []
        async for entry in self._entries:
            found.append(Item(listing.item(entry), entry.key))
            if len(found) == limit:
                break
        return found

    async def _read_files(self, limit: int) -> Sequence[Item]:
        while True:
            if self._file is None:
                entry = await anext(self._entries, None)
                if entry is None:
                    return ()
                place = self._place if entry.key == self._key else None
                self._key = entry.key
                fetched = await self._objects.fetch(self._bucket, entry.key, None, None)
                self._file = FileItems(fetched, str(self._config.get("InputType") or "JSON"), self._config, place)
            found = await self._file.read(limit)
            if found:
                return [Item(item.value, [self._after, self._key, item.cursor]) for item in found]
            await self.close()
            self._after = str(self._key)

    async def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            await file.close()
