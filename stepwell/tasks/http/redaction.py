"""Secrets that come back: a server may echo the key that it was sent, and an error message the header.

Rules that must stay true here:
- A secret is replaced in every form in which it may come back: as it is, JSON-escaped, URL-encoded, in Base64.
- One of fewer than 8 bytes is not searched for: it would be found everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stepwell.vault.forms import FORMS
from stepwell.vault.search import SHORTEST

_INSTEAD: Final = "***"


class Redaction:
    def __init__(self, secrets: Iterable[str]) -> None:
        searched = {secret for secret in secrets if len(secret.encode()) >= SHORTEST}
        forms = {form(secret) for secret in searched for form in FORMS.values()}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _INSTEAD)
        return text
