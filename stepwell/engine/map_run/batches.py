"""Items, made into the inputs of the children of a map run.

Rules that must stay true here:
- An item becomes text once. The input of a batch is put together from the texts of its items.
- A batch is closed by what its state bounds it with: its items, or its bytes, of which a payload of AWS has 256 KiB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from stepwell.engine.map_run.data_set import Item
from stepwell.engine.map_run.order import Order
from stepwell.language.values import Json, dumps

_TAIL: Final = "]}"  # of the input of a batch
_TAKEN: Final = 2 * 1024 * 1024  # characters of inputs that are taken at once


class Batch(Struct, frozen=True):
    """The input of a child, the number of its items, and the cursor behind the last of them."""

    input: str
    items: int
    cursor: Json


class Batches:
    """Takes items in order, the first of them with number `first`.

    Items are added by one thread at a time; what is ready may be taken by another meanwhile.
    """

    def __init__(self, order: Order, first: int) -> None:
        self._order = order
        self._alone = order.batcher is None
        self.taken = first  # items that were taken in, and those before them
        self._ready: deque[Batch] = deque()
        self._made = self._gone = 0  # characters of inputs, each counted by one thread alone
        self._texts: list[str] = []  # of the items in the batch that is being filled
        self._cursor: Json = None
        self._most, self._room, self._head = 1, 0, ""
        if order.batcher is not None:
            self._most, self._room, self._head = order.batcher.most_items, order.batcher.most_bytes, order.batcher.head
        self._size = self._empty = len(self._head.encode()) + len(_TAIL)

    @property
    def ready(self) -> int:
        """How many batches can be taken."""
        return len(self._ready)

    @property
    def size(self) -> int:
        """How many characters those have that can be taken."""
        return self._made - self._gone

    @property
    def is_empty(self) -> bool:
        """Whether no item is left here."""
        return not self._ready and not self._texts

    def add(self, items: Sequence[Item], now: int) -> None:
        """Take items in; ItemSelector sees the time `now`. Raises QueryError."""
        order, selects = self._order, self._order.selects
        for item in items:
            text = dumps(order.selected(self.taken, item.value, now) if selects else item.value)
            self.taken += 1
            if self._alone:
                self._add(Batch(text, 1, item.cursor))
            else:
                self._join(text, item.cursor)

    def _join(self, text: str, cursor: Json) -> None:
        length = (len(text) if text.isascii() else len(text.encode())) + 1
        if self._texts and self._size + length > self._room:
            self.close()
        self._texts.append(text)
        self._size += length
        self._cursor = cursor
        if len(self._texts) == self._most:
            self.close()

    def close(self) -> None:
        """No item joins the batch that is being filled any more."""
        if self._texts:
            self._add(Batch(f"{self._head}{','.join(self._texts)}{_TAIL}", len(self._texts), self._cursor))
            self._texts, self._size = [], self._empty

    def _add(self, batch: Batch) -> None:
        self._made += len(batch.input)
        self._ready.append(batch)

    def take(self, number: int) -> list[Batch]:
        """The next batches that are ready, at most so many, and no more once they are large together."""
        found: list[Batch] = []
        end = self._gone + _TAKEN
        while self._ready and len(found) < number and self._gone < end:
            batch = self._ready.popleft()
            self._gone += len(batch.input)
            found.append(batch)
        return found
