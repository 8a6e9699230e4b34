"""The objects of a bucket as items: what ListObjectsV2 says of each.

Rules that must stay true here:
- The place behind an object is its key.
"""

from __future__ import annotations

from stepwell.language.values import Json
from stepwell.tasks.objects import Entry


def item(entry: Entry) -> Json:
    """The item that stands for an object (AWS developer guide, "ItemReader")."""
    return {
        "Etag": entry.etag,
        "Key": entry.key,
        "LastModified": entry.modified,
        "Size": entry.size,
        "StorageClass": entry.storage_class,
    }
