"""Keeps calls that nobody waits for: each is an execution, with Lambda's retries, of one machine of the server's own.

Rules that must stay true here:
- The machine is beside those of the account: no listing shows it, and whoever knows its ARN may look at its executions.
- A call with the request id of one that is kept already is that call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from stepwell.api import arns, configuration
from stepwell.api.context import ApiContext
from stepwell.api.machines import ACTIVE
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import StartRequest
from stepwell.store.protocol import MachineRow
from stepwell.tasks.lambda_later import DEFINITION
from stepwell.tasks.later_call import LaterCall

ACCOUNT: Final = "lambda"
"""What stands in the ARNs for the account, which is a number elsewhere."""

NAME: Final = "InvokeLater"


class KeptCalls:
    """A `KeepCall` on a server's engine."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._arn = arns.prefix(context.region, ACCOUNT, arns.STATE_MACHINE) + NAME

    async def __call__(self, call: LaterCall) -> None:
        text = call.text()
        machine = await self._machine()
        request = StartRequest(
            machine=machine,
            arn=arns.execution_arn(machine.arn, call.request_id),
            name=call.request_id,
            input=text,
            virtual=self._context.clock != "real",
        )
        try:
            await self._context.engine.start_execution(request)
        except ExecutionAlreadyExists:
            return

    async def _machine(self) -> MachineRow:
        """The machine, made by the first call, and brought up to date where an older Stepwell has made it."""
        store, wanted = self._context.store, definition_hash(DEFINITION)
        found = await store.find_machine(self._arn)
        if found is None:
            found = await store.create_machine(self._new(), DEFINITION, {}) or await store.find_machine(self._arn)
        assert found is not None
        if found.definition_hash != wanted:
            now = self._context.now()
            found = replace(found, definition_hash=wanted, revision_id=f"{wanted[:8]}-{now}", update_date=now)
            await store.update_machine(found, DEFINITION)
        return found

    def _new(self) -> MachineRow:
        now = self._context.now()
        return MachineRow(
            arn=self._arn,
            name=NAME,
            type="STANDARD",
            status=ACTIVE,
            definition_hash=definition_hash(DEFINITION),
            role_arn=f"arn:{arns.partition_of(self._context.region)}:iam::{self._context.account}:role/stepwell",
            creation_date=now,
            update_date=now,
            revision_id="INITIAL",
            configuration=configuration.DEFAULT.text(),
        )
