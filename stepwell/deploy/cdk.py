"""What CDK puts beside a template that it synthesises: the assets that code and definitions are.

Rules that must stay true here:
- An asset is found by the key that the template names, as the assembly's own list says; else by its place beside it.
- Only what lies in the assembly's folder is an asset, whatever a list says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stepwell.language.values import Json

TEMPLATE_SUFFIX: Final = ".template.json"
_ASSETS_SUFFIX: Final = ".assets.json"


class Assets:
    """The assets of the assembly that a template is part of; none where it is part of none."""

    def __init__(self, template: Path) -> None:
        self._folder = template.parent
        self._by_key: dict[str, str] = {}
        if template.name.endswith(TEMPLATE_SUFFIX):
            stack = template.name.removesuffix(TEMPLATE_SUFFIX)
            self._by_key = _read(self._folder / f"{stack}{_ASSETS_SUFFIX}")

    def find(self, key: str, metadata: Mapping[str, Json]) -> Path | None:
        """The file or folder of an asset; None where there is none. `key` is its key in S3, `metadata` is the
        resource's."""
        named = metadata.get("aws:asset:path")
        stem = key.removesuffix(".zip")
        for name in (self._by_key.get(key), named, f"asset.{key}", f"asset.{stem}"):
            if isinstance(name, str) and name:
                path = self._folder / name
                if path.resolve().is_relative_to(self._folder.resolve().parent) and path.exists():
                    return path
        return None


def _read(path: Path) -> dict[str, str]:
    """Paths by key in S3, of a list of assets."""
    try:
        files = json.loads(path.read_text("utf-8")).get("files", {})
        return {
            str(destination["objectKey"]): str(asset["source"]["path"])
            for asset in files.values()
            for destination in asset.get("destinations", {}).values()
        }
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}
