"""Keeps calls that nobody waits for: each is an execution, with Lambda's retries, of a machine of the server's own.

Rules that must stay true here:
- The machines are beside those of the account: no listing shows them, and whoever knows an ARN may look at executions.
- A call with the request id of one that is kept already is that call.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from stepwell.api import arns, configuration
from stepwell.api.context import ApiContext
from stepwell.api.machines import ACTIVE
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import StartRequest
from stepwell.store.protocol import MachineRow
from stepwell.tasks.lambda_later import DEFINITION, LARGE_DEFINITION, SMALL
from stepwell.tasks.later_call import KeptCall, LaterCall

ACCOUNT: Final = "lambda"
"""What stands in the ARNs for the account, which is a number elsewhere."""

_NAMES: Final = {DEFINITION: "InvokeLater", LARGE_DEFINITION: "InvokeLaterLarge"}


class KeptCalls:
    """A `KeepCalls` on a server's engine."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def __call__(self, call: LaterCall) -> None:
        text = call.text()
        # A secret is opened in what travels with the task, and nowhere else.
        small = call.secret or len(text.encode("utf-8", "replace")) <= SMALL
        machine = await self._machine(DEFINITION if small else LARGE_DEFINITION)
        request = StartRequest(
            machine=machine,
            arn=arns.execution_arn(machine.arn, call.request_id),
            name=call.request_id,
            input=text,
            virtual=self._context.clock != "real",
            sensitive="$.event" if call.secret else None,
            trace=call.trace,
        )
        try:
            await self._context.engine.start_execution(request)
        except ExecutionAlreadyExists:
            return

    async def read(self, execution_arn: str) -> KeptCall:
        found = await self._context.store.find_execution(execution_arn)
        if found is None:
            raise LookupError(execution_arn)
        return KeptCall(LaterCall.read(found.new.input), found.new.start_date)

    async def _machine(self, definition: str) -> MachineRow:
        """The machine, made by the first call, and brought up to date where an older Stepwell has made it."""
        name, store, wanted = _NAMES[definition], self._context.store, definition_hash(definition)
        arn = arns.prefix(self._context.region, ACCOUNT, arns.STATE_MACHINE) + name
        found = await store.find_machine(arn)
        if found is None:
            row = self._new(arn, name, wanted)
            found = await store.create_machine(row, definition, {}) or await store.find_machine(arn)
        assert found is not None
        if found.definition_hash != wanted:
            now = self._context.now()
            found = replace(found, definition_hash=wanted, revision_id=f"{wanted[:8]}-{now}", update_date=now)
            await store.update_machine(found, definition)
        return found

    def _new(self, arn: str, name: str, hash: str) -> MachineRow:
        now = self._context.now()
        return MachineRow(
            arn=arn,
            name=name,
            type="STANDARD",
            status=ACTIVE,
            definition_hash=hash,
            role_arn=f"arn:{arns.partition_of(self._context.region)}:iam::{self._context.account}:role/stepwell",
            creation_date=now,
            update_date=now,
            revision_id="INITIAL",
            configuration=configuration.DEFAULT.text(),
        )
