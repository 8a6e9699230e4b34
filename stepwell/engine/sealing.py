"""The dispatcher as the engine uses it: tasks leave with values in place of references, outcomes come in the other way
round.

Rules that must stay true here:
- A task without secrets goes straight to the dispatcher behind.
- A task that starts an execution keeps its references: what it starts inherits the secrets. A mocked one keeps them
  too.
- No outcome of a task with secrets goes on before it was searched, whoever told it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final

from msgspec.structs import replace

from stepwell.engine.around import AroundDispatcher
from stepwell.engine.attempt import close
from stepwell.engine.dispatch import (
    Dispatcher,
    Failed,
    JobSubmitted,
    SubmitFailed,
    Submitted,
    Succeeded,
    Task,
    TimedOut,
    Told,
)
from stepwell.engine.refreshing import RefreshFailed
from stepwell.engine.secrets import Secrets
from stepwell.language.model import Resource
from stepwell.store.protocol import StoreError
from stepwell.vault.errors import CannotOpen, VaultUnavailable
from stepwell.vault.pouch import Pouch

logger = logging.getLogger("stepwell.engine")

REFRESH_FAILED: Final = "Stepwell.SecretRefreshFailed"
CANNOT_OPEN: Final = "Stepwell.SecretUnavailable"

_REFUSED: Final = (CannotOpen, VaultUnavailable, RefreshFailed)

_PAUSE: Final = 1.0  # seconds between two tries to reach the store


class SealingDispatcher(AroundDispatcher):
    """A dispatcher in front of another."""

    def __init__(self, inner: Dispatcher, secrets: Secrets) -> None:
        super().__init__(inner)
        self._secrets = secrets

    def run(self, task: Task) -> AsyncIterator[Told]:
        return self._inner.run(task) if task.brand is None else self._run_sealed(task, task.brand)

    async def withdraw(self, task: Task) -> None:
        if task.brand is not None:
            try:
                task = await self._opened(task)
            except _REFUSED as error:
                logger.warning("the job of state %s in %s runs on: %s", task.state_name, task.execution_arn, error)
                return
        await self._inner.withdraw(task)

    async def _run_sealed(self, task: Task, brand: str) -> AsyncIterator[Told]:
        try:
            opened = task if self._keeps_references(task) else await self._opened(task)
            pouch = await self._secrets.pouch(brand)
        except _REFUSED as error:
            yield refusal(task.resource, error)
            return
        outcomes = self._inner.run(opened)
        try:
            with self._secrets.heard.listening(task.execution_arn, pouch):
                async for told in outcomes:
                    yield sealed(told, pouch)
        except Exception as error:  # its text may hold a value: nobody behind this is to log it
            name = type(error).__name__
            logger.error("a defect fails the task of state %s in %s: %s", task.state_name, task.execution_arn, name)
            yield Failed("States.TaskFailed", "An internal error occurred while carrying out the task.")
        finally:
            await close(outcomes)

    def _keeps_references(self, task: Task) -> bool:
        if task.resource.service == "states":
            return True
        mocked = task.test_case is not None
        return mocked and self._inner.answers_activity(task.machine_arn, task.test_case, task.state_name)

    async def _opened(self, task: Task) -> Task:
        """The task with values in place of references, however long the store needs."""
        while True:
            try:
                input = await self._secrets.open(task.input, task)
                submitted = None if task.submitted is None else await self._secrets.open(task.submitted, task)
                return replace(task, input=input, submitted=submitted)
            except StoreError as error:
                logger.warning("sealed values cannot be read, trying again: %s", error)
                await asyncio.sleep(_PAUSE)


def refusal(resource: Resource, error: Exception) -> Failed | SubmitFailed:
    """What it means to a task that its input cannot be opened."""
    name = REFRESH_FAILED if isinstance(error, RefreshFailed) else CANNOT_OPEN
    return (SubmitFailed if resource.pattern == "waitForTaskToken" else Failed)(name, str(error))


def sealed(told: Told, pouch: Pouch) -> Told:
    """What comes from outside, with references in place of values."""
    match told:
        case Succeeded() | Submitted() | JobSubmitted():
            return replace(told, output=pouch.sealed_json(told.output))
        case Failed() | SubmitFailed():
            error = None if told.error is None else pouch.sealed_text(told.error)
            return replace(told, error=error, cause=_sealed_cause(told.cause, pouch))
        case TimedOut():
            return replace(told, cause=_sealed_cause(told.cause, pouch))
    return told


def _sealed_cause(cause: str | None, pouch: Pouch) -> str | None:
    return None if cause is None else pouch.sealed_text(cause)
