"""The secrets of one root execution, open in memory: values are put back into what is sent, and taken out of what comes
back.

Rules that must stay true here:
- Only references of this pouch are opened. One of its references that is damaged, or whose value is not there, is an
  error: nobody is sent a part of a reference in place of a secret.
- What comes from outside holds no references: a text that looks like one of this pouch's is put out of use.
- A value that was replaced by a fresh one is still searched for.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from stepwell.language.values import Json, dumps, loads
from stepwell.vault.errors import CannotOpen
from stepwell.vault.forms import FORMS, PLAIN, json_escaped
from stepwell.vault.reference import REMOVED, references
from stepwell.vault.search import Search

_PIECE: Final = 8  # letters of a brand that by chance stand nowhere else


class Secret(Struct, frozen=True):
    """A value (no object, no array), and what keeps it fresh. `since` is when it was taken in; times are milliseconds
    since 1970 by the execution's clock."""

    value: Json
    path: str
    since: int
    end: int | None = None
    refresher: str | None = None
    lifetime: int | None = None

    def __repr__(self) -> str:
        return f"Secret(path={self.path!r})"  # never the value

    @property
    def text(self) -> str:
        """The value as it is put into a longer text."""
        return self.value if isinstance(self.value, str) else dumps(self.value)


class Pouch:
    """`secrets` are by the ids in their references."""

    def __init__(self, brand: str, secrets: Mapping[str, Secret]) -> None:
        self.brand = brand
        self._secrets = dict(secrets)
        self._former: list[tuple[str, str]] = []  # values that are no longer, with the stems of their references
        self._references = references(brand)
        self._damaged = _pieces(brand)
        self._search: Search | None = None

    # -- what goes out

    def ids_in(self, text: str) -> Sequence[str]:
        """The ids of the values that a text refers to."""
        return list(dict.fromkeys(found["id"] for found in self._references.finditer(text)))

    def is_reference(self, text: str) -> bool:
        """Whether a text is a whole reference of this pouch."""
        return self._references.fullmatch(text) is not None

    def secrets(self) -> Mapping[str, Secret]:
        """All of them, by their ids."""
        return dict(self._secrets)

    def secret(self, id: str) -> Secret | None:
        return self._secrets.get(id)

    def open(self, text: str) -> str:
        """A JSON text with values in place of references. Raises CannotOpen."""
        if self._damaged.search(self._references.sub("", text)) is not None:
            raise CannotOpen(
                "A reference to a sealed value is damaged: it can be handed on whole or joined with other text, and not"
                " be cut, changed or encoded."
            )
        if self.brand not in text:
            return text
        return dumps(self._opened(loads(text)))

    def _opened(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._opened_text(value) if self.brand in value else value
        if isinstance(value, dict):
            return {self._joined(name): self._opened(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self._opened(item) for item in value]
        return value

    def _opened_text(self, text: str) -> Json:
        whole = self._references.fullmatch(text)
        if whole is not None and whole["form"] == PLAIN:
            return self._known(whole["id"]).value
        return self._joined(text)

    def _joined(self, text: str) -> str:
        """A text that references are a part of. Where it is JSON itself, a value comes in as JSON has it."""
        is_json = _is_json(text)

        def value(found: re.Match[str]) -> str:
            plain = self._known(found["id"]).text
            return json_escaped(plain) if is_json and found["form"] == PLAIN else FORMS[found["form"]](plain)

        return self._references.sub(value, text)

    def _known(self, id: str) -> Secret:
        secret = self._secrets.get(id)
        if secret is None:
            raise CannotOpen("The value behind a reference is not there: it was destroyed, or never kept.")
        return secret

    # -- what comes back

    def sealed_json(self, text: str) -> str:
        """A JSON text from outside, with references in place of values; the very text where it holds none."""
        return self._searched().in_json(self.without_references(text))

    def sealed_text(self, text: str) -> str:
        """A text from outside, with references in place of values."""
        return self._searched().in_text(self.without_references(text))

    def without_references(self, text: str) -> str:
        """A text from outside, in which references mean nothing."""
        return self._references.sub(REMOVED, text) if self.brand in text else text

    def _searched(self) -> Search:
        if self._search is None:
            present = ((secret.text, self.brand + id_) for id_, secret in self._secrets.items())
            self._search = Search([*present, *self._former])
        return self._search

    # -- what changes

    def put(self, id: str, secret: Secret) -> None:
        """Keep a secret, in place of the one with this id."""
        before = self._secrets.get(id)
        if before is not None and before.text != secret.text:
            self._former.append((before.text, self.brand + id))
        self._secrets[id] = secret
        self._search = None


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return False
    try:
        loads(text)
    except ValueError:
        return False
    return True


def _pieces(brand: str) -> re.Pattern[str]:
    """What finds a part of a brand, in either case, and the brand within Base64."""
    letters = brand.removeprefix("sealed-").rstrip("-")
    parts = [letters[at : at + _PIECE] for at in range(0, len(letters) - _PIECE + 1, _PIECE // 2)]
    return re.compile("|".join([*parts, *_encoded(brand)]), re.IGNORECASE)


def _encoded(brand: str) -> Iterator[str]:
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + brand.encode()).decode()
        yield re.escape(text[4 : len(text) // 4 * 4 - 4])
