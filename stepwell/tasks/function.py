"""What a function is, and how it is found by the names that AWS Lambda gives it.

Rules that must stay true here:
- A function is a description, not code: the server never imports a handler.
- Any account, region and partition in an ARN leads to the function of that name: a definition runs here as it runs
  there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct, field

from stepwell.tasks.kinds.code import Code
from stepwell.tasks.kinds.event_calls import EventCalls
from stepwell.tasks.kinds.python_callable import PythonCallable, qualified_name

DEFAULT_TIMEOUT = 60.0
"""Seconds. AWS Lambda's own default of 3 is meant to be raised by whoever deploys; here nobody deploys, and 60 is what
most people set: long enough for an ordinary call of an outside service, short enough that a hanging one is seen."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,140}")
_QUALIFIER = re.compile(r"\$LATEST|[a-zA-Z0-9_-]{1,128}")
_ARN = re.compile(r"arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z0-9-]*):(?P<account>\d*):function:(?P<rest>.+)")
_LONGEST_NAME = 512  # characters; an ARN with its qualifier is shorter
_PARTIAL_ARN = re.compile(r"(?P<account>\d{12}):function:(?P<rest>.+)")


class Function(Struct, frozen=True, kw_only=True):
    """A name, the code that is run for it, and within which limits.

    `timeout` is in seconds. `concurrency` is how many calls run at once: others wait their turn, and 0 refuses every
    call as AWS does; None takes what is usual with this kind of code. `memory` is in MB: the function is told it, and
    nothing enforces it; None is all that the machine has. `environment` comes on top of the server's own; `events` says
    what becomes of calls that nobody waits for.
    Raises ValueError where a field is not of this form.
    """

    name: str
    code: Code
    timeout: float = DEFAULT_TIMEOUT
    concurrency: int | None = None
    memory: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    events: EventCalls = field(default_factory=EventCalls)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"function name {self.name!r}: only letters, digits, '-' and '_', at most 140")
        if self.timeout <= 0:
            raise ValueError(f"timeout of function {self.name} must be more than 0 seconds")
        if self.concurrency is not None and self.concurrency < 0:
            raise ValueError(f"concurrency of function {self.name} must be at least 0")
        if self.memory is not None and self.memory < 1:
            raise ValueError(f"memory of function {self.name} must be at least 1 MB")

    @property
    def most_at_once(self) -> int:
        """Calls that run at once."""
        return self.code.usual_concurrency() if self.concurrency is None else self.concurrency

    @classmethod
    def of(
        cls,
        handler: Callable[..., object],
        *,
        name: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        concurrency: int | None = None,
        memory: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Function:
        """The function of a callable of this process; see `PythonCallable.of`, which raises ValueError."""
        return cls(
            name=name or qualified_name(handler).replace(".", "_"),
            code=PythonCallable.of(handler),
            timeout=timeout,
            concurrency=concurrency,
            memory=memory,
            environment=dict(environment or {}),
        )


class FunctionName(Struct, frozen=True):
    """A function's name in any form that AWS Lambda's Invoke takes."""

    name: str
    qualifier: str | None = None
    partition: str = "aws"
    region: str | None = None
    account: str | None = None

    @staticmethod
    def parse(text: str) -> FunctionName | None:
        """`name`, `name:qualifier`, `123456789012:function:name`, or an ARN, each with or without qualifier.

        None where the text is none of these.
        """
        return _parse(text) if len(text) <= _LONGEST_NAME else None

    def arn(self, region: str, account: str) -> str:
        """The function's ARN without qualifier; what the name leaves out is taken from the arguments."""
        return f"arn:{self.partition}:lambda:{self.region or region}:{self.account or account}:function:{self.name}"


@lru_cache(maxsize=1024)  # a state names the same function each time, and each call looks its name up
def _parse(text: str) -> FunctionName | None:
    found = _ARN.fullmatch(text) or _PARTIAL_ARN.fullmatch(text)
    parts = found.groupdict() if found else {}
    name, colon, qualifier = parts.get("rest", text).partition(":")
    if not _NAME.fullmatch(name) or (colon and not _QUALIFIER.fullmatch(qualifier)):
        return None
    partition, region, account = parts.get("partition", "aws"), parts.get("region"), parts.get("account")
    return FunctionName(name, qualifier or None, partition, region, account)


class FunctionRegistry:
    """The functions that this server has, by name."""

    def __init__(self, functions: Iterable[Function] = ()) -> None:
        self._functions: dict[str, Function] = {}
        for function in functions:
            self.add(function)

    def add(self, function: Function) -> None:
        """Raises ValueError where the name is taken."""
        if function.name in self._functions:
            raise ValueError(f"there are two functions named {function.name}")
        self._functions[function.name] = function

    def find(self, text: str) -> Function | None:
        """The function that a name, a qualified name or an ARN leads to, whatever its version, account or region."""
        named = FunctionName.parse(text)
        return None if named is None else self._functions.get(named.name)

    def __iter__(self) -> Iterator[Function]:
        return iter(self._functions.values())

    def __len__(self) -> int:
        return len(self._functions)
