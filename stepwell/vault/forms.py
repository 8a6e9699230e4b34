"""The forms in which a value may come back: as it is, JSON-escaped, URL-encoded, in Base64.

Rules that must stay true here:
- A form is named by one letter, which stands at the end of a reference: opening it gives the value in that form, so
  that what is sealed again and handed on is what it was.
- Within Base64 a value looks different at each of three places, and its ends run together with what stands beside it:
  the three inner parts are forms.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, quote_plus

PLAIN: Final = "p"


def json_escaped(text: str) -> str:
    """As it stands between the quotes of a JSON string, with nothing escaped that need not be."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _lower_percent(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _base64_at(offset: int, encode: Callable[[bytes], bytes]) -> Callable[[str], str]:
    """What of the Base64 text follows from the value alone, where `offset` bytes of a group stand before it."""
    begin = (0, 2, 3)[offset]

    def form(text: str) -> str:
        data = b"\0" * offset + text.encode()
        return encode(data).decode()[begin : len(data) * 8 // 6]

    return form


def _url_safe(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data)


FORMS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        PLAIN: lambda text: text,
        "j": json_escaped,
        "k": _ascii,
        "l": lambda text: json_escaped(json_escaped(text)),
        "m": lambda text: _ascii(_ascii(text)),
        "u": lambda text: quote(text, safe=""),
        "v": quote_plus,
        "w": quote,
        "x": lambda text: _lower_percent(quote(text, safe="")),
        "y": lambda text: _lower_percent(quote_plus(text)),
        "a": lambda text: base64.b64encode(text.encode()).decode(),
        "b": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
        "c": _base64_at(0, base64.b64encode),
        "d": _base64_at(1, base64.b64encode),
        "e": _base64_at(2, base64.b64encode),
        "f": _base64_at(0, _url_safe),
        "g": _base64_at(1, _url_safe),
        "h": _base64_at(2, _url_safe),
    }
)
"""Letter to form; where two forms of a value are the same text, the first counts."""
