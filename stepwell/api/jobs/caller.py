"""Who is calling, as the layer in front has found out.

Rules that must stay true here:
- This is the only place of the jobs API that knows how a caller is told.
"""

from __future__ import annotations

from starlette.requests import Request

from stepwell.auth import caller


def caller_of(request: Request) -> str | None:
    """The caller's name; None where nobody is asked who they are."""
    found = caller.caller_of(request.scope)
    return None if found.how == "nobody asked" else found.name
