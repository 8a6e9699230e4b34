"""What the vault can refuse."""

from __future__ import annotations


class VaultUnavailable(Exception):
    """Nothing can be sealed or opened at all: a package or a key is missing. The message says what to do about it."""


class CannotOpen(Exception):
    """A sealed value cannot be opened: its key is not there, it was sealed for something else, or it is damaged."""
