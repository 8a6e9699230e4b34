"""Task tokens as the engine reads them; the machine makes them (`machine/states/task.py`).

Rules that must stay true here:
- A token tells where its task is; whether it is still open is for the machine to say.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode

from stepwell.engine.errors import InvalidToken

_FORM = 1
_HEAD = 1 + 8 + 18  # the form, the execution's key, the secret; the frame's path follows


def open_token(token: str) -> tuple[int, str]:
    """The execution's key and the frame's path. Raises InvalidToken."""
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
        if len(raw) < _HEAD or raw[0] != _FORM or raw[1] > 0x7F:  # keys have 63 bits
            raise InvalidToken(token)
        return int.from_bytes(raw[1:9], "big"), raw[_HEAD:].decode("ascii")
    except (UnicodeError, binascii.Error):
        raise InvalidToken(token) from None
