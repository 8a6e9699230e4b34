"""What tasks say beside their outcomes (log lines, progress), searched for secrets.

Rules that must stay true here:
- Where no task with secrets was carried out lately, nothing is looked at.
- A line that names its execution is searched for the secrets of that one; a line that names none, for those of all.
- What a refresher writes may hold the value that it is about to tell: it waits until that is known, and is dropped
  where it never is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stepwell.vault.pouch import Pouch

_LINGER: Final = 60.0  # seconds for which output may still come after the outcome


class Heard:
    def __init__(self) -> None:
        self._pouches: dict[str, tuple[Pouch, int]] = {}  # with the number of tasks that are carried out now
        self._refreshed: dict[tuple[str, str], asyncio.Future[bool]] = {}

    @contextmanager
    def listening(self, execution_arn: str, pouch: Pouch) -> Iterator[None]:
        """A task of the execution is carried out while the block lasts."""
        self._pouches[execution_arn] = (pouch, self._users(execution_arn) + 1)
        try:
            yield
        finally:
            self._pouches[execution_arn] = (pouch, self._users(execution_arn) - 1)
            asyncio.get_running_loop().call_later(_LINGER, self._let_go, execution_arn, pouch)

    @contextmanager
    def refreshing(self, execution_arn: str, function: str) -> Iterator[None]:
        """A function is asked for a fresh value while the block lasts; where it is left by an exception, there is
        none."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        key = (execution_arn, function.rpartition(":")[2])
        self._refreshed[key] = told
        try:
            yield
            told.set_result(True)
        finally:
            del self._refreshed[key]
            if not told.done():
                told.set_result(False)

    def sealed(self, execution_arn: str | None, text: str) -> str:
        """A text with references in place of secrets."""
        if not self._pouches:
            return text
        if execution_arn is not None:
            found = self._pouches.get(execution_arn)
            return text if found is None else found[0].sealed_text(text)
        for pouch, _ in self._pouches.values():
            text = pouch.sealed_text(text)
        return text

    def searches(self, execution_arn: str | None) -> bool:
        """Whether texts of the execution are searched."""
        return bool(self._pouches) and (execution_arn is None or execution_arn in self._pouches)

    def refresh_of(self, execution_arn: str | None, function: str) -> asyncio.Future[bool] | None:
        """Until when a line of a function has to wait, and then whether it may be told; None for at once."""
        if not self._refreshed or execution_arn is None:
            return None
        return self._refreshed.get((execution_arn, function))

    def _users(self, execution_arn: str) -> int:
        return self._pouches[execution_arn][1] if execution_arn in self._pouches else 0

    def _let_go(self, execution_arn: str, pouch: Pouch) -> None:
        found = self._pouches.get(execution_arn)
        if found is not None and found[0] is pouch and found[1] <= 0:
            del self._pouches[execution_arn]
