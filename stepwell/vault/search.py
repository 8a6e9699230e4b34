"""Finding values in texts that come back, in one pass, and putting references in their place.

Rules that must stay true here:
- A text is read once, however many values are searched for; what is found first is a short beginning of each form.
- The longest form that stands at a place counts.
- A value of fewer than 8 bytes is not searched for: it would be found everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import re2

from stepwell.language.values import Json, dumps, loads
from stepwell.vault.forms import FORMS, json_escaped

SHORTEST: Final = 8  # bytes of a value
_ANCHOR: Final = 12  # characters of a form's beginning


class Search:
    """`values` are texts with what makes the reference of a form, by its letter."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        """`values` are pairs of a value and the reference to it, without the letter of the form."""
        self._forms: dict[str, str] = {}  # form to reference
        for value, stem in values:
            if len(value.encode()) >= SHORTEST:
                for letter, encode in FORMS.items():
                    self._forms.setdefault(encode(value), stem + letter)
        self._by_anchor: dict[str, list[str]] = {}
        for form in sorted(self._forms, key=len, reverse=True):
            self._by_anchor.setdefault(form[:_ANCHOR], []).append(form)
        self._lengths = sorted({len(anchor) for anchor in self._by_anchor}, reverse=True)
        self._anchors = _pattern(self._by_anchor)
        self._in_json = _pattern({json_escaped(form)[:_ANCHOR] for form in self._forms} | set(self._by_anchor))

    def in_text(self, text: str) -> str:
        """The text with references in place of values."""
        if not self._forms or self._anchors.search(text) is None:
            return text
        # Now that there is something, every place where a form may begin, those inside of each other too.
        places = re.compile(f"(?={'|'.join(map(re.escape, self._by_anchor))})")
        parts: list[str] = []
        at = 0
        for place in places.finditer(text):
            form = self._longest(text, place.start()) if place.start() >= at else None
            if form is not None:
                parts += (text[at : place.start()], self._forms[form])
                at = place.start() + len(form)
        return "".join((*parts, text[at:]))

    def in_json(self, text: str) -> str:
        """The JSON text with references in place of values; the very text where there are none."""
        if not self._forms:
            return text
        try:
            value = loads(text)
        except ValueError:
            return self.in_text(text)
        # Written anew, so that only one way of escaping is to be known.
        canonical = dumps(value)
        if self._in_json.search(canonical) is None:
            return text
        try:
            return dumps(self._in_value(value))
        except RecursionError:
            return self.in_text(canonical)

    def _in_value(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.in_text(value)
        if isinstance(value, dict):
            return {self.in_text(name): self._in_value(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._in_value(item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        return self._forms.get(dumps(value), value)  # a number that is secret

    def _longest(self, text: str, at: int) -> str | None:
        """The longest form that stands at a place."""
        for length in self._lengths:
            for form in self._by_anchor.get(text[at : at + length], ()):
                if text.startswith(form, at):
                    return form
        return None


def _pattern(literals: Iterable[str]) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile("|".join(re2.escape(literal) for literal in sorted(literals)) or r"[^\s\S]", options)
