"""The workloads as a program of DBOS, run in its own environment: `python dbos_program.py WORKLOAD COUNT DATABASE_URL`.

It prints one JSON object. As DBOS is a library, what is timed are calls in this process.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from dbos import DBOS, SetWorkflowID

SLEEPERS, SLEEP = 20, 5


@DBOS.step()
async def step(value: int) -> int:
    return value + 1


@DBOS.workflow()
async def chain(length: int) -> int:
    value = 0
    for _ in range(length):
        value = await step(value)
    return value


@DBOS.workflow()
async def poll(checks: int) -> int:
    done = 0
    while True:
        done = await step(done)
        if done >= checks:
            return done
        await DBOS.sleep_async(1)


@DBOS.workflow()
async def sleep(seconds: int) -> int:
    await DBOS.sleep_async(seconds)
    return seconds


async def seconds_of(workflow, argument: int) -> float:
    began = time.perf_counter()
    handle = await DBOS.start_workflow_async(workflow, argument)
    await handle.get_result()
    return time.perf_counter() - began


async def all_of(workflow, argument: int, count: int) -> float:
    began = time.perf_counter()
    handles = await asyncio.gather(*(DBOS.start_workflow_async(workflow, argument) for _ in range(count)))
    await asyncio.gather(*(handle.get_result() for handle in handles))
    return time.perf_counter() - began


async def measure(workload: str, count: int) -> dict[str, float]:
    await seconds_of(chain, 1)
    if workload == "chain":
        return {"seconds": statistics.median([await seconds_of(chain, count) for _ in range(3)])}
    if workload == "short":
        return {"seconds": statistics.median([await all_of(chain, 10, count) for _ in range(3)])}
    if workload == "latency":
        return {"seconds": statistics.median([await seconds_of(chain, 1) for _ in range(count)])}
    if workload == "polls":
        return {"seconds": await all_of(poll, 5, count)}
    if workload == "tasks":
        return {"seconds": await all_of(chain, 10, count)}
    if workload == "begin":
        with SetWorkflowID("ended"):
            handle = await DBOS.start_workflow_async(chain, 1)
        await handle.get_result()
        for number in range(SLEEPERS):
            with SetWorkflowID(f"asleep-{number}"):
                await DBOS.start_workflow_async(sleep, SLEEP)
        return {}
    known = await DBOS.get_workflow_status_async("ended")
    ended, deadline = 0, time.monotonic() + 12 * SLEEP
    while ended < SLEEPERS and time.monotonic() < deadline:
        found = [await DBOS.get_workflow_status_async(f"asleep-{number}") for number in range(SLEEPERS)]
        ended = sum(status is not None and status.status == "SUCCESS" for status in found)
        await asyncio.sleep(0.2)
    return {"known": known is not None and known.status == "SUCCESS", "ended": ended}


async def main(workload: str, count: int, url: str) -> None:
    DBOS(config={"name": "benchmark", "system_database_url": url, "run_admin_server": False, "log_level": "CRITICAL"})
    DBOS.launch()
    print(json.dumps(await measure(workload, count)), flush=True)
    if workload == "begin":
        await asyncio.sleep(3600)  # until it is killed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
