"""Compiled definitions, cached by content hash.

Rules that must stay true here:
- A definition is compiled once a process, however many executions run on it; the cache is bounded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TypeAlias

from msgspec import Struct

from stepwell.language.definition import compile_definition
from stepwell.language.model import Map, Parallel, Program, Task
from stepwell.store.protocol import Store, StoreError

Compile: TypeAlias = Callable[[str], Program]
"""From a definition's text to what is run. Raises InvalidDefinition."""

_LARGE = 65_536  # characters of a definition that is compiled on a thread
_CACHED = 1_000
_CACHED_TEXT = 64 * 1024 * 1024  # characters of all definitions that are cached


def definition_hash(text: str) -> str:
    """The name of a definition's text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Compiled(Struct, frozen=True):
    """`activities` holds the names of the states that are done by activities, each with the activity's ARN. `size` is
    the length of the definition's text."""

    program: Program
    activities: frozenset[tuple[str, str]]
    size: int = 0


class Programs:
    def __init__(self, store: Store, compile: Compile = compile_definition) -> None:
        self._store = store
        self._compile = compile
        self._cache: OrderedDict[str, Compiled] = OrderedDict()
        self._size = 0

    def cached(self, hash: str) -> Compiled | None:
        found = self._cache.get(hash)
        if found is not None:
            self._cache.move_to_end(hash)
        return found

    async def get(self, hash: str) -> Compiled:
        """Raises StoreError where the store has no such definition, InvalidDefinition where it does not compile."""
        found = self.cached(hash)
        if found is None:
            text = await self._store.definition(hash)
            if text is None:
                raise StoreError(f"the definition {hash} is not in the store")
            if len(text) > _LARGE:
                program = await asyncio.to_thread(self._compile, text)
            else:
                program = self._compile(text)
            found = Compiled(program, frozenset(_activities(program)), len(text))
            self._size += found.size - (self._cache[hash].size if hash in self._cache else 0)
            self._cache[hash] = found
            while len(self._cache) > _CACHED or (self._size > _CACHED_TEXT and len(self._cache) > 1):
                _, oldest = self._cache.popitem(last=False)
                self._size -= oldest.size
        return found


def _activities(program: Program) -> Iterator[tuple[str, str]]:
    for state in program.states.values():
        match state:
            case Task() if state.resource.kind == "activity":
                yield state.name, state.resource.arn
            case Parallel():
                for branch in state.branches:
                    yield from _activities(branch)
            case Map():
                yield from _activities(state.processor)
            case _:
                pass
