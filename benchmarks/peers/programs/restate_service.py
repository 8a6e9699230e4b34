"""The workloads as a service of Restate, served in its own environment: `python restate_service.py PORT`."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

import hypercorn.asyncio
import hypercorn.config
import restate

service = restate.Service("benchmark")


async def step(value: int) -> int:
    return value + 1


@service.handler()
async def chain(ctx: restate.Context, length: int) -> int:
    value = 0
    for number in range(length):
        value = await ctx.run_typed(f"step {number}", step, value=value)
    return value


@service.handler()
async def poll(ctx: restate.Context, checks: int) -> int:
    done = 0
    while True:
        done = await ctx.run_typed("check", step, value=done)
        if done >= checks:
            return done
        await ctx.sleep(timedelta(seconds=1))


@service.handler()
async def sleep(ctx: restate.Context, seconds: int) -> int:
    await ctx.sleep(timedelta(seconds=seconds))
    return seconds


if __name__ == "__main__":
    config = hypercorn.config.Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.h2_max_concurrent_streams = 10_000
    config.accesslog = None
    asyncio.run(hypercorn.asyncio.serve(restate.app(services=[service]), config))
