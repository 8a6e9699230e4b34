"""From a job to the execution that it is.

Rules that must stay true here:
- A start that was made before is found again, by the name and the key that it has.
- The input of a job that waits is sealed as a whole where anything of it is marked as secret: the execution's start
  takes the secrets out of it.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final

from stepwell.engine.engine import Engine
from stepwell.engine.errors import CannotSeal, ExecutionAlreadyExists, Stopping
from stepwell.engine.requests import StartRequest
from stepwell.jobs.declaration import JobType
from stepwell.store.protocol import StoreError
from stepwell.vault.errors import CannotOpen, VaultUnavailable

logger = logging.getLogger("stepwell.jobs")

SEALED: Final = "sealed:"  # no JSON text begins so


class NotHandedOver(Exception):
    """A job cannot run; the message says why."""


class HandOver:
    """`machine_arn` gives the ARN of a state machine's name; `virtual` says that executions have a virtual clock."""

    def __init__(self, engine: Engine, machine_arn: Callable[[str], str], *, virtual: bool) -> None:
        self._engine = engine
        self._machine_arn = machine_arn
        self._virtual = virtual

    def execution_arn(self, machine: str, id_: str) -> str:
        """The ARN of the execution that a job is."""
        return f"{self._machine_arn(machine).replace(':stateMachine:', ':execution:', 1)}:{id_}"

    async def request(self, job: JobType, key: int, id_: str, input: str) -> StartRequest:
        """The start of a job's execution. Raises NotHandedOver, StoreError."""
        machine = await self._engine.store.find_machine(self._machine_arn(job.machine_name))
        if machine is None or machine.status != "ACTIVE":
            state = "does not exist" if machine is None else "is being deleted"
            raise NotHandedOver(f"The state machine {job.machine_name} {state}.")
        if machine.type != "STANDARD":
            raise NotHandedOver(f"The state machine {job.machine_name} is {machine.type}: a job needs a STANDARD one.")
        return StartRequest(
            machine=machine,
            arn=self.execution_arn(job.machine_name, id_),
            name=id_,
            input=input,
            virtual=self._virtual,
            key=key,
            sensitive=job.sensitive,
        )

    async def start(self, start: StartRequest) -> None:
        """Start it. Raises NotHandedOver, StoreError, Stopping."""
        try:
            await self._engine.start_execution(start)
        except ExecutionAlreadyExists as taken:
            if taken.existing.new.key != start.key:
                text = f"Another execution of {start.machine.name} has the name {start.name}."
                raise NotHandedOver(text) from None
        except CannotSeal as error:
            raise NotHandedOver(f"What is secret in the input cannot be sealed: {error}") from error
        except (Stopping, StoreError):
            raise
        except Exception as error:
            logger.exception("the job %s could not be handed over", start.name)
            raise NotHandedOver(f"The job could not be started: {type(error).__name__}.") from error

    async def kept_input(self, start: StartRequest) -> str:
        """The input as it may be stored while the job waits. Raises NotHandedOver."""
        if not self._engine.secrets.concern(start):
            return start.input
        try:
            cipher = await self._engine.vault.cipher()
        except VaultUnavailable as error:
            raise NotHandedOver(f"What is secret in the input cannot be sealed: {error}") from error
        return SEALED + b64encode(cipher.seal(start.input, start.name)).decode()

    async def opened(self, kept: str, id_: str) -> str:
        """What `kept_input` was made of. Raises NotHandedOver."""
        if not kept.startswith(SEALED):
            return kept
        try:
            return (await self._engine.vault.cipher()).open(b64decode(kept[len(SEALED) :]), id_)
        except (CannotOpen, VaultUnavailable) as error:
            raise NotHandedOver(f"The sealed input cannot be opened: {error}") from error
