"""Manifests: files that name the files that hold the items.

Rules that must stay true here:
- An S3 inventory's items are its rows, with the columns of its `fileSchema`; an Athena manifest is a list of S3 URIs,
  whose files are read as InputType says.
- What a packed file grows to is bounded, and none is left behind where it cannot be unpacked.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from stepwell.language.values import Json, loads
from stepwell.tasks.item_reader.rows import Malformed
from stepwell.tasks.objects import Fetched

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a manifest, which is read at once: a million files take some 100 bytes each."""

LARGEST_UNPACKED: Final = 10 * 1024**3
"""Bytes that a packed file may have inside: AWS reads no larger one (AWS Step Functions developer guide, quotas)."""

_CHUNK: Final = 1024 * 1024


class Part(Struct, frozen=True):
    """A file of a manifest, and how it is read."""

    bucket: str
    key: str
    input_type: str
    config: Mapping[str, Json]


def parts(path: Path, config: Mapping[str, Json], bucket: str) -> Sequence[Part]:
    """The files that a manifest names. Raises Malformed."""
    if path.stat().st_size > LARGEST:
        raise Malformed(f"The manifest has more than {LARGEST:,} bytes.")
    if config.get("ManifestType") == "ATHENA_DATA":
        return _athena(path, config)
    return _inventory(path, config, bucket)


def _athena(path: Path, config: Mapping[str, Json]) -> Sequence[Part]:
    input_type = str(config.get("InputType"))
    found: list[Part] = []
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("The manifest is no UTF-8 text.") from None
    for line in text.splitlines():
        uri = line.strip().strip('"')
        if not uri:
            continue
        bucket, slash, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not slash:
            raise Malformed(f"The manifest names {uri}, which is no S3 URI.")
        found.append(Part(bucket, key, "CSV" if input_type == "MANIFEST" else input_type, config))
    return found


def _inventory(path: Path, config: Mapping[str, Json], bucket: str) -> Sequence[Part]:
    try:
        manifest: Any = loads(path.read_bytes())
        files = [str(file["key"]) for file in manifest["files"]]
        destination = str(manifest.get("destinationBucket") or bucket).rpartition(":::")[2]
        kind = str(manifest.get("fileFormat") or "CSV")
        schema = str(manifest.get("fileSchema") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("The manifest is not that of an S3 inventory.") from None
    input_type = "PARQUET" if kind.upper() == "PARQUET" else "CSV"
    headers: list[Json] = [name.strip() for name in schema.split(",")]
    given = {**config, "CSVHeaderLocation": "GIVEN", "CSVHeaders": headers, "CSVDelimiter": "COMMA"}
    return [Part(destination, key, input_type, given) for key in files]


def unpacked(fetched: Fetched, key: str, largest: int = LARGEST_UNPACKED) -> Fetched:
    """The file itself where it is compressed. Raises Malformed where it is no gzip file, or has more than `largest`
    bytes inside; OSError where there is no room for it."""
    if not key.endswith(".gz"):
        return fetched
    with tempfile.NamedTemporaryFile(prefix="stepwell-items-", delete=False) as file:
        try:
            with gzip.open(fetched.path) as packed:
                while chunk := packed.read(_CHUNK):
                    if file.tell() + len(chunk) > largest:
                        raise Malformed(f"{key} has more than {largest:,} bytes when it is unpacked.")
                    file.write(chunk)
        except BaseException as error:
            Path(file.name).unlink()
            if isinstance(error, gzip.BadGzipFile | EOFError | zlib.error):
                raise Malformed(f"{key} cannot be unpacked: {error}") from None
            raise
        finally:
            fetched.discard()
    return Fetched(Path(file.name), fetched.pin, temporary=True)
