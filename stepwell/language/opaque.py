"""Opaque texts: those that stand for something that the language does not know, and must not look into.

Rules that must stay true here:
- A text is opaque where it holds the brand that the scope names; without a brand none is, and nothing is looked for.
- An opaque text may be handed on, whole or within another text. To compare, cut, encode or count it is an error: the
  answer would be about the text and not about what it stands for.
"""

from __future__ import annotations

from stepwell.language.values import Json, dumps

REASON = (
    "a sealed value can be handed on, whole or joined with other text, and not be compared, cut, encoded or looked into"
)


def is_opaque(value: object, brand: str | None) -> bool:
    """Whether a text is opaque, or a JSON value holds one that is."""
    if brand is None:
        return False
    if isinstance(value, str):
        return brand in value
    return isinstance(value, list | dict) and brand in _text(value)


def _text(value: list[Json] | dict[str, Json]) -> str:
    return dumps(value)
