"""Manifests: files that name the files that hold the items.

Rules that must stay true here:
- An S3 inventory's items are its rows, with the columns of its `fileSchema`; an Athena manifest is a list of S3 URIs,
  whose files are read as InputType says.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwell.language.values import Json, loads
from stepwell.tasks.item_reader.rows import Malformed
from stepwell.tasks.objects import Fetched


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a manifest, and how it is read."""

    bucket: str
    key: str
    input_type: str
    config: Mapping[str, Json]


def parts(path: Path, config: Mapping[str, Json], bucket: str) -> Sequence[Part]:
    """The files that a manifest names. Raises Malformed."""
    if config.get("ManifestType") == "ATHENA_DATA":
        return _athena(path, config)
    return _inventory(path, config, bucket)


def _athena(path: Path, config: Mapping[str, Json]) -> Sequence[Part]:
    input_type = str(config.get("InputType"))
    found: list[Part] = []
    for line in path.read_text("utf-8-sig").splitlines():
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


def unpacked(fetched: Fetched, key: str) -> Fetched:
    """The file itself where it is compressed."""
    if not key.endswith(".gz"):
        return fetched
    with (
        gzip.open(fetched.path) as packed,
        tempfile.NamedTemporaryFile(prefix="stepwell-items-", delete=False) as file,
    ):
        shutil.copyfileobj(packed, file)
    fetched.discard()
    return Fetched(Path(file.name), fetched.pin, temporary=True)
