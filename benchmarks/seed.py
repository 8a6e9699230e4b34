"""Executions written to a store that no server has open, many to a commit: how a store gets a million of them.

Rules that must stay true here:
- What is written is what the engine would write: each turn is computed by the machine and goes through the store's own
  commit.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.client import MACHINE_ARN
from stepwell.engine.live import new_execution
from stepwell.engine.records import turn_record
from stepwell.engine.requests import StartRequest
from stepwell.language.definition import compile_definition
from stepwell.language.model import Program
from stepwell.machine.advance import advance
from stepwell.machine.stimulus import Start
from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, MachineRow, Store, TurnRecord

GROUP = 4_000


async def seed(file: Path, machine: str, count: int, input_text: str) -> None:
    """Start so many executions of a machine of the store. Raises StoreError, RuntimeError where one is refused."""
    store = await open_store(str(file))
    try:
        row = await store.find_machine(MACHINE_ARN + machine)
        if row is None:
            raise RuntimeError(f"the store has no machine {machine}")
        program = await _program(store, row)
        key = time.time_ns() // 1_000_000 << 21
        for first in range(0, count, GROUP):
            turns = [
                _started(program, row, key + number, input_text) for number in range(first, min(count, first + GROUP))
            ]
            answers = await store.commit(turns)
            if any(answer is not Answer.ACCEPTED for answer in answers):
                raise RuntimeError("the store has refused an execution")
    finally:
        await store.close()


async def _program(store: Store, row: MachineRow) -> Program:
    text = await store.definition(row.definition_hash)
    if text is None:
        raise RuntimeError(f"the store has no definition of {row.arn}")
    return compile_definition(text)


def _started(program: Program, machine: MachineRow, key: int, input_text: str) -> TurnRecord:
    """The first turn of an execution that starts now."""
    now = time.time_ns() // 1_000_000
    name = f"seed-{key}"
    arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
    new = StartRequest(machine=machine, arn=arn, name=name, input=input_text).row(key, now)
    turn = advance(program, new_execution(new), Start(), now, os.urandom(32))
    assert turn is not None
    return turn_record(key, 1, turn, new=new, clock=None, now=now, continued=False)
