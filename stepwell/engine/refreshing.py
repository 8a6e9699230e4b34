"""Refreshers: functions that give a fresh value for one that is near its end.

Rules that must stay true here:
- A value is refreshed once at a time, however many tasks wait for it.
- What a refresher answers is a secret: no message holds any of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from stepwell.engine.attempt import close
from stepwell.engine.dispatch import Failed, Parked, Succeeded, Task, TimedOut, Told
from stepwell.language.errors import SyntaxFault
from stepwell.language.resource import parse_resource
from stepwell.language.values import Json, dumps, loads
from stepwell.vault.pouch import Secret

_ANSWER: Final = 'It has to answer {"value": "…"}, and may say "expires_in" in seconds and "values" by path.'


class RefreshFailed(Exception):
    """A value could not be refreshed; the message names the function and says what it has come to."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What a refresher has answered; `lifetime` is in milliseconds, None where it says nothing about that. `others` are
    fresh values of other secrets, by their paths."""

    value: Json = field(repr=False)
    lifetime: int | None
    others: Mapping[str, Json] = field(repr=False)


class Refreshing:
    """`run` carries out a task."""

    def __init__(self, run: Callable[[Task], AsyncIterator[Told]]) -> None:
        self._run = run
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def at_once(self, what: tuple[str, str], work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, or wait for it where it is under way for the same value; raises what that raises."""
        task = self._under_way.get(what)
        if task is None:
            task = asyncio.ensure_future(_done(work))
            self._under_way[what] = task
            task.add_done_callback(lambda _: self._under_way.pop(what))
        await asyncio.shield(task)

    async def ask(self, function: str, secret: Secret, task: Task, values: Mapping[str, Json]) -> Fresh:
        """Call a refresher in the name of a task. `values` are those of all secrets that name it, by their paths: a
        refresh token beside the token, say. Raises RefreshFailed."""
        try:
            resource = parse_resource(_function_arn(function, task.machine_arn))
        except SyntaxFault as fault:
            raise RefreshFailed(f"The refresher {function} of {secret.path} is no function: {fault.message}") from None
        asked = replace(
            task,
            resource=resource,
            input=dumps(
                {
                    "value": secret.value,
                    "path": secret.path,
                    "values": dict(values),
                    "execution": task.execution_arn,
                }
            ),
            state_name=function.rpartition(":")[2],
            token="",
            brand=None,
            deadline=None,
            test_case=None,
        )
        outcome = await self._outcome(asked)
        if isinstance(outcome, Succeeded):
            return _fresh(outcome.output, function, secret)
        why = outcome.error if isinstance(outcome, Failed | TimedOut) else "no answer"
        raise RefreshFailed(f"The value of {secret.path} could not be refreshed: {function} failed with {why}.")

    async def _outcome(self, asked: Task) -> Told | None:
        outcomes = self._run(asked)
        try:
            async for told in outcomes:
                if not isinstance(told, Parked):
                    return told
            return None
        finally:
            await close(outcomes)


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _function_arn(function: str, machine_arn: str) -> str:
    if function.startswith("arn:"):
        return function
    _, partition, _, region, account, *_ = machine_arn.split(":")
    return f"arn:{partition}:lambda:{region}:{account}:function:{function}"


def _fresh(output: str, function: str, secret: Secret) -> Fresh:
    answer = loads(output)
    value = answer.get("value") if isinstance(answer, dict) else None
    lifetime = answer.get("expires_in") if isinstance(answer, dict) else None
    others = answer.get("values", {}) if isinstance(answer, dict) else None
    if value is None or isinstance(value, dict | list) or not isinstance(lifetime, int | float | None):
        raise RefreshFailed(f"The value of {secret.path} could not be refreshed by {function}. {_ANSWER}")
    if not isinstance(others, dict) or any(
        other is None or isinstance(other, dict | list) for other in others.values()
    ):
        raise RefreshFailed(f"The value of {secret.path} could not be refreshed by {function}. {_ANSWER}")
    return Fresh(value, None if lifetime is None else int(lifetime * 1000), others)
