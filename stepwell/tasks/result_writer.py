"""ResultWriter: what a child adds to the results, and how they are exported.

Rules that must stay true here:
- Files and members are those of AWS (developer guide, "ResultWriter"): a manifest, and files for the children that have
  succeeded, that have failed, and that were aborted.
- Results pass through a file each, page by page and on a thread; they are never all in memory.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from stepwell.engine.map_run.data_set import Result
from stepwell.language.timestamp import format_timestamp
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.objects import Objects

_KINDS: Final = {"SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED", "TIMED_OUT": "FAILED"}
_PENDING: Final = "PENDING"
_LARGEST: Final = 1 << 30  # bytes of a file, after which another begins


def texts(transformation: Json, result: Result) -> Sequence[str]:
    """The JSON texts that a child adds to results that stay in the workflow."""
    if transformation == "NONE":
        return (dumps(described(result)),)
    if result.status != "SUCCEEDED" or result.output is None:
        return ()
    return _outputs(transformation, result.output)


def _outputs(transformation: Json, output: str) -> Sequence[str]:
    if transformation == "FLATTEN":
        value = loads(output)
        if isinstance(value, list):
            return [dumps(item) for item in value]
    return (output,)


def described(result: Result) -> Json:
    """A child with all that is known of it."""
    members: dict[str, Json] = {}
    if result.cause is not None:
        members["Cause"] = result.cause
    if result.error is not None:
        members["Error"] = result.error
    members |= {
        "ExecutionArn": result.arn,
        "Input": result.input,
        "InputDetails": {"Included": True},
        "Name": result.name,
    }
    if result.output is not None:
        members |= {"Output": result.output, "OutputDetails": {"Included": True}}
    members["RedriveCount"] = result.redrive_count
    if result.status == "SUCCEEDED":
        members["RedriveStatus"] = "NOT_REDRIVABLE"
        members["RedriveStatusReason"] = "Execution is SUCCEEDED and cannot be redriven"
    else:
        members["RedriveStatus"] = "REDRIVABLE_BY_MAP_RUN"
    members |= {
        "StartDate": format_timestamp(result.start_date),
        "StateMachineArn": result.machine_arn,
        "Status": result.status,
    }
    if result.stop_date is not None:
        members["StopDate"] = format_timestamp(result.stop_date)
    return members


async def export(
    objects: Objects, writer: Mapping[str, Json], map_run_arn: str, results: AsyncIterator[Sequence[Result]]
) -> tuple[Json, int]:
    """Write all results; where the manifest is, and how many were written. Raises ObjectError."""
    arguments = writer["arguments"] if isinstance(writer["arguments"], dict) else {}
    bucket, prefix = str(arguments.get("Bucket")), str(arguments.get("Prefix") or "").strip("/")
    place = "/".join(part for part in (prefix, map_run_arn.rpartition(":")[2]) if part)
    with tempfile.TemporaryDirectory(prefix="stepwell-results-") as folder:
        files = _Files(Path(folder), writer, objects, bucket, place)
        written = 0
        async for page in results:
            await asyncio.to_thread(files.add, page)
            await files.send_full()
            written += len(page)
        listed = await files.close()
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run_arn, "ResultFiles": listed}
        path = Path(folder, "manifest.json")
        await asyncio.to_thread(path.write_text, dumps(manifest), "utf-8")
        await objects.store(bucket, f"{place}/manifest.json", path)
    return {"Bucket": bucket, "Key": f"{place}/manifest.json"}, written


class _Files:
    """The files that are being written, one of each kind at a time."""

    def __init__(self, folder: Path, writer: Mapping[str, Json], objects: Objects, bucket: str, place: str) -> None:
        self._folder = folder
        self._objects = objects
        self._bucket = bucket
        self._place = place
        self._transformation = writer["transformation"] or "NONE"
        self._lines = writer["output_type"] == "JSONL"
        self._open: dict[str, _File] = {}
        self._listed: dict[str, list[Json]] = {"FAILED": [], _PENDING: [], "SUCCEEDED": []}

    def add(self, results: Sequence[Result]) -> None:
        """Blocks."""
        for result in results:
            self._add(_KINDS.get(result.status, _PENDING), result)

    def _add(self, kind: str, result: Result) -> None:
        file = self._open.get(kind)
        if file is None:
            extension = "jsonl" if self._lines else "json"
            name = f"{kind}_{len(self._listed[kind])}.{extension}"
            file = self._open[kind] = _File(self._folder / name, self._lines)
        for text in self._texts(kind, result):
            file.write(text)

    async def send_full(self) -> None:
        """Send the files that are large enough."""
        for kind, file in list(self._open.items()):
            if file.size >= _LARGEST:
                await self._send(kind, file)

    def _texts(self, kind: str, result: Result) -> Sequence[str]:
        """Only what has succeeded is transformed."""
        if kind != "SUCCEEDED" or self._transformation == "NONE" or result.output is None:
            return (dumps(described(result)),)
        return _outputs(self._transformation, result.output)

    async def close(self) -> Json:
        """The files of each kind."""
        for kind, file in list(self._open.items()):
            await self._send(kind, file)
        return {kind: list(listed) for kind, listed in self._listed.items()}

    async def _send(self, kind: str, file: _File) -> None:
        del self._open[kind]
        file.close()
        key = f"{self._place}/{file.path.name}"
        await self._objects.store(self._bucket, key, file.path)
        self._listed[kind].append({"Key": key, "Size": file.size})
        file.path.unlink()


class _File:
    """A JSON array, or JSON Lines, that grows. `size` is in bytes."""

    def __init__(self, path: Path, lines: bool) -> None:
        self.path = path
        self.size = 0
        self._lines = lines
        self._empty = True
        self._file = path.open("wb")
        self._put("" if lines else "[")

    def write(self, text: str) -> None:
        if self._lines:
            self._put(f"{text}\n")
        else:
            self._put(text if self._empty else f",{text}")
        self._empty = False

    def close(self) -> None:
        self._put("" if self._lines else "]")
        self._file.close()

    def _put(self, text: str) -> None:
        data = text.encode()
        self._file.write(data)
        self.size += len(data)
