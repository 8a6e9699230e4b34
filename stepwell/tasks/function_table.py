"""The tables `[functions.NAME]` of stepwell.toml: how a named function runs, whatever the app or a template says.

Rules that must stay true here:
- A table says what runs, and may say within which limits; what it leaves out stays as it was declared.
- A name that nothing declares becomes a function of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from stepwell.tasks.function import Function
from stepwell.tasks.kinds.code import Code
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint
from stepwell.tasks.kinds.remote_lambda import RemoteLambda

_KINDS = "command, url, lambda"


class FunctionTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table. At most one of `command`, `url` and `lambda` says what runs. `folder` is where a command runs.
    Raises ValueError where it cannot be used."""

    command: tuple[str, ...] | UnsetType = UNSET
    url: str | UnsetType = UNSET
    remote: str | UnsetType = field(default=UNSET, name="lambda")
    folder: str = "."
    timeout: Annotated[float, Meta(gt=0)] | UnsetType = UNSET
    concurrency: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    memory: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    environment: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if sum(kind is not UNSET for kind in (self.command, self.url, self.remote)) > 1:
            raise ValueError(f"only one of {_KINDS} can say what runs")
        self.code()

    def below(self, folder: Path) -> FunctionTable:
        """The same with a relative folder below `folder`."""
        return structs.replace(self, folder=str(folder / self.folder))

    def code(self) -> Code | None:
        """What runs; None where the table does not say it."""
        if self.command is not UNSET:
            return Command(self.command, self.folder)
        if self.url is not UNSET:
            return HttpEndpoint(self.url)
        return None if self.remote is UNSET else RemoteLambda(self.remote)

    def applied(self, function: Function) -> Function:
        """A function that is declared, as this table has it."""
        return structs.replace(
            function,
            code=self.code() or function.code,
            timeout=function.timeout if self.timeout is UNSET else self.timeout,
            concurrency=function.concurrency if self.concurrency is UNSET else self.concurrency,
            memory=function.memory if self.memory is UNSET else self.memory,
            environment={**function.environment, **self.environment},
        )


def with_tables(functions: Iterable[Function], tables: Mapping[str, FunctionTable]) -> list[Function]:
    """The functions as the tables have them, and those that only a table declares.

    Raises ValueError, with a line for each table that declares a function and does not say what runs.
    """
    declared = {function.name: function for function in functions}
    faults: list[str] = []
    for name, table in tables.items():
        function = declared.get(name)
        code = table.code()
        if function is None and code is None:
            faults.append(f"[functions.{name}]: nothing declares this function: say with one of {_KINDS} what runs.")
        elif function is None and code is not None:
            function = Function(name=name, code=code)
        if function is not None:
            declared[name] = table.applied(function)
    if faults:
        raise ValueError("\n".join(faults))
    return list(declared.values())
