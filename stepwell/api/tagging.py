"""Which tags are taken.

Rules that must stay true here:
- A request with one wrong tag writes none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.api import faults
from stepwell.api.request import Request
from stepwell.language.values import Json
from stepwell.store.catalog import SENSITIVE
from stepwell.vault.marks import MarkError, parse_marks

MAX_TAGS: Final = 50  # a resource

_SYMBOLS: Final = frozenset("_.:/=+-@")


def requested_tags(request: Request) -> dict[str, str]:
    """The tags of a request, the last one of a key winning. Raises ValidationException."""
    tags: dict[str, str] = {}
    for index, tag in enumerate(request.items("tags"), 1):
        key, value = _pair(tag)
        if key is None:
            raise faults.validation(
                f"1 validation error detected: Value null at 'tags.{index}.member.key' failed to satisfy constraint: "
                "Member must not be null"
            )
        if key.lower().startswith("aws:"):
            raise faults.validation(f"Tag keys that begin with 'aws:' are reserved: '{key}'")
        if not (_is_written_well(key) and _is_written_well(value)):
            raise faults.validation(
                "Tags may only contain Unicode letters, digits, white space, or these symbols: _ . : / = + - @"
            )
        if key == SENSITIVE:
            _check_marks(value)
        tags[key] = value
    return tags


def answered_tags(tags: Mapping[str, str]) -> list[Json]:
    """Tags as ListTagsForResource answers them."""
    return [{"key": key, "value": value} for key, value in tags.items()]


def _check_marks(text: str) -> None:
    """Raises ValidationException where a machine with this tag could not be started."""
    try:
        parse_marks(text)
    except MarkError as error:
        raise faults.validation(f"The tag '{SENSITIVE}' cannot be used: {error}") from error


def _pair(tag: Json) -> tuple[str | None, str]:
    assert isinstance(tag, dict)
    key, value = tag.get("key"), tag.get("value")
    return key if isinstance(key, str) else None, value if isinstance(value, str) else ""


def _is_written_well(text: str) -> bool:
    return all(c.isalnum() or c in _SYMBOLS or c.isspace() for c in text)
