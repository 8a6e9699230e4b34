"""The time, as HTTP tells it in its headers."""

from __future__ import annotations


def http_date() -> str:
    """Such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7)."""
    from email.utils import formatdate  # late: only an answer that shows headers needs `email`

    return formatdate(usegmt=True)
