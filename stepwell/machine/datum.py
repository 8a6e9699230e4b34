"""A JSON value together with its text.

Rules that must stay true here:
- Text stays text: a value that came in as text goes out as that very text for as long as nothing changes it.
- Neither the value nor the text is made before somebody asks for it, and each is made once.
"""

from __future__ import annotations

from stepwell.language.values import Json, dumps, loads

_UNKNOWN = object()


class Datum:
    """Made from a text (`Datum.of_text`) or from a value (`Datum.of_value`)."""

    __slots__ = ("_text", "_value", "name")

    def __init__(self, value: object, text: str | None) -> None:
        self._value = value
        self._text = text
        self.name: bytes | None = None
        """What the text is kept by, once somebody has kept it (`machine/history.py`)."""

    @classmethod
    def of_text(cls, text: str) -> Datum:
        return cls(_UNKNOWN, text)

    @classmethod
    def of_value(cls, value: Json) -> Datum:
        return cls(value, None)

    @property
    def value(self) -> Json:
        """Raises ValueError where the text is not JSON."""
        if self._value is _UNKNOWN:
            assert self._text is not None
            self._value = loads(self._text)
        return self._value  # type: ignore[return-value]

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = dumps(self._value)  # type: ignore[arg-type]
        return self._text

    def with_value(self, value: Json) -> Datum:
        """This datum where `value` is its own value, else a new one: keeps the text of what nothing has changed."""
        return self if value is self._value else Datum(value, None)


EMPTY = Datum.of_text("{}")
