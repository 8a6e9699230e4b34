"""A job's handler as worker processes call it: `handler(event, context)` around a function with typed arguments.

Rules that must stay true here:
- The function itself stays as it is: it is tested by calling it.
- Worker processes import this with the app's module: what is heavy is imported by the first call.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

ASYNCHRONOUS_AT_ONCE: Final = 1_000


def attach_handler(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The handler of a function, which worker processes find as `function.as_handler`."""

    @lru_cache(maxsize=1)
    def signature() -> tuple[Any, bool]:
        from stepwell.jobs.arguments import Arguments

        return Arguments.of(function), "context" in inspect.signature(function).parameters

    def arguments(event: Any, context: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        arguments, takes_context = signature()
        positional, named = arguments.bind(event)
        return positional, {**named, "context": context} if takes_context else named

    async def later(event: Any, context: Any) -> Any:
        positional, named = arguments(event, context)
        return _plain(await function(*positional, **named))

    def at_once(event: Any, context: Any) -> Any:
        positional, named = arguments(event, context)
        return _plain(function(*positional, **named))

    as_handler: Any = later if inspect.iscoroutinefunction(function) else at_once
    as_handler.__module__ = function.__module__
    as_handler.__qualname__ = f"{function.__qualname__}.as_handler"
    function.as_handler = as_handler  # type: ignore[attr-defined]  # found by its qualified name
    handler: Callable[[Any, Any], Any] = as_handler
    return handler


def bounds(function: Callable[..., Any], concurrency: int | None) -> int:
    """How many jobs of a handler run at once where nothing else is said: a plain one has a process for itself."""
    if concurrency is not None:
        return concurrency
    return ASYNCHRONOUS_AT_ONCE if inspect.iscoroutinefunction(function) else os.cpu_count() or 1


def _plain(result: Any) -> Any:
    """A result as JSON values: dataclasses, msgspec's structs, pydantic's models, dates, UUIDs, sets."""
    if result is None or isinstance(result, str | int | float | bool | bytes):
        return result
    import msgspec

    return msgspec.to_builtins(result, enc_hook=_dumped)


def _dumped(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return dump(mode="json")
