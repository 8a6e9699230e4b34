"""Records a database as the present version leaves it: later versions must bring it up to date, and go on with it.

    python -m tests.store.upgrades.record

writes `NNNN.sql` beside this file, named for the schema. It is run once a schema, with the code of the last version
that makes it, and what it wrote is never changed. It uses what the first version offered, and of what came later what
is there.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from stepwell.engine.dispatch import Submitted, Task
from stepwell.engine.requests import StartRequest
from stepwell.tasks.nested_execution import NestedExecution
from tests.engine.house import ACTIVITY, ARN, Gate, Handlers, House, until

HERE = Path(__file__).parent
HOUR = 3600
LARGE = "large " * 200
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


def branch(**states: Any) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def resting(name: str) -> dict[str, Any]:
    return branch(**{name: {"Type": "Wait", "Seconds": HOUR, "End": True}})


CHILD = resting("Lie")


def task(resource: str, **members: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, "ResultPath": None, "End": True, **members}


NESTED = {"StateMachineArn": f"{ARN}stateMachine:Child", "Name": "kid", "Input": {"n": 1}}
TOKEN = {"FunctionName": "Hand", "Payload": {"token.$": "$$.Task.Token"}}
DISTRIBUTED = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}

# One of everything that can be under way when a server goes.
BRANCHES = [
    branch(
        Count={"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "Enough"},
        Enough={
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThanEquals": 3, "Next": "Done"}],
            "Default": "Rest",
        },
        Rest={"Type": "Wait", "Seconds": HOUR, "Next": "Count"},
        Done={"Type": "Succeed"},
    ),
    branch(
        Each={
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemProcessor": resting("Pause"),
            "ResultPath": "$.each",
            "End": True,
        }
    ),
    branch(Dig=task(f"{FUNCTION}Dig", TimeoutSeconds=300 * HOUR)),
    branch(Hand=task("arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters=TOKEN)),
    branch(Work=task(ACTIVITY)),
    branch(Nest=task("arn:aws:states:::states:startExecution.sync:2", Parameters=NESTED)),
    branch(
        Spread={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {**DISTRIBUTED, **resting("Stay")},
            "ResultPath": "$.spread",
            "End": True,
        }
    ),
]
ALL = branch(All={"Type": "Parallel", "Branches": BRANCHES, "End": True})
FAILS = branch(Try=task(f"{FUNCTION}Fails", Retry=[]))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 -"
INPUT = {"n": 0, "items": [1, 2, 3], "text": LARGE}


class Recorded(Handlers):
    """Handlers that start executions too."""

    nested = NestedExecution()

    def run(self, task: Task) -> AsyncIterator[Any]:  # type: ignore[override]
        return self.nested.run(task) if task.resource.service == "states" else super().run(task)

    def child_outcome(self, resource: Any, child: Any) -> Any:
        return self.nested.child_outcome(resource, child)


async def submitted(_: Task) -> AsyncIterator[Any]:
    yield Submitted("{}")


async def fill(house: House) -> None:
    """Executions that are under way, and some that have ended."""
    from stepwell.engine.dispatch import Failed

    async def fails(_: Task) -> AsyncIterator[Any]:
        yield Failed("Bad", "so it is")

    house.dispatcher = Recorded(Dig=Gate(), Hand=submitted, Try=fails)
    await house.restart()
    await house.activity()
    await house.machine(CHILD, "Child")
    traced = {"trace": TRACE} if "trace" in inspect.signature(StartRequest).parameters else {}
    await house.start(await house.machine(ALL, "All"), INPUT, "all", **traced)
    await house.run(branch(Say={"Type": "Pass", "End": True}), {"text": LARGE}, name="said")
    await house.end(await house.start(await house.machine(FAILS, "Fails"), {"n": 1}, "failed"))
    await house.start(await house.machine(CHILD, "Child"), {}, "virtual", clock=1_700_000_000_000)
    await until(lambda: len(house.dispatcher.running) == 1)
    await until(lambda: _rests(house.path))
    await _of_later(house)


def _rests(path: Path) -> bool:
    """Whether all of it waits: four on the map run and in the other branches, two of the inline Map."""
    with sqlite3.connect(path) as connection:
        (waiting,) = connection.execute("SELECT count(*) FROM timers WHERE name LIKE '%|wait'").fetchone()
        (messages,) = connection.execute("SELECT count(*) FROM effects WHERE kind = 'message'").fetchone()
    return bool(waiting == 7 and messages == 0)


async def _of_later(house: House) -> None:
    """What the first version did not have."""
    store = house.store
    if hasattr(store, "vault"):
        await _write(house, "INSERT INTO vault_values VALUES ('brand', 'v1', '$.token', 1, NULL, NULL, NULL, x'00')")
        await _write(
            house, "INSERT INTO vault_holders SELECT key, 'brand', NULL, NULL FROM executions WHERE name = 'virtual'"
        )
        await _write(house, "INSERT INTO vault_keys VALUES (1, x'00ff')")
    if hasattr(store, "leases"):
        from stepwell.store.leases import LeaseRow

        await store.leases.keep(LeaseRow(b"call", b"token", "Dig", "worker", 1))
    if hasattr(store, "jobs"):
        await _jobs(house)
    if hasattr(store, "schedules"):
        await _schedules(house)
    if hasattr(store, "logs"):
        from stepwell.store.logs import LogChunk

        places = {"first_time": 1, "last_time": 2, "first_place": 1, "last_place": 2, "lines": 2}
        await store.logs.append([LogChunk(group="/aws/lambda/Dig", stream="stream", data=b"lines", **places)], 1)
    if hasattr(store, "connections"):
        from stepwell.store.connections import ConnectionRow

        row = {"place": "p", "name": "vendor", "arn": "a", "kind": "BASIC", "description": None, "shown": "{}"}
        await store.connections.add(ConnectionRow(**row, box=b"sealed", version="1", created=1, modified=1))
    if hasattr(store, "notices"):
        from stepwell.store.notices import NewDelivery, RuleRow

        rule = {"id": 0, "machine": "*", "statuses": ("FAILED",), "channel": "http://127.0.0.1/", "declared": False}
        await store.notices.add_rule(RuleRow(**rule, created=1))
        told = {"event_id": "e", "lane": "l", "destination": "d", "channel": "http://127.0.0.1/", "body": "{}"}
        await store.notices.write([NewDelivery(**told, created=1)])


async def _jobs(house: House) -> None:
    """A job that runs, one that waits, one that has ended and one that never began."""
    from stepwell.store.jobs import NewJob

    def job(name: str) -> Any:
        given = {"id": name, "type": "report", "created_at": 1, "expires_at": 1 << 50, "group": "g"}
        if name != "waiting" and "callback" in inspect.signature(NewJob).parameters:
            given["callback"] = "http://127.0.0.1/"
        return NewJob(**given)

    await house.start(await house.machine(CHILD, "Child"), {}, "working", job=job("running"))
    quick = await house.machine(branch(Say={"Type": "Pass", "End": True}), "Say")
    await house.end(await house.start(quick, {}, "worked", job=job("ended")))
    await house.store.jobs.enqueue(house.engine.draw_key(), job("waiting"), "{}")
    await house.store.jobs.keep_ended(house.engine.draw_key(), job("refused"), "{}", "Bad", "so it is")


async def _schedules(house: House) -> None:
    from stepwell.store.schedules import Advance, GroupRow, ScheduleRow

    group = f"{ARN}schedule-group/default"
    await house.store.schedules.create_group(GroupRow(arn=group, name="default", created=1, modified=1))
    given = {"arn": f"{ARN}schedule/default/daily", "group_arn": group, "group_name": "default", "name": "daily"}
    when = {"expression": "rate(1 day)", "timezone": "UTC", "target": "{}", "state": "ENABLED"}
    made = await house.store.schedules.create(
        ScheduleRow(**given, **when, created=1, modified=1, anchor=1, next_due=1000)
    )
    await house.store.schedules.advance([Advance(made, 2000, [(1000, 1000)])])


async def _write(house: House, statement: str, *values: Any) -> None:
    await house.store._store._writer.write(lambda connection: connection.execute(statement, values).rowcount)


def dump(path: Path) -> str:
    """The database as a script, with what SQLite's own dump leaves out."""
    connection = sqlite3.connect(path)
    pragmas = [
        f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};"
        for name in ("application_id", "user_version")
    ]
    return "\n".join([*pragmas, *connection.iterdump(), ""])


async def main() -> None:
    path = Path(tempfile.mkdtemp()) / "store.db"
    await fill(await House(path).open())
    text = dump(path)
    version = sqlite3.connect(path).execute("PRAGMA user_version").fetchone()[0]
    (Path(os.environ.get("RECORDED", HERE)) / f"{version:04}.sql").write_text(text, encoding="utf-8")
    print(json.dumps({"schema": version, "bytes": len(text)}))
    sys.stdout.flush()
    os._exit(0)  # as a crash would: nothing is told, nothing is tidied up


if __name__ == "__main__":
    asyncio.run(main())
