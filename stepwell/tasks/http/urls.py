"""Addresses with what is added to their query.

Rules that must stay true here:
- What stands in an address already stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit, urlunsplit


def with_query(url: str, query: Mapping[str, str | Sequence[str]]) -> str:
    """The address with members added to its query; a list is one member for each of its items."""
    pairs = [
        f"{quote(name, safe='')}={quote(text, safe='')}"
        for name, value in query.items()
        for text in ([value] if isinstance(value, str) else value)
    ]
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join([*([parts.query] if parts.query else []), *pairs]), fragment=""))
