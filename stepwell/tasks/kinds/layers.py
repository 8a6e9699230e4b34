"""Lambda layers as folders: what AWS merges into `/opt` stays where it is, and is found by search paths.

Rules that must stay true here:
- A later layer wins over an earlier one, as a file that is unpacked over another does.
- A variable that the server has already keeps its entries, behind those of the layers.

See AWS Lambda developer guide, "Packaging your layer content".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def folders(layers: Iterable[Path], *below: str) -> tuple[Path, ...]:
    """The folders of these names in each layer, in the order in which they are searched; "" is the layer itself."""
    return tuple(layer / name for layer in reversed(tuple(layers)) for name in below)


def variables(layers: Iterable[Path], inherited: Mapping[str, str]) -> dict[str, str]:
    """What makes the programs and libraries of layers found."""
    found = tuple(layers)
    if not found:
        return {}
    return {
        "PATH": joined(folders(found, "bin"), inherited.get("PATH")),
        "LD_LIBRARY_PATH": joined(folders(found, "lib"), inherited.get("LD_LIBRARY_PATH")),
    }


def joined(entries: Iterable[Path], others: str | None) -> str:
    """A search path."""
    return os.pathsep.join([*map(str, entries), *([others] if others else [])])
