"""Whose pages may use what changes something here, where a browser tells the origin of a page.

Rules that must stay true here:
- A page of the server's own hosts may; a client that tells no origin is no page.
- What is no origin (`null`, half an address) is foreign.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from urllib.parse import urlsplit

from stepwell.api.hosts import host_guard


def own_pages(hosts: Iterable[str], origins: Collection[str] = ()) -> Callable[[str | None], bool]:
    """What tells whether an `Origin` is one of the server's own, or one of `origins`, or there is none. `hosts` are
    further names of the server; `*` among the origins is any."""
    is_own = host_guard(frozenset(hosts))

    def may_call(origin: str | None) -> bool:
        if origin is None or "*" in origins or origin in origins:
            return True
        try:
            place = urlsplit(origin).netloc
        except ValueError:
            return False
        return is_own(place.encode("latin-1", "replace"))

    return may_call
